//! The corpus: small files, one a complaint about an importer, and what must come of each.

use std::{collections::BTreeSet, fs, path::PathBuf};

use rally_core::{
    CompanyDraft, ContactDraft, Engine, Error, ImportOptions, PipelineDraft, PipelineStageDraft, Session,
    StageOutcome, TenantDraft, UserDraft,
};

/// A file, how it is imported, and what must come of it.
#[derive(Clone, Debug)]
pub struct CorpusCase {
    /// The name of the file.
    pub file: String,
    /// The resource, as in paths.
    pub resource: String,
    /// The options by the names that the API has for them.
    pub options: Vec<(String, String)>,
    /// What must come of it: a word, and what it is about.
    pub expected: Vec<(String, String)>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus"].iter().collect()
}

/// Every case of the corpus.
///
/// # Panics
/// Panics if a file has no line, or a line no file.
#[must_use]
pub fn corpus() -> Vec<CorpusCase> {
    let text = fs::read_to_string(folder().join("corpus.txt")).expect("the corpus has its lines");
    let mut cases: Vec<CorpusCase> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(expected) => {
                let case = cases.last_mut().expect("a file's line comes first");
                case.expected.push(pair(expected, ' '));
            }
            None => cases.push(case(line)),
        }
    }
    let told: BTreeSet<String> = cases.iter().map(|case| case.file.clone()).collect();
    let entries = fs::read_dir(folder()).expect("the corpus is a folder");
    let there: BTreeSet<String> = entries
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "corpus.txt")
        .collect();
    assert_eq!(told, there, "each file has its line");
    cases
}

fn pair(text: &str, between: char) -> (String, String) {
    let (name, value) = text.split_once(between).expect("a word and what it is about");
    (name.to_owned(), value.to_owned())
}

fn case(line: &str) -> CorpusCase {
    let mut words = line.split(' ');
    let mut word = || words.next().expect("a file and a resource").to_owned();
    let (file, resource) = (word(), word());
    CorpusCase { file, resource, options: words.map(|word| pair(word, '=')).collect(), expected: Vec::new() }
}

impl CorpusCase {
    /// The bytes of the file.
    ///
    /// # Panics
    /// Panics if there is no such file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(folder().join(&self.file)).expect("the file is there")
    }

    /// The options for an import of a linked engine.
    ///
    /// # Panics
    /// Panics at an option that there is not.
    #[must_use]
    pub fn import_options(&self) -> ImportOptions {
        let mut options = ImportOptions::new();
        for (name, value) in &self.options {
            options = match name.as_str() {
                "mode" => options.mode(value.parse().expect("a mode")),
                "delimiter" => options.delimiter(value.chars().next().expect("a delimiter")),
                "charset" => options.charset(value),
                "decimal" => options.decimal(value.parse().expect("a mark")),
                "dateOrder" => options.date_order(value.parse().expect("an order")),
                "ignore" => options.ignore(value),
                "guard" => options.without_guard(),
                name => panic!("{name} is no option"),
            };
        }
        options
    }
}

/// A tenant with the records that files of the corpus refer to.
///
/// # Panics
/// Panics if the engine refuses one of them.
#[must_use]
pub fn corpus_world(engine: &Engine, slug: &str) -> Session {
    let made = || -> Result<Session, Error> {
        let acme = engine.create_tenant(&TenantDraft::new(slug))?.trusted_session("corpus")?;
        acme.companies().create(&CompanyDraft::new("Looms Ltd").domain("looms.example"))?;
        acme.companies().create(&CompanyDraft::new("Twins"))?;
        acme.companies().create(&CompanyDraft::new("Twins"))?;
        acme.users().create(&UserDraft::new("grace@x.example", "Grace Hopper"))?;
        let ada = ContactDraft::new("Ada", "Lovelace", "ada@x.example").phone("1").city("Rome");
        acme.contacts().create(&ada)?;
        let won = PipelineStageDraft::new("Closed Won").outcome(StageOutcome::Won);
        let stages = vec![PipelineStageDraft::new("Lead"), won];
        acme.pipelines().create(&PipelineDraft::new("Others", stages))?;
        Ok(acme)
    };
    made().expect("good drafts")
}

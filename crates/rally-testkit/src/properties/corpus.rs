//! Files that importers of other programs were complained about, and what must come of each: the folder `corpus`.

use std::{collections::BTreeSet, fs, io::Cursor, path::PathBuf, sync::Arc};

use rally_core::{
    Collection, CompanyDraft, ContactDraft, Engine, Error, ExportOptions, Format, ImportOptions,
    ImportReport, PipelineDraft, PipelineStageDraft, Query, Session, StageOutcome, TenantDraft, UserDraft,
    schema::Tabular, store::Store,
};

use super::{Property, engine::tenant};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![Property::of(each_file_of_the_corpus_comes_to_what_its_line_says)]
}

/// A file, how it is imported, and what must come of it.
struct Case<'c> {
    file: &'c str,
    resource: &'c str,
    options: ImportOptions,
    expected: Vec<(&'c str, &'c str)>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus"].iter().collect()
}

fn each_file_of_the_corpus_comes_to_what_its_line_says(store: &Arc<dyn Store>) {
    let first = tenant(Arc::clone(store));
    let text = fs::read_to_string(folder().join("corpus.txt")).expect("the corpus has its lines");
    let cases = cases(&text);
    let check_one = |(number, case)| check(&world(first.engine(), number), case);
    let wrong: Vec<String> = cases.iter().enumerate().flat_map(check_one).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let told: BTreeSet<String> = cases.iter().map(|case| case.file.to_owned()).collect();
    let there: BTreeSet<String> = fs::read_dir(folder())
        .expect("the corpus is a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "corpus.txt")
        .collect();
    assert_eq!(told, there, "each file has its line");
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(expected) => {
                let case = cases.last_mut().expect("a file's line comes first");
                case.expected.push(expected.split_once(' ').expect("a word and what it is about"));
            }
            None => cases.push(case(line)),
        }
    }
    cases
}

fn case(line: &str) -> Case<'_> {
    let mut words = line.split(' ');
    let (file, resource) = (words.next().expect("a file"), words.next().expect("a resource"));
    let mut options = ImportOptions::new();
    for option in words {
        let (name, value) = option.split_once('=').expect("an option and its value");
        options = match name {
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
    Case { file, resource, options, expected: Vec::new() }
}

/// A tenant with the records that files refer to.
fn world(engine: &Engine, number: usize) -> Session {
    let made = || -> Result<Session, Error> {
        let acme =
            engine.create_tenant(&TenantDraft::new(format!("t{number}")))?.trusted_session("corpus")?;
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

/// What did not come of a file as its line says.
fn check(acme: &Session, case: &Case<'_>) -> Vec<String> {
    match case.resource {
        "contacts" => check_in(acme.contacts(), case),
        "companies" => check_in(acme.companies(), case),
        "deals" => check_in(acme.deals(), case),
        "activities" => check_in(acme.activities(), case),
        resource => panic!("{resource} has no files"),
    }
}

fn check_in<R: Tabular>(records: Collection<'_, R>, case: &Case<'_>) -> Vec<String> {
    let bytes = fs::read(folder().join(case.file)).expect("the file is there");
    let import = |options: &ImportOptions| records.import(Cursor::new(&bytes), options);
    let rehearsed = import(&case.options.clone().dry_run());
    let before = exported(records);
    let result = import(&case.options);
    let told = |result: &Result<ImportReport, Error>| match result {
        Ok(report) => format!("{:?}", ImportReport::clone(report).errors) + &counts(report),
        Err(error) => error.to_string(),
    };
    let mut wrong = Vec::new();
    if told(&rehearsed) != told(&result) {
        wrong.push(format!("{}: a dry run says {}", case.file, told(&rehearsed)));
    }
    let after = exported(records);
    for (what, expected) in &case.expected {
        let is_so = match (*what, &result) {
            ("is", _) => true,
            ("refuses", Err(error)) => error.to_string() == format!("file {expected}") && before == after,
            ("counts", Ok(report)) => counts(report) == *expected,
            ("error", Ok(report)) => report.errors.iter().any(|error| error == expected),
            ("unknown", Ok(report)) => report.unknown_columns.join(", ") == *expected,
            ("charset", Ok(report)) => report.charset.as_deref() == Some(expected),
            ("delimiter", Ok(report)) => report.delimiter == expected.chars().next(),
            ("has", Ok(_)) => after.contains(expected),
            _ => false,
        };
        if !is_so {
            wrong.push(format!("{}: {what} {expected}: not so of {}\n{after}", case.file, told(&result)));
        }
    }
    wrong
}

fn counts(report: &ImportReport) -> String {
    let refused = report.skipped - report.unchanged;
    format!("{} {} {} {refused}", report.created, report.updated, report.unchanged)
}

fn exported<R: Tabular>(records: Collection<'_, R>) -> String {
    let mut file = Vec::new();
    let options = ExportOptions::new(Format::Csv).without_guard();
    let rows = records.export_with(&mut file, &options, Query::all(), &mut |_| {});
    rows.expect("the store is well");
    String::from_utf8(file).expect("UTF-8")
}

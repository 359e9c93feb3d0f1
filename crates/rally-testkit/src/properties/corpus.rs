//! Files that importers of other programs were complained about, and what must come of each: the folder `corpus`.

use std::{io::Cursor, sync::Arc};

use rally_core::{
    Collection, Error, ExportOptions, Format, ImportOptions, ImportReport, Query, Session, schema::Tabular,
    store::Store,
};

use super::{Property, engine::tenant};
use crate::corpus::{CorpusCase, corpus, corpus_world};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![Property::of(each_file_of_the_corpus_comes_to_what_its_line_says)]
}

fn each_file_of_the_corpus_comes_to_what_its_line_says(store: &Arc<dyn Store>) {
    let first = tenant(Arc::clone(store));
    let cases = corpus();
    let check_one = |(number, case)| check(&corpus_world(first.engine(), &format!("t{number}")), case);
    let wrong: Vec<String> = cases.iter().enumerate().flat_map(check_one).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What did not come of a file as its line says.
fn check(acme: &Session, case: &CorpusCase) -> Vec<String> {
    match case.resource.as_str() {
        "contacts" => check_in(acme.contacts(), case),
        "companies" => check_in(acme.companies(), case),
        "deals" => check_in(acme.deals(), case),
        "activities" => check_in(acme.activities(), case),
        resource => panic!("{resource} has no files"),
    }
}

fn check_in<R: Tabular>(records: Collection<'_, R>, case: &CorpusCase) -> Vec<String> {
    let (bytes, options) = (case.bytes(), case.import_options());
    let import = |options: &ImportOptions| records.import(Cursor::new(&bytes), options);
    let rehearsed = import(&options.clone().dry_run());
    let before = exported(records);
    let result = import(&options);
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
        let is_so = match (what.as_str(), &result) {
            ("is", _) => true,
            ("refuses", Err(error)) => error.to_string() == format!("file {expected}") && before == after,
            ("counts", Ok(report)) => counts(report) == *expected,
            ("error", Ok(report)) => report.errors.iter().any(|error| error == expected),
            ("unknown", Ok(report)) => report.unknown_columns.join(", ") == *expected,
            ("charset", Ok(report)) => report.charset.as_ref() == Some(expected),
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

use std::io::Cursor;

use rally_core::{Collection, Error, Format, ImportOptions, ImportReport, Query, Session, schema::Tabular};
use rally_testkit::{CorpusCase, corpus, corpus_world};
use serde_json::{Value, json};

use crate::support::{Answer, Api, mint};

/// The parameters of a case, as a query has them.
fn query(case: &CorpusCase) -> String {
    let parameter = |(name, value): &(String, String)| match name.as_str() {
        "ignore" => format!("mapping=%7B%22{value}%22:null%7D"),
        _ => format!("{name}={}", value.replace('^', "%5E").replace(';', "%3B")),
    };
    case.options.iter().map(parameter).collect::<Vec<_>>().join("&")
}

/// A text in which each id stands for all ids.
fn without_ids(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_hexdigit() || c == '-';
    let words = text.split_inclusive(|c| !is_part(c));
    let hide = |word: &str| {
        let (id, rest) = word.split_at(word.trim_end_matches(|c| !is_part(c)).len());
        let is_id = id.len() == 36 && id.bytes().filter(|byte| *byte == b'-').count() == 4;
        format!("{}{rest}", if is_id { "…" } else { id })
    };
    words.map(hide).collect()
}

/// The report or the refusal of a linked import, as the API would tell it.
fn linked<R: Tabular>(records: Collection<'_, R>, bytes: &[u8], options: &ImportOptions) -> String {
    let report: Result<ImportReport, Error> = records.import(Cursor::new(bytes), options);
    match report {
        Ok(report) => without_ids(&json!(report).to_string()),
        Err(error) => without_ids(error.detail()),
    }
}

fn served(answer: &Answer) -> String {
    let body = answer.value();
    match (answer.status.as_u16(), &body["detail"]) {
        (200, _) => without_ids(&body.to_string()),
        (400, Value::String(detail)) => without_ids(detail),
        _ => panic!("{answer}"),
    }
}

fn exported<R: Tabular>(records: Collection<'_, R>) -> Vec<u8> {
    let mut file = Vec::new();
    records.export(&mut file, Format::Csv, Query::all()).unwrap();
    file
}

/// Imports a file in both ways, into two tenants alike, and compares what is told and what is there.
fn compare<R: Tabular>(
    api: &Api,
    case: &CorpusCase,
    [first, second]: [&Session; 2],
    of: fn(&Session) -> Collection<'_, R>,
) {
    let slug = &second.tenant().slug;
    let key = mint(&api.engine, slug, "write");
    let path = format!("/api/v1/importexport/{}", case.resource);
    let (bytes, options, query) = (case.bytes(), case.import_options(), query(case));
    let kind = if case.file.ends_with(".xlsx") {
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    } else {
        "text/csv"
    };
    for dry in ["dryRun=true&", ""] {
        let options = if dry.is_empty() { options.clone() } else { options.clone().dry_run() };
        let ask = api.post(&format!("{path}/import?{dry}{query}"), bytes.clone());
        let answer = ask.key(&key).header("Content-Type", kind).send();
        assert_eq!(served(&answer), linked(of(first), &bytes, &options), "{} {dry}", case.file);
    }
    let text = |bytes: &[u8]| without_ids(std::str::from_utf8(bytes).unwrap());
    assert_eq!(text(&exported(of(first))), text(&exported(of(second))), "{}", case.file);
    let sent = api.get(&format!("{path}/export")).key(&key).send().is(200);
    assert_eq!(sent.bytes, exported(of(second)), "{}", case.file);
}

#[test]
fn every_file_of_the_corpus_comes_to_the_same_over_http_as_linked() {
    let api = Api::unlimited();
    let cases = corpus();
    assert!(cases.len() > 50, "{}", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let worlds = ["linked", "served"].map(|way| corpus_world(&api.engine, &format!("{way}-{number}")));
        let both = [&worlds[0], &worlds[1]];
        match case.resource.as_str() {
            "contacts" => compare(&api, case, both, Session::contacts),
            "companies" => compare(&api, case, both, Session::companies),
            "deals" => compare(&api, case, both, Session::deals),
            "activities" => compare(&api, case, both, Session::activities),
            resource => panic!("{resource} has no files"),
        }
    }
}

use std::sync::Arc;

use rally_core::{FileLimits, store::MemoryStore};
use rally_http::{Config, FileOptions};
use rally_testkit::{FaultyStore, WriteFault};
use serde_json::Value;

use super::{FILE, check_refused, counts};
use crate::support::{Answer, Api, Setting};

const LINES: &str = "application/x-ndjson";

/// An API whose imports commit each row by itself.
fn api(store: Arc<FaultyStore>) -> Api {
    let limits = FileLimits { rows_at_once: 1, ..FileLimits::default() };
    let files = FileOptions { limits, ..FileOptions::default() };
    Api::with(Setting { store, http: Config { files, ..Config::default() }, ..Setting::default() })
}

fn faulty() -> Arc<FaultyStore> {
    Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())))
}

/// The lines of an answer, each by its type.
fn lines(answer: &Answer) -> Vec<(String, Value)> {
    assert_eq!(answer.header("Content-Type"), LINES);
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["type"].as_str().unwrap().to_owned(), line)
    };
    answer.body.lines().map(read).collect()
}

fn types(lines: &[(String, Value)]) -> Vec<&str> {
    lines.iter().map(|(kind, _)| kind.as_str()).collect()
}

#[test]
fn an_import_tells_how_it_goes_on_when_that_is_asked_for() {
    let api = api(faulty());
    let import = |accepted: &str, query: &str| {
        api.import(query, format!("{FILE},,\nC,D,c\n")).header("Accept", accepted).send().is(200)
    };
    let told = lines(&import("application/json;q=0.5, Application/X-NDJSON", ""));
    assert_eq!(types(&told), ["columns", "progress", "progress", "progress", "report"]);
    assert_eq!(told[0].1["columns"], serde_json::json!(["firstName", "lastName", "email"]));
    let progress: Vec<_> = told[1..4].iter().map(|(_, line)| (&line["rows"], &line["refused"])).collect();
    assert_eq!(progress, [(&1.into(), &0.into()), (&2.into(), &0.into()), (&3.into(), &1.into())]);
    assert!(told[3].1["rate"].is_u64());
    let (_, report) = told.last().unwrap();
    assert_eq!((counts(report), &report["replayed"]), ([2, 0, 0, 1], &false.into()));
    assert_eq!(report["errors"].as_array().unwrap().len(), 1);

    let told = lines(&import(LINES, "?errors=file"));
    let (_, refused) = &told[1];
    assert_eq!(types(&told)[..2], ["columns", "refused"]);
    let expected = (&2.into(), &"duplicate".into(), &serde_json::json!(["Ada", "Lovelace", "ada@x.example"]));
    assert_eq!((&refused["row"], &refused["code"], &refused["cells"]), expected);
    for accepted in ["application/json", "*/*", "application/x-ndjson2"] {
        assert_eq!(import(accepted, "").header("Content-Type"), "application/json", "{accepted}");
    }
}

#[test]
fn the_last_line_of_a_repeated_import_says_so() {
    let api = api(faulty());
    let import =
        || api.import("", FILE).header("Accept", LINES).header("Idempotency-Key", "k").send().is(200);
    for expected in [false, true] {
        assert_eq!(lines(&import()).last().unwrap().1["replayed"], expected);
    }
}

#[test]
fn what_fails_before_the_first_row_is_a_problem_and_what_fails_later_a_line() {
    let store = faulty();
    let api = api(store.clone());
    let ask = || api.import("", FILE).header("Accept", LINES);
    let empty = api.import("", "").header("Accept", LINES);
    check_refused(
        &api,
        empty,
        "400 validation: file is empty; its first row must be the names of its columns",
    );
    store.fail_write(1, WriteFault::Unavailable);
    let told = lines(&ask().send().is(200));
    assert_eq!(types(&told), ["columns", "progress", "problem"]);
    let (_, last) = told.last().unwrap();
    assert_eq!((&last["problem"]["status"], &last["problem"]["code"]), (&503.into(), &"unavailable".into()));
    assert_eq!(api.last_names(), ["Lovelace"], "whole rows have been applied, and no others");
}

use std::sync::Arc;

use insta::assert_snapshot;
use rally_core::{FileLimits, store::MemoryStore};
use rally_http::{Config, FileOptions};
use rally_testkit::{FaultyStore, WriteFault};

use super::{FILE, check_refused, counts, path};
use crate::support::{ADA, Api, Setting, mint};

/// An API whose imports commit after so many rows.
fn committing_after(rows_at_once: usize, store: Arc<FaultyStore>) -> Api {
    let limits = FileLimits { rows_at_once, ..FileLimits::default() };
    let files = FileOptions { limits, ..FileOptions::default() };
    Api::with(Setting { store, http: Config { files, ..Config::default() }, ..Setting::default() })
}

fn faulty() -> Arc<FaultyStore> {
    Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())))
}

#[test]
fn the_answer_tells_what_came_of_a_file_and_what_was_assumed_of_it() {
    let api = Api::new();
    api.add("ada@x.example");
    let file = "E-Mail;First name;lastName;Fax\nada@x.example;Ada;King;1\nbob@x.example;Bob;Hill;2\nc;C;D;\n";
    let answer = api.import("", file).send().is(200);
    assert_eq!(answer.header("Content-Type"), "application/json");
    assert_snapshot!(format!("{:#}", answer.value()), @r#"
    {
      "charset": "UTF-8",
      "created": 1,
      "delimiter": ";",
      "dryRun": false,
      "errors": [
        "Row 2: another contact has this email",
        "Row 4: email is not an e-mail address"
      ],
      "imported": 1,
      "mapping": {
        "E-Mail": "email",
        "First name": "firstName",
        "lastName": "lastName"
      },
      "skipped": 2,
      "totalRows": 3,
      "unchanged": 0,
      "unknownColumns": [
        "Fax"
      ],
      "updated": 0
    }
    "#);
    assert_eq!(api.last_names(), ["Lovelace", "Hill"]);
}

#[test]
fn every_parameter_changes_how_a_file_is_read() {
    for (query, file, expected) in [
        ("?mode=upsert", "email,lastName\nada@x.example,King\n", [0, 1, 0, 0]),
        ("?mode=update", "email,lastName\nada@x.example,Lovelace\nbob@x.example,Hill\n", [0, 0, 1, 1]),
        ("?mode=upsert&dryRun=true", "email,lastName\nada@x.example,King\n", [0, 1, 0, 0]),
        ("?mode=update&key=id", "id,lastName\n<ada>,King\n,Hill\n", [0, 1, 0, 1]),
        (
            "?mapping={\"a\":\"firstName\",\"b\":\"lastName\",\"email\":null,\"c\":\"email\"}",
            "a,b,email,c\nB,H,x,b@x.example\n",
            [1, 0, 0, 0],
        ),
        ("?delimiter=^", "firstName^lastName^email\nB^H^b@x.example\n", [1, 0, 0, 0]),
        ("?delimiter=tab", "firstName\tlastName\temail\nB,\tH\tb@x.example\n", [1, 0, 0, 0]),
        ("?charset=utf-16le", "f\0i\0r\0s\0t\0N\0a\0m\0e\0,\0e\0m\0a\0i\0l\0\n\0", [0, 0, 0, 0]),
        ("?guard=off", "firstName,lastName,email\n'=B,H,b@x.example\n", [1, 0, 0, 0]),
        ("?dryRun=false&decimal=.&dateOrder=ymd", FILE, [1, 0, 0, 1]),
    ] {
        let api = Api::new();
        let ada = api.add("ada@x.example");
        let report = api.import(&escaped(query), file.replace("<ada>", &ada)).send().is(200).value();
        assert_eq!(counts(&report), expected, "{query}: {report}");
        assert_eq!(report["dryRun"], query.contains("dryRun=true"));
        let is_kept = report["dryRun"] == true || expected[1] == 0;
        assert_eq!(api.contact(&ada).last_name == "Lovelace", is_kept, "{query}");
        let guarded = api.exported("?guard=off").contains("'=B");
        assert_eq!(guarded, query == "?guard=off", "{query}");
    }
}

/// A query with characters that a URL must not have escaped.
fn escaped(query: &str) -> String {
    let escape = |c: char| match c {
        '{' | '}' | '"' | '^' => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    query.chars().map(escape).collect()
}

#[test]
fn numbers_and_dates_are_read_as_asked() {
    let api = Api::new();
    let deals = |query: &str| {
        let file = "name;stageName;value;expectedCloseDate\nLoom;Lead;1.050,50;28.09.2025\n";
        let path = format!("/api/v1/importexport/deals/import{query}");
        api.post(&path, file).header("Content-Type", "text/csv").send().is(200).value()
    };
    assert_eq!(counts(&deals("")), [0, 0, 0, 1]);
    assert_eq!(counts(&deals("?decimal=,&dateOrder=dmy")), [1, 0, 0, 0]);
    let deal = api.get("/api/v1/deals").send().items().remove(0);
    assert_eq!(deal["value"], 1050.5);
    assert_eq!(deal["expectedCloseDate"], "2025-09-28T00:00:00.000000Z");
}

#[test]
fn a_request_that_cannot_be_meant_is_refused_before_anything_is_done() {
    let api = Api::new();
    api.add("grace@x.example");
    for (query, expected) in [
        ("?mode=replace", "400 validation: mode must be one of create, update, upsert"),
        ("?key=phone", "400 validation: key must be one of id, email, domain, name"),
        ("?mode=upsert&key=domain", "400 validation: key must be one of email, id"),
        (
            "?mode=update&key=id",
            "400 validation: file has no column id, by which the mode update finds the record of a row",
        ),
        ("?dryRun=1", "400 validation: dryRun must be true or false"),
        ("?delimiter=", "400 validation: delimiter must be one character, or tab"),
        (
            "?delimiter=a",
            "400 validation: delimiter must be one ASCII character such as , or ; and no letter",
        ),
        ("?charset=klingon", ""),
        ("?decimal=;", "400 validation: decimal must be one of ., ,"),
        ("?dateOrder=dym", "400 validation: dateOrder must be one of dmy, mdy, ymd"),
        ("?errors=none", "400 validation: errors must be one of report, file"),
        ("?guard=x", "400 validation: guard must be one of on, off"),
        (
            "?mapping=Mail",
            "400 validation: mapping must be a JSON object from names of columns to names of members, or to null",
        ),
        (
            "?mapping=[]",
            "400 validation: mapping must be a JSON object from names of columns to names of members, or to null",
        ),
        ("?mapping={\"email\":\"size\"}", "400 validation: mapping names \"size\", which is not a member"),
        (
            "?mapping={\"Mail\":\"email\"}",
            "400 validation: mapping names \"Mail\", which is no column of the file",
        ),
        (
            "?mode=x&mode=upsert&errors=y",
            "400 validation: errors must be one of report, file; mode is given twice; mode must be one of create, update, upsert",
        ),
    ] {
        let ask = api.import(&escaped(query), FILE);
        if expected.is_empty() {
            assert!(ask.send().told().starts_with("400 validation: charset "), "{query}");
        } else {
            check_refused(&api, ask, expected);
        }
    }
    for (file, expected) in [
        ("", "400 validation: file is empty; its first row must be the names of its columns"),
        ("email,email\n", "400 validation: file has two columns named \"email\""),
        (
            "a,b\n1,2\n",
            "400 validation: file has no column that is known, such as id, firstName, lastName, email",
        ),
    ] {
        check_refused(&api, api.import("", file), expected);
    }
    let strict = Api::strict();
    check_refused(
        &strict,
        strict.import("?moed=upsert", FILE),
        "400 validation: moed is not a parameter here",
    );
    check_refused(
        &strict,
        strict.import("", "email,Fax\n"),
        "400 validation: file has columns that are no members: Fax",
    );
}

#[test]
fn an_import_asks_for_the_scope_to_write() {
    let api = Api::new();
    check_refused(&api, api.import("", FILE).key(&api.reader), "403 forbidden: this needs the scope write");
    let nothing = api.import("?mode=replace", FILE).key("").send().is(401);
    assert_eq!(nothing.header("WWW-Authenticate"), r#"ApiKey realm="rally", Bearer realm="rally""#);
    api.import("", FILE).key(&mint(&api.engine, "acme", "write")).send().is(200);
    assert_eq!(api.last_names().len(), 2);
    assert_eq!(api.get(&path("export?fields=email")).key(&api.other).send().is(200).body, "email\r\n");
}

#[test]
fn refused_rows_are_a_file_that_is_mended_and_sent_again() {
    let api = Api::new();
    let file = "Mail,firstName,lastName\nada@x.example,Ada,Lovelace\nbob,\"B,ob\",Hill\n,C,D\n";
    let mapping = escaped("&mapping={\"Mail\":\"email\"}");
    let answer = api.import(&format!("?errors=file{mapping}"), file).send().is(200);
    assert_eq!(answer.header("Content-Type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("Content-Disposition"), "attachment; filename=\"contacts-refused.csv\"");
    assert_eq!(answer.header("Content-Length"), answer.body.len().to_string());
    assert_snapshot!(answer.body, @r#"
    Mail,firstName,lastName,_line,_code,_error
    bob,"B,ob",Hill,3,validation,email is not an e-mail address
    ,C,D,4,validation,email is required
    "#);
    let mended = answer.body.replace("bob,", "bob@x.example,").replace("\r\n,C", "\r\nc@x.example,C");
    let again = api.import(&format!("?errors=file{mapping}"), mended).send().is(200);
    assert_eq!(again.body.lines().count(), 1, "{again}");
    assert_eq!(api.last_names(), ["Lovelace", "Hill", "D"]);
}

#[test]
fn a_file_is_imported_once_under_a_key() {
    let api = Api::new();
    let import = |file: &str, query: &str| {
        api.import(query, file.to_owned()).header("Idempotency-Key", "monday").send()
    };
    let first = import(FILE, "").is(200);
    assert_eq!(first.header("Idempotent-Replayed"), "");
    let again = import(FILE, "").is(200);
    assert_eq!((again.header("Idempotent-Replayed"), &again.body), ("true", &first.body));
    for other in [import(&FILE.replace("Bob", "Rob"), ""), import(FILE, "?mode=upsert")] {
        assert!(other.told().starts_with("422 idempotency_mismatch"), "{other}");
    }
    let refused = import(FILE, "?errors=file").is(200);
    assert_eq!((refused.header("Idempotent-Replayed"), refused.body.lines().count()), ("true", 1));
    let bad = |key: &str| api.import("", FILE).header("Idempotency-Key", key).send().told();
    assert_snapshot!(bad("two words"), @"400 validation: Idempotency-Key must be 1 to 255 visible ASCII characters");
    let twice = api.import("", FILE).header("Idempotency-Key", "a").another("Idempotency-Key", "b");
    assert_snapshot!(twice.send().told(), @"400 validation: Idempotency-Key is given twice");
    assert_eq!(api.last_names(), ["Lovelace", "Hill"]);
}

#[test]
fn an_import_that_stopped_goes_on_under_its_key() {
    let store = faulty();
    let api = committing_after(10, store.clone());
    let mut file = "subject,activityType\n".to_owned();
    (0..95).for_each(|number| file.push_str(&format!("S{number},note\n")));
    let import = || {
        let ask = api.post("/api/v1/importexport/activities/import", file.clone());
        ask.header("Content-Type", "text/csv").header("Idempotency-Key", "k").send()
    };
    api.get("/api/v1/contacts").send().is(200);
    store.fail_write(4, WriteFault::Unavailable);
    assert_eq!(import().is(503).header("Retry-After"), "1");
    store.heal();
    let listed = |query: &str| api.get(&format!("/api/v1/activities?{query}")).send();
    let before = listed("count=true").header("X-Total-Count").to_owned();
    assert!(!["0", "95"].contains(&before.as_str()), "{before}");
    let whole = import().is(200);
    assert_eq!((counts(&whole.value()), whole.header("Idempotent-Replayed")), ([95, 0, 0, 0], ""));
    let mut names: Vec<String> =
        listed("fields=subject").items().iter().map(|one| one["subject"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), listed("count=true").header("X-Total-Count")), (95, "95"));
}

#[test]
fn an_import_of_contacts_and_the_api_judge_alike() {
    let api = Api::new();
    api.post("/api/v1/contacts", ADA).send().is(201);
    let problem = api.post("/api/v1/contacts", ADA).send().is(400).value();
    let report = api.import("", FILE).send().is(200).value();
    let detail = problem["detail"].as_str().unwrap();
    assert_eq!(report["errors"], serde_json::json!([format!("Row 2: {detail}")]));
}

//! `ETag`, `If-Match`, `If-None-Match` and `Prefer`.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{ADA, Answer, Api, NOWHERE};

const CONTACTS: &str = "/api/v1/contacts";

fn at(id: &str) -> String {
    format!("{CONTACTS}/{id}")
}

#[test]
fn a_version_that_is_known_is_not_sent_again() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let tag = api.get(&at(&id)).send().is(200).header("ETag").to_owned();
    assert_eq!(tag, format!("\"{:x}\"", api.contact(&id).updated_at.as_micros()));
    for known in [tag.as_str(), "*", &format!("W/{tag}"), &format!("\"x\", {tag}")] {
        let answer = api.get(&at(&id)).header("If-None-Match", known).send().is(304);
        assert_eq!((answer.body.as_str(), answer.header("ETag")), ("", tag.as_str()));
        assert_ne!(answer.header("X-RateLimit-Remaining"), "");
    }
    api.get(&at(&id)).header("If-None-Match", "\"1\"").send().is(200);
    api.get(&at(NOWHERE)).header("If-None-Match", "*").send().is(404);
}

#[test]
fn a_write_may_be_meant_for_one_version() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let tag = api.get(&at(&id)).send().header("ETag").to_owned();
    let change = |tag: &str, title: &str| {
        api.patch(&at(&id), json!({"title": title}).to_string()).header("If-Match", tag).send()
    };
    let newer = change(&tag, "one").is(200).header("ETag").to_owned();
    assert_snapshot!(change(&tag, "two"), @r#"
    412
    {
      "code": "precondition_failed",
      "detail": "the record is not at this version any more; read it anew",
      "instance": "/api/v1/contacts/0194c101-aca0-7005-8000-0000001c9543",
      "status": 412,
      "title": "Precondition failed",
      "traceId": "t",
      "type": "https://rally.example/problems/precondition_failed"
    }
    "#);
    for stale in ["\"nonsense\"", "nonsense", "", &format!("W/{newer}")] {
        change(stale, "two").is(412);
    }
    change(&format!("{tag}, {newer}"), "three").is(200);
    change("*", "four").is(200);
    let many = format!("{tag},").repeat(11);
    assert_snapshot!(change(&many, "five").told(), @"400 validation: If-Match must not name more than 10 versions");
    api.patch(&at(NOWHERE), "{}").header("If-Match", "\"x\"").send().is(404);
    api.delete(&at(&id)).header("If-Match", &tag).send().is(412);
    assert_eq!(api.contact(&id).title.as_deref(), Some("four"));
    let present = api.get(&at(&id)).send().header("ETag").to_owned();
    api.delete(&at(&id)).header("If-Match", &present).send().is(200);
}

#[test]
fn an_upsert_may_be_meant_for_one_version() {
    let api = Api::new();
    let upsert = |tag: &str| api.put(&at("upsert"), ADA).header("If-Match", tag).send();
    upsert("\"1\"").is(412);
    assert_snapshot!(upsert("*").told(), @"400 validation: If-Match must name a version here");
    assert_eq!(api.get(CONTACTS).send().body, "[]");
    let tag = api.put(&at("upsert"), ADA).send().is(201).header("ETag").to_owned();
    upsert(&tag).is(200);
}

#[test]
fn whoever_wants_no_record_gets_none() {
    let api = Api::new();
    let minimal = |answer: &Answer| {
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "{answer}");
        assert_eq!(answer.header("Preference-Applied"), "return=minimal");
        assert_ne!(answer.header("ETag"), "");
        answer.header("Location").to_owned()
    };
    let created = api.post(CONTACTS, ADA).header("Prefer", "return=minimal").send();
    let path = minimal(&created);
    assert_eq!(minimal(&api.put(&path, "{}").header("Prefer", "return=minimal").send()), "");
    assert_eq!(minimal(&api.put(&at("upsert"), ADA).header("Prefer", "return=minimal").send()), "");
    assert_eq!(
        api.get(&path).header("Prefer", "return=minimal").send().is(200).header("Preference-Applied"),
        ""
    );
}

#[test]
fn a_tag_is_a_quoted_string_with_commas_and_stars_in_it() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let tag = api.get(&at(&id)).send().header("ETag").to_owned();
    for other in
        [r#""a,*,b""#, r#""*""#, r#"W/"*""#, &tag.replacen('"', "\"x,", 1), r#"*, "a""#, r#""a", *"#, "**"]
    {
        api.delete(&at(&id)).header("If-Match", other).send().is(412);
    }
    api.get(&at(&id)).header("If-None-Match", r#""a,*,b""#).send().is(200);
    api.get(&at(&id)).header("If-None-Match", &format!(r#""a,*,b", {tag}"#)).send().is(304);
    let two_lines = api.delete(&at(&id)).header("If-Match", r#""a,*,b""#).another("If-Match", &tag);
    two_lines.send().is(200);
}

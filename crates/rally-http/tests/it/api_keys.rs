//! `/api-keys` and what is below it.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, Api, NOWHERE};

const KEYS: &str = "/api/v1/api-keys";

fn at(id: &str) -> String {
    format!("{KEYS}/{id}")
}

fn made(api: &Api, body: &str) -> Answer {
    api.post(KEYS, body.to_owned()).send().is(201)
}

fn key_of(answer: &Answer) -> String {
    answer.value()["key"].as_str().unwrap().to_owned()
}

/// The id of the key that the tests ask with.
fn own(api: &Api) -> String {
    let listed = api.get(KEYS).send().items();
    let own = listed.iter().find(|key| key["scopes"] == "admin").unwrap();
    own["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_shown_once_and_opens_what_its_scope_says() {
    let api = Api::new();
    let answer = made(&api, r#"{"name":"robot","scopes":"read,write","expiresAt":"2025-03-01"}"#);
    let key = key_of(&answer);
    let mut shown = answer.value();
    let (beginning, secret) = key.split_at(12);
    assert_eq!(beginning, shown["keyPrefix"]);
    for secret in ["key", "keyPrefix", "id"] {
        shown[secret] = json!("…");
    }
    assert_snapshot!(shown.to_string(), @r#"{"createdAt":"2025-02-01T10:15:00.000005Z","createdBy":"apikey:admin","expiresAt":"2025-03-01T00:00:00.000000Z","id":"…","isActive":true,"key":"…","keyPrefix":"…","lastUsedAt":null,"name":"robot","scopes":"read,write"}"#);
    assert_eq!(answer.header("Location"), at(&answer.id()));
    assert_eq!(answer.header("Cache-Control"), "no-store");
    let listed = api.get(KEYS).send().is(200);
    assert!(!listed.body.contains(secret) && !listed.body.contains("secretHash"));
    let names: Vec<_> = listed.items().iter().map(|key| key["name"].clone()).collect();
    assert_eq!(names, ["admin", "read", "robot"], "oldest first");
    let body = crate::support::ADA;
    api.post("/api/v1/contacts", body).key(&key).send().is(201);
    assert_eq!(api.get(KEYS).key(&key).send().is(403).value()["requiredScope"], "admin");
}

#[test]
fn every_verb_asks_for_an_admin() {
    let api = Api::new();
    let id = own(&api);
    for key in [&api.reader, ""] {
        for ask in [
            api.get(KEYS),
            api.post(KEYS, r#"{"name":"x"}"#),
            api.patch(&at(&id), r#"{"name":"x"}"#),
            api.delete(&at(&id)),
        ] {
            let answer = ask.key(key).send();
            assert_eq!(answer.status.as_u16(), if key.is_empty() { 401 } else { 403 });
        }
    }
    assert_eq!(api.get(KEYS).send().items().len(), 2);
}

#[test]
fn what_is_wrong_with_a_key_is_told() {
    let api = Api::new();
    for (body, told) in [
        ("{}", "400 validation: name is required"),
        (
            r#"{"name":"x","scopes":"everything"}"#,
            "400 validation: scopes is wrong: \"everything\" is not a scope; use read, write or admin",
        ),
        (r#"{"name":"x","expiresAt":"soon"}"#, "400 validation: expiresAt is not an instant of RFC 3339"),
    ] {
        let answer = api.post(KEYS, body).send();
        assert!(answer.told().starts_with(told.split(" is not an").next().unwrap()), "{answer}");
    }
    for ask in [api.patch(&at(NOWHERE), "{}"), api.delete(&at(NOWHERE)), api.patch(&at("x"), "{}")] {
        assert_eq!(ask.send().told(), "404 not_found: there is no such API key");
    }
    let strict = Api::strict();
    assert_eq!(
        strict.post(KEYS, r#"{"name":"x","isActive":false,"keyPrefix":"x"}"#).send().told(),
        "400 validation: isActive is read-only; keyPrefix is read-only"
    );
    let made = made(&api, r#"{"name":"x","isActive":false,"createdBy":"me"}"#);
    assert_eq!(
        (made.value()["isActive"].clone(), made.value()["createdBy"].clone()),
        (json!(true), json!("apikey:admin"))
    );
}

#[test]
fn a_key_that_is_revoked_stays_revoked_and_one_that_has_expired_may_last_longer() {
    let api = Api::new();
    let answer = made(&api, r#"{"name":"robot"}"#);
    let (key, path) = (key_of(&answer), at(&answer.id()));
    let status = || api.get("/api/v1/contacts").key(&key).send().status.as_u16();
    assert_eq!(status(), 200);
    api.patch(&path, r#"{"expiresAt":"2025-02-01T10:15:30Z"}"#).send().is(200);
    assert_eq!(status(), 200);
    api.clock.advance(60_000_000);
    assert_eq!(status(), 401);
    api.patch(&path, r#"{"expiresAt":null,"scopes":"write","name":"Robot"}"#).send().is(200);
    assert_eq!(status(), 200);
    assert_eq!(api.get(KEYS).send().items()[2]["name"], "Robot");
    api.patch(&path, r#"{"isActive":true}"#).send().is(200);
    assert_eq!(api.delete(&path).send().is(200).value()["isActive"], false);
    assert_eq!(status(), 401);
    api.delete(&path).send().is(200);
    for body in [r#"{"isActive":true}"#, r#"{"isActive":null}"#, r#"{"name":"x","isActive":true}"#] {
        assert_eq!(
            api.patch(&path, body).send().told(),
            "400 validation: isActive must stay false, as a revoked key stays revoked; make another key"
        );
    }
    api.patch(&path, r#"{"isActive":false}"#).send().is(200);
    assert_eq!(status(), 401);
}

#[test]
fn the_last_admin_credential_stays() {
    let api = Api::new();
    let id = own(&api);
    let told = |member: &str| {
        format!(
            "400 validation: {member} must stay as it is for the tenant's last admin credential that works; make another first"
        )
    };
    assert_eq!(api.delete(&at(&id)).send().told(), told("isActive"));
    for (body, member) in [
        (r#"{"isActive":false}"#, "isActive"),
        (r#"{"scopes":"write"}"#, "scopes"),
        (r#"{"expiresAt":"2025-01-01"}"#, "expiresAt"),
    ] {
        assert_eq!(api.patch(&at(&id), body).send().told(), told(member), "{body}");
    }
    made(&api, r#"{"name":"other","scopes":"admin"}"#);
    api.delete(&at(&id)).send().is(200);
    api.get(KEYS).send().is(401);
}

#[test]
fn a_repeated_request_makes_one_key_and_is_not_told_it_again() {
    let api = Api::new();
    let ask = || api.post(KEYS, r#"{"name":"robot"}"#).header("Idempotency-Key", "k").send().is(201);
    let (first, second) = (ask(), ask());
    assert_eq!(second.header("Idempotent-Replayed"), "true");
    assert!(second.value().get("key").is_none());
    assert_eq!(first.id(), second.id());
    assert_eq!(api.get(KEYS).send().items().len(), 3);
}

#[test]
fn one_wrong_letter_opens_nothing() {
    let api = Api::new();
    for place in 0..api.admin.len() {
        let mut slip = api.admin.clone();
        let letter = if slip.as_bytes()[place] == b'a' { "b" } else { "a" };
        slip.replace_range(place..=place, letter);
        let source = format!("10.0.{place}.1:1");
        api.get(KEYS).key(&slip).from(&source).send().is(401);
    }
}

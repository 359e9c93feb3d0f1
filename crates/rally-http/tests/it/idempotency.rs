//! `Idempotency-Key`.

use std::{sync::Arc, thread};

use axum::http::Method;
use insta::assert_snapshot;

use crate::support::{ADA, Api, HeldStore, Setting};

const CONTACTS: &str = "/api/v1/contacts";

fn at(id: &str) -> String {
    format!("{CONTACTS}/{id}")
}

fn contact(email: &str) -> String {
    ADA.replace("ada@x.example", email)
}

#[test]
fn a_key_makes_a_write_happen_once() {
    let api = Api::new();
    let create =
        |path: &str, body: &str| api.post(path, body.to_owned()).header("Idempotency-Key", "k").send();
    let first = create(CONTACTS, ADA).is(201);
    assert_eq!(first.header("Idempotent-Replayed"), "");
    api.clock.advance(1_000_000);
    for path in [CONTACTS, "/api/contacts"] {
        let again = create(path, ADA).is(201);
        assert_eq!(again.header("Idempotent-Replayed"), "true");
        assert_eq!(again.body, first.body);
    }
    assert_snapshot!(create(CONTACTS, &contact("b@x.example")).told(), @"422 idempotency_mismatch: this idempotency key was used for another request; use a new one");
    assert_snapshot!(create("/api/contacts/bulk", ADA).told(), @"400 validation: the body must be a JSON array");
    assert_eq!(api.get(CONTACTS).send().items().len(), 1);
}

#[test]
fn a_key_covers_every_kind_of_write() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let bulk = format!("[{}]", contact("b@x.example"));
    for (number, (method, path, body)) in [
        (Method::PUT, at(&id), r#"{"title":"x"}"#),
        (Method::PATCH, at(&id), r#"{"title":"y"}"#),
        (Method::PUT, at("upsert"), ADA),
        (Method::POST, at("bulk"), bulk.as_str()),
        (Method::DELETE, at(&id), ""),
    ]
    .into_iter()
    .enumerate()
    {
        let write = || {
            let ask = api.ask(method.clone(), &path).json(body.to_owned());
            ask.header("Idempotency-Key", &number.to_string()).send()
        };
        let (first, second) = (write(), write());
        assert!(first.status.is_success(), "{first}");
        assert_eq!((first.status, &first.body), (second.status, &second.body));
        assert_eq!((first.header("Idempotent-Replayed"), second.header("Idempotent-Replayed")), ("", "true"));
    }
}

#[test]
fn keys_that_are_none_are_named() {
    let api = Api::new();
    let told = |key: &str| api.post(CONTACTS, ADA).header("Idempotency-Key", key).send().told();
    assert_snapshot!(told(""), @"400 validation: Idempotency-Key must be 1 to 255 visible ASCII characters");
    assert_eq!(told(&"x".repeat(256)), told(""));
    assert_eq!(told("schlüssel"), told(""));
    let twice =
        api.post(CONTACTS, ADA).another("Idempotency-Key", "a").another("Idempotency-Key", "a").send();
    assert_snapshot!(twice.told(), @"400 validation: Idempotency-Key is given twice");
    api.post(CONTACTS, ADA).header("Idempotency-Key", &"x".repeat(255)).send().is(201);
}

#[test]
fn a_refused_write_leaves_its_key_free() {
    let api = Api::new();
    let create = |body: &str| api.post(CONTACTS, body.to_owned()).header("Idempotency-Key", "k").send();
    create("{}").is(400);
    create(ADA).is(201);
}

#[test]
fn of_two_writes_at_once_under_one_key_the_second_waits_for_nothing() {
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let create = || api.post(CONTACTS, ADA).header("Idempotency-Key", "k").send();
    // The first use of a key is noted, which is a write of its own.
    api.get(CONTACTS).send().is(200);
    let held = store.hold_next_write();
    thread::scope(|scope| {
        let first = scope.spawn(create);
        held.wait();
        let second = create().told();
        held.release();
        first.join().unwrap().is(201);
        assert_snapshot!(second, @"409 conflict: a request with this idempotency key is still running; try again");
    });
    assert_eq!(create().is(201).header("Idempotent-Replayed"), "true");
}

//! Paths beside `/api`, which ask for no credential.

use std::{convert::Infallible, sync::Arc};

use axum::response::Response;
use insta::assert_snapshot;
use rally_core::store::MemoryStore;
use rally_http::{Config, router};
use rally_testkit::{CountingStore, FaultyStore, ReadFault};
use serde_json::Value;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::support::{Api, HeldStore, Setting};

#[test]
fn health_is_told_without_a_credential_or_a_limit() {
    let api = Api::limited_to(1);
    for (path, body) in [("/healthz", r#"{"status":"ok"}"#), ("/readyz", r#"{"status":"ready"}"#)] {
        for _ in 0..3 {
            let answer = api.get(path).key("").send().is(200);
            assert_eq!((answer.body.as_str(), answer.header("X-RateLimit-Limit")), (body, ""));
            assert_eq!(answer.header("X-Request-Id"), "t");
        }
    }
    assert_snapshot!(api.get("/api/v1/healthz").send().told(), @"404 not_found: there is nothing at this path");
}

#[test]
fn a_store_that_does_not_answer_is_not_ready() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    store.fail_read(0, ReadFault::Unavailable);
    let answer = api.get("/readyz").key("").send();
    assert_snapshot!(answer, @r#"
    503
    {
      "code": "unavailable",
      "detail": "the store cannot answer at present; try again",
      "instance": "/readyz",
      "status": 503,
      "title": "Not available at present",
      "traceId": "t",
      "type": "https://rally.example/problems/unavailable"
    }
    "#);
    assert_eq!(answer.header("Retry-After"), "1");
    api.get("/readyz").send().is(503);
    api.clock.advance(1_000_000);
    api.get("/readyz").send().is(200);
}

#[test]
fn the_store_is_asked_for_its_readiness_once_a_second_however_many_ask() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let asked = |times: usize| {
        let before = store.counts().readies;
        (0..times).for_each(|_| drop(api.get("/readyz").send().is(200)));
        store.counts().readies - before
    };
    assert_eq!(asked(100), 1);
    api.clock.advance(999_999);
    assert_eq!(asked(100), 0);
    api.clock.advance(1);
    assert_eq!(asked(100), 1);
    api.clock.advance(-10_000_000);
    assert_eq!(asked(100), 1, "a clock that was set back");
}

type Sent = JoinHandle<Result<Response, Infallible>>;

#[test]
fn a_store_that_hangs_is_asked_once_and_is_not_ready() {
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let app = router(api.engine.clone(), Config::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let held = store.hold_next_read();
    let asked: Vec<_> =
        (0..20).map(|_| runtime.spawn(app.clone().oneshot(api.get("/readyz").into_request()))).collect();
    let status = |asked: Sent| runtime.block_on(asked).unwrap().unwrap().status();
    // Were the store asked again, the second question would be answered, as only the first is held up.
    for asked in asked {
        assert_eq!(status(asked), 503);
    }
    held.wait();
    held.release();
    let ready = || status(runtime.spawn(app.clone().oneshot(api.get("/readyz").into_request())));
    assert_eq!(ready(), 200);
}

#[test]
fn the_document_names_every_path() {
    let api = Api::new();
    let answer = api.get("/openapi.json").key("").send().is(200);
    assert_eq!(answer.header("Content-Type"), "application/json");
    let document = answer.value();
    insta::assert_snapshot!("openapi", format!("{document:#}"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let path = path.replace("{id}", crate::support::NOWHERE);
            let method = method.to_ascii_uppercase().parse().unwrap();
            let answer = api.ask(method, &path).json("").send();
            assert!(!matches!(answer.status.as_u16(), 405 | 500), "{path}: {answer}");
        }
    }
}

#[test]
fn what_the_document_refers_to_is_in_it() {
    let document = Api::new().get("/openapi.json").send().value();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            references.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| collect(member, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn the_docs_are_a_page_that_needs_nothing_from_elsewhere() {
    let api = Api::new();
    let page = api.get("/docs").key("").send().is(200);
    assert_eq!(page.header("Content-Type"), "text/html; charset=utf-8");
    let parts: Vec<&str> =
        page.body.split('"').filter(|part| part.ends_with(".js") || part.ends_with(".css")).collect();
    assert!(parts.len() >= 3, "{}", page.body);
    for part in parts {
        assert!(part.starts_with("docs/"), "{part}");
        api.get(&format!("/{part}")).key("").send().is(200);
    }
    assert!(!page.body.contains("http"), "{}", page.body);
    let start = api.get("/docs/swagger-initializer.js").send().is(200);
    assert!(start.body.contains(r#"url: "openapi.json""#), "{}", start.body);
    assert!(start.body.contains(r#"validatorUrl: "none""#), "{}", start.body);
    api.get("/docs/nothing").send().is(404);
}

#[test]
fn the_rules_of_the_api_are_a_page() {
    let api = Api::new();
    let page = api.get("/docs/guide").key("").send().is(200);
    assert_eq!(page.header("Content-Type"), "text/html; charset=utf-8");
    for heading in ["Lists", "The feed", "Errors", "Limits and retries", "Known quirks"] {
        assert!(page.body.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert!(api.get("/docs").send().body.contains("docs/guide"));
}

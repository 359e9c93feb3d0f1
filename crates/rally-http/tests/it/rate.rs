//! Requests a minute: a tenant's, and an anonymous caller's.

use std::sync::Arc;

use insta::assert_snapshot;
use rally_core::{
    Engine,
    store::{MemoryStore, Store},
};
use rally_http::limits;
use rally_testkit::{FaultyStore, SharedStore, WriteFault};

use crate::support::{ADA, Answer, Api, Setting};

const CONTACTS: &str = "/api/v1/contacts";

fn figures(answer: &Answer) -> (String, String, String) {
    let header = |name| answer.header(name).to_owned();
    (header("X-RateLimit-Limit"), header("X-RateLimit-Remaining"), header("X-RateLimit-Reset"))
}

/// The fixed clock stands at a whole minute, 2025-02-01T10:15:00Z.
const MINUTE: i64 = 1_738_404_900;

#[test]
fn a_window_serves_exactly_the_limit() {
    let api = Api::limited_to(3);
    for left in ["2", "1", "0"] {
        let answer = api.get(CONTACTS).send().is(200);
        assert_eq!(figures(&answer), ("3".into(), left.into(), (MINUTE + 60).to_string()));
        assert_eq!(answer.header("Retry-After"), "");
    }
    api.clock.advance(59_999_999);
    for _ in 0..2 {
        let refused = api.get("/api/contacts").send().is(429);
        assert_eq!(figures(&refused), ("3".into(), "0".into(), (MINUTE + 60).to_string()));
        assert_eq!(refused.header("Retry-After"), "1");
    }
    assert_snapshot!(api.get(CONTACTS).key(&api.reader).send(), @r#"
    429
    {
      "code": "rate_limited",
      "detail": "all 3 requests of this minute are spent",
      "instance": "/api/v1/contacts",
      "status": 429,
      "title": "Too many requests",
      "traceId": "t",
      "type": "https://rally.example/problems/rate_limited"
    }
    "#);
    api.clock.advance(1);
    let answer = api.get(CONTACTS).send().is(200);
    assert_eq!(figures(&answer), ("3".into(), "2".into(), (MINUTE + 120).to_string()));
}

#[test]
fn a_refused_write_has_not_happened() {
    let api = Api::limited_to(1);
    api.get(CONTACTS).send().is(200);
    api.post(CONTACTS, ADA).send().is(429);
    api.clock.advance(60_000_000);
    assert_eq!(api.get(CONTACTS).send().body, "[]");
}

#[test]
fn tenants_have_windows_of_their_own() {
    let api = Api::limited_to(1);
    api.get(CONTACTS).send().is(200);
    api.get(CONTACTS).send().is(429);
    api.get(CONTACTS).key(&api.other).send().is(200);
}

#[test]
fn every_answer_under_api_has_the_figures() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    let one = format!("{CONTACTS}/{id}");
    let tag = api.get(&one).send().header("ETag").to_owned();
    for (status, ask) in [
        (200, api.get(CONTACTS)),
        (201, api.post(CONTACTS, ADA.replace("ada", "eve"))),
        (204, api.put(&one, "{}").header("Prefer", "return=minimal")),
        (304, api.get(&one).header("If-None-Match", &tag)),
        (400, api.get("/api/v1/contacts?limit=0")),
        (403, api.delete(&one).key(&api.reader)),
        (404, api.get("/api/v1/nothing")),
        (404, api.get("/api")),
        (405, api.delete(CONTACTS)),
        (412, api.delete(&one).header("If-Match", "\"1\"")),
        (413, api.post(CONTACTS, vec![b' '; limits::BODY_BYTES + 1])),
        (415, api.post(CONTACTS, ADA).header("Content-Type", "text/plain")),
    ] {
        let answer = ask.send().is(status);
        assert_eq!(answer.header("X-RateLimit-Limit"), "1000", "{status}");
    }
    assert_eq!(api.get(CONTACTS).send().header("X-RateLimit-Remaining"), "986");
}

#[test]
fn an_anonymous_caller_has_a_window_by_address() {
    let api = Api::new();
    let anonymous = |address: &str| api.get(CONTACTS).key("x").from(address).send();
    let first = anonymous("192.0.2.1:1000").is(401);
    assert_eq!(figures(&first), ("60".into(), "59".into(), (MINUTE + 60).to_string()));
    for _ in 1..limits::FAILED_CREDENTIALS_PER_MINUTE {
        anonymous("192.0.2.1:1000").is(401);
    }
    let refused = anonymous("192.0.2.1:2000").is(429);
    assert_eq!(figures(&refused), ("60".into(), "0".into(), (MINUTE + 60).to_string()));
    assert_eq!(refused.header("Retry-After"), "60");
    assert_snapshot!(refused, @r#"
    429
    {
      "code": "rate_limited",
      "detail": "all 60 requests of this minute without a valid credential are spent",
      "instance": "/api/v1/contacts",
      "status": 429,
      "title": "Too many requests",
      "traceId": "t",
      "type": "https://rally.example/problems/rate_limited"
    }
    "#);
    anonymous("[::ffff:192.0.2.1]:1000").is(429);
    anonymous("192.0.2.2:1000").is(401);
    let known = api.get(CONTACTS).from("192.0.2.1:1000").send().is(200);
    assert_eq!(known.header("X-RateLimit-Limit"), "1000", "anonymous callers spend none of a tenant's");
    assert_eq!(known.header("X-RateLimit-Remaining"), "999");
    api.clock.advance(60_000_000);
    anonymous("192.0.2.1:1000").is(401);
}

#[test]
fn without_a_limit_there_are_no_figures() {
    let api = Api::limited_to(0);
    assert_eq!(figures(&api.get(CONTACTS).send().is(200)), (String::new(), String::new(), String::new()));
    let http = rally_http::Config { failed_credentials_per_minute: 0, ..rally_http::Config::default() };
    let api = Api::with(Setting { http, ..Setting::default() });
    for _ in 0..=limits::FAILED_CREDENTIALS_PER_MINUTE {
        assert_eq!(api.get(CONTACTS).key("").send().is(401).header("X-RateLimit-Limit"), "");
    }
}

#[test]
fn on_a_store_that_servers_share_the_figures_are_the_tenants_and_a_silent_store_is_unavailable() {
    let faulty = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let engine = rally_core::Config { requests_per_minute: 3, ..rally_core::Config::default() };
    let store: Arc<dyn Store> = Arc::new(SharedStore::new(faulty.clone()));
    let api = Api::with(Setting { store: store.clone(), engine, ..Setting::default() });
    let elsewhere = Engine::with(store, rally_testkit::environment(8).0, engine);
    faulty.fail_write(0, WriteFault::Unavailable);
    assert_eq!(figures(&api.get(CONTACTS).send().is(503)).0, "", "what is left is not known");
    assert_eq!(api.get(CONTACTS).send().is(200).header("X-RateLimit-Remaining"), "2");
    let session = elsewhere.tenant("acme").unwrap().trusted_session("test").unwrap();
    elsewhere.take_request(&session).unwrap();
    assert_eq!(api.get(CONTACTS).send().is(200).header("X-RateLimit-Remaining"), "0");
    let refused = api.get(CONTACTS).send().is(429);
    assert_eq!(figures(&refused), ("3".into(), "0".into(), (MINUTE + 60).to_string()));
}

//! The router within a host's own server, and the fake within a test.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use rally_core::{ApiKeyDraft, Engine, Scope, Scopes, TenantDraft, store::MemoryStore};
use rally_http::testing::Fake;
use serde_json::Value;
use tower::ServiceExt;

use crate::support::{ADA, NOWHERE};

/// A router under `/crm`, and a key that opens it.
fn mounted() -> (Router, String) {
    let engine = Engine::new(MemoryStore::new());
    let acme = engine.create_tenant(&TenantDraft::new("acme")).unwrap();
    let draft = ApiKeyDraft::new("n").scopes(Scopes::from(Scope::Admin));
    let key = acme.trusted_session("host").unwrap().api_keys().mint(&draft).unwrap().key;
    (Router::new().nest("/crm", rally_http::router(engine, rally_http::Config::default())), key)
}

#[tokio::test]
async fn a_router_under_a_path_names_its_records_and_pages_under_it() {
    let (router, key) = mounted();
    let ask = async |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("x-api-key", &key);
        router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    };
    let created = ask("POST", "/crm/api/v1/contacts", ADA).await;
    let location = created.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("/crm/api/v1/contacts/"), "{location}");
    assert_eq!(ask("GET", &location, "").await.status(), 200);
    let list = ask("GET", "/crm/api/contacts?limit=1", "").await;
    assert_eq!(list.headers()["link"], "</crm/api/contacts?limit=1&offset=0>; rel=\"first\"");
    let missing = ask("GET", &format!("/crm/api/contacts/{NOWHERE}"), "").await;
    let problem = missing.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["instance"], format!("/crm/api/contacts/{NOWHERE}"));
}

#[test]
fn a_fake_without_limits_refuses_no_anonymous_caller() {
    let fake = Fake::builder().without_rate_limit().start().unwrap();
    let address = fake.url().strip_prefix("http://").unwrap();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /api/contacts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 ") && !answer.contains("x-ratelimit"), "{answer}");
    }
}

#[test]
fn a_fake_does_not_print_its_keys() {
    let fake = Fake::start();
    assert!(!format!("{fake:?}").contains(fake.api_key()));
}

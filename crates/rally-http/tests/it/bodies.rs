//! Bodies of requests that come slowly, or of which there are too many.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{
    FutureExt,
    stream::{self, StreamExt},
};
use http_body_util::BodyExt;
use insta::assert_snapshot;
use rally_http::{Config, limits, router};
use tower::ServiceExt;

use crate::support::{ADA, Answer, Api, Setting};

const CONTACTS: &str = "/api/v1/contacts";
const BULK: &str = "/api/v1/contacts/bulk";

fn with(http: Config) -> Api {
    Api::with(Setting { http, ..Setting::default() })
}

/// A body of which this comes, and no more.
fn beginning_with(bytes: &'static str) -> Body {
    Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from(bytes))]).chain(stream::pending()))
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up() {
    let soon = Duration::from_millis(20);
    let never = Duration::from_secs(60);
    let whole = Config { body_timeout: soon, body_grace: never, ..Config::default() };
    let told = |http: Config| with(http).post(CONTACTS, beginning_with("{")).send().told();
    assert_snapshot!(told(whole), @"400 malformed_json: the body came too slowly; send 1024 bytes a second, and all within 0 seconds");
    let rate = Config { body_timeout: never, body_grace: soon, ..Config::default() };
    assert_snapshot!(told(rate), @"400 malformed_json: the body came too slowly; send 1024 bytes a second, and all within 60 seconds");
}

#[test]
fn bodies_on_their_way_take_room_before_they_are_read() {
    let http = Config { body_budget: 4 * limits::BULK_BODY_BYTES, ..Config::default() };
    let api = Api::new();
    let router = router(api.engine.clone(), http);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let length = limits::BULK_BODY_BYTES.to_string();
        let unfinished = api.post(BULK, beginning_with("[")).header("Content-Length", &length);
        let mut unfinished = Box::pin(router.clone().oneshot(unfinished.into_request()));
        let send = async |ask: crate::support::Ask<'_>| {
            Answer::of(router.clone().oneshot(ask.into_request()).await.unwrap()).await
        };
        // Until its body is waited for.
        while send(api.get(CONTACTS)).await.status == 200 {
            assert!((&mut unfinished).now_or_never().is_none());
        }
        let refused = send(api.post(CONTACTS, ADA)).await;
        assert_snapshot!(refused.told(), @"503 unavailable: too many bytes are on their way here; read what was answered, and try again");
        assert_eq!(refused.header("Retry-After"), "1");
        send(api.get("/healthz")).await.is(200);
        send(api.get(CONTACTS).key(&api.other)).await.is(200);
        send(api.post(CONTACTS, ADA).key(&api.other)).await.is(201);
        drop(unfinished);
        send(api.post(CONTACTS, ADA)).await.is(201);
    });
}

#[test]
fn a_body_without_a_length_takes_room_as_it_comes() {
    let api = with(Config { body_budget: 10_000, ..Config::default() });
    let body = |pieces: usize| {
        let pieces = (0..pieces).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1_000])));
        Body::from_stream(stream::iter(pieces))
    };
    assert!(api.post(CONTACTS, body(10)).send().told().starts_with("400 malformed_json"));
    assert!(api.post(CONTACTS, body(11)).send().told().starts_with("503 unavailable"));
    let login = api.post("/api/v1/auth/login", body(11)).key("").send();
    assert!(login.told().starts_with("503 unavailable"), "{login}");
    api.post(CONTACTS, ADA).send().is(201);
}

#[test]
fn what_was_sent_byte_by_byte_is_whole() {
    let api = Api::new();
    let bytes = ADA.bytes().map(|byte| Ok::<_, std::io::Error>(Bytes::from(vec![byte])));
    api.post(CONTACTS, Body::from_stream(stream::iter(bytes.collect::<Vec<_>>()))).send().is(201);
}

#[test]
fn a_write_that_has_happened_is_answered_though_there_is_no_room() {
    let api = with(Config { body_budget: 500, ..Config::default() });
    let answer = api.post(CONTACTS, ADA).send().is(201);
    assert!(answer.body.len() > 500, "{answer}");
    assert_eq!(api.get(CONTACTS).send().told().get(..15), Some("503 unavailable"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let small = api.get(&format!("{CONTACTS}?fields=id")).send().is(200);
    assert!(runtime.block_on(Body::from(small.body).collect()).is_ok());
}

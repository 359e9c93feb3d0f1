//! A server that starts, serves and stops.

use axum::{body::Body, http::Request, response::Response};
use http_body_util::BodyExt;
use rally_core::{Engine, store::MemoryStore};
use rally_http::{Config, Lifecycle, router};
use serde_json::Value;
use tower::ServiceExt;

/// The answers of a server to `GET`.
struct Answers(Lifecycle);

impl Answers {
    fn get(&self, path: &str) -> (Response<()>, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let request = Request::get(path).header("X-Request-Id", "mine").body(Body::empty()).unwrap();
        runtime.block_on(async {
            let (head, body) = self.0.clone().oneshot(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            (Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap())
        })
    }

    #[track_caller]
    fn assert_away(&self, path: &str, reason: &str) {
        let (head, body) = self.get(path);
        let header = |name: &str| head.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(head.status(), 503);
        assert_eq!(header("Content-Type"), Some("application/problem+json"));
        assert_eq!((header("Retry-After"), header("X-Request-Id")), (Some("1"), Some("mine")));
        assert_eq!((&body["code"], &body["detail"]), (&"unavailable".into(), &reason.into()));
        assert_eq!((&body["instance"], &body["traceId"]), (&path.into(), &"mine".into()));
    }

    #[track_caller]
    fn assert_status(&self, path: &str, status: u16) {
        assert_eq!(self.get(path).0.status(), status, "{path}");
    }
}

#[test]
fn before_there_is_an_engine_the_process_is_healthy_and_says_what_it_does() {
    let server = Answers(Lifecycle::new());
    server.assert_status("/healthz", 200);
    server.assert_away("/readyz", "the server is starting");
    server.0.report("the file is being recovered; 40 % is done");
    server.assert_away("/readyz", "the file is being recovered; 40 % is done");
    server.assert_away("/api/v1/contacts", "the file is being recovered; 40 % is done");
}

#[test]
fn a_server_that_stops_answers_but_is_not_ready() {
    let server = Answers(Lifecycle::new());
    server.0.begin_serving(router(Engine::new(MemoryStore::new()), Config::default()));
    server.assert_status("/readyz", 200);
    server.assert_status("/api/v1/contacts", 401);
    server.0.begin_stopping();
    server.assert_away("/readyz", "the server is stopping");
    server.assert_status("/healthz", 200);
    server.assert_status("/api/v1/contacts", 401);
}

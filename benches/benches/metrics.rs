//! Metrics: what counting requests costs, with a router in process and one contact that is read again and again.
//!
//! `cargo bench -p rally-benches --bench metrics` prints the time of a request with metrics on and off, in turns, and what
//! the one costs more than the other; counting should cost at most 1 in 100. `-- on` and `-- off` run one of them alone,
//! so that its instructions can be counted (`perf stat -e instructions:u`, `valgrind --tool=callgrind`).

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

use std::{
    env,
    time::{Duration, Instant},
};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use rally_benches::fixture;
use rally_core::{ApiKeyDraft, ContactDraft, Engine, Scopes, TenantDraft, store::MemoryStore};
use rally_http::{Config, Metrics, WorkOn, router};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// Requests of a round.
const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 31;

struct Subject {
    router: Router,
    path: String,
    key: String,
}

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (requests, rounds) = if fixture::is_measuring() { (REQUESTS, ROUNDS) } else { (10, 1) };
    let only = env::args().find(|argument| ["on", "off"].contains(&argument.as_str()));
    let (off, on) = (Subject::new(Metrics::off()), Subject::new(Metrics::new()));
    if let Some(only) = only {
        let subject = if only == "on" { &on } else { &off };
        subject.round(&runtime, requests);
        return;
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(off.round(&runtime, requests));
        with.push(on.round(&runtime, requests));
    }
    let each = |rounds: Vec<Duration>| median(rounds).as_secs_f64() * 1e6 / f64::from(requests);
    let (without, with) = (each(without), each(with));
    println!("GET one, in process: {without:.3} µs without metrics, {with:.3} µs with them");
    println!("counting costs {:.2} %", (with / without - 1.0) * 100.0);
}

impl Subject {
    fn new(metrics: Metrics) -> Self {
        let engine = Engine::new(MemoryStore::new());
        let tenant =
            engine.create_tenant(&TenantDraft::new("acme").rate_limit_per_minute(0)).expect("a tenant");
        let session = tenant.trusted_session("bench").expect("a session");
        let draft = ContactDraft::new("Ada", "Lovelace", "ada@x.example");
        let contact = session.contacts().create(&draft).expect("a contact");
        let scopes: Scopes = "read".parse().expect("a scope");
        let key = session.api_keys().mint(&ApiKeyDraft::new("bench").scopes(scopes)).expect("a key").key;
        let config = Config { metrics, work_on: WorkOn::ServingThread, ..Config::default() };
        Self { router: router(engine, config), path: format!("/api/v1/contacts/{}", contact.id), key }
    }

    fn round(&self, runtime: &Runtime, requests: u32) -> Duration {
        let began = Instant::now();
        runtime.block_on(async {
            for _ in 0..requests {
                let request = Request::get(&self.path).header("X-Api-Key", &self.key).body(Body::empty());
                let answer = self.router.clone().oneshot(request.expect("a request")).await;
                let body = answer.expect("an answer").into_body().collect().await.expect("a body");
                assert!(body.to_bytes().len() > 100, "the contact");
            }
        });
        began.elapsed()
    }
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

//! The metrics of a router.

use std::{collections::BTreeSet, sync::Arc};

use rally_core::{Event, WebhookDraft, store::MemoryStore};
use rally_http::{Config, MetricInfo, Metrics, routers};
use rally_testkit::{FaultyStore, ReadFault};
use tower::ServiceExt;

use crate::support::{ADA, Api, Setting};

/// The value of a sample, by all that stands before it.
#[track_caller]
fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is missing:\n{page}")).parse().unwrap()
}

fn page(api: &Api) -> String {
    let answer = api.get("/metrics").key("").send().is(200);
    assert_eq!(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.body
}

#[test]
fn a_request_is_counted_by_its_pattern_and_never_by_what_is_in_it() {
    let api = Api::new();
    let id = api.post("/api/contacts", ADA).send().is(201).id();
    api.get(&format!("/api/v1/contacts/{id}")).send().is(200);
    api.get(&format!("/api/contacts/{id}")).send().is(200);
    api.get(&format!("/api/contacts/{id}/nowhere")).send().is(404);
    let page = page(&api);
    let requests = |labels: &str| value(&page, &format!("rally_http_requests_total{{{labels}}}"));
    let of_one = r#"method="GET",route="/api/v1/contacts/{id}",status_class="2xx""#;
    assert_eq!(requests(of_one), 2.0);
    assert_eq!(requests(r#"method="POST",route="/api/v1/contacts",status_class="2xx""#), 1.0);
    assert_eq!(requests(r#"method="GET",route="other",status_class="4xx""#), 1.0);
    let durations =
        r#"rally_http_request_duration_seconds_count{method="GET",route="/api/v1/contacts/{id}"}"#;
    assert_eq!(value(&page, durations), 2.0);
    assert_eq!(value(&page, "rally_http_requests_in_flight"), 1.0, "the one for the metrics");
    assert_eq!(value(&page, "rally_feed_entries_total"), 1.0);
    assert!(!page.contains("acme") && !page.contains(&id) && !page.contains("localhost"), "{page}");
}

#[test]
fn what_is_refused_is_counted_by_its_reason() {
    let api = Api::limited_to(2);
    let unknown = format!("{}~", api.reader);
    for (key, times) in [("", 1), (unknown.as_str(), 2), (api.reader.as_str(), 3)] {
        (0..times).for_each(|_| drop(api.get("/api/contacts").key(key).send()));
    }
    let login = r#"{"tenant":"acme","email":"ada@x.example","password":"not the password"}"#;
    api.post("/api/auth/login", login).key("").send().is(401);
    let page = page(&api);
    for (sample, expected) in [
        (r#"rally_auth_failures_total{reason="missing"}"#, 1.0),
        (r#"rally_auth_failures_total{reason="malformed"}"#, 2.0),
        (r#"rally_auth_failures_total{reason="unknown"}"#, 0.0),
        (r#"rally_auth_failures_total{reason="login"}"#, 1.0),
        (r#"rally_rate_limited_total{limit="tenant"}"#, 1.0),
        (r#"rally_rate_limited_total{limit="source"}"#, 0.0),
    ] {
        assert_eq!(value(&page, sample), expected, "{sample}");
    }
}

#[test]
fn a_store_that_fails_is_seen() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    assert_eq!(value(&page(&api), "rally_ready"), 1.0);
    store.fail_read(0, ReadFault::Unavailable);
    api.get("/api/contacts").send().is(503);
    api.clock.advance(1_000_000);
    store.fail_read(0, ReadFault::Unavailable);
    let page = page(&api);
    assert_eq!(value(&page, "rally_ready"), 0.0);
    assert_eq!(value(&page, r#"rally_store_errors_total{kind="unavailable"}"#), 1.0);
}

#[test]
fn events_that_wait_are_seen_with_the_age_of_the_oldest() {
    let api = Api::new();
    let acme = api.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    acme.webhooks().create(&draft).unwrap();
    api.post("/api/contacts", ADA).send().is(201);
    api.clock.advance(7_000_000);
    let now = page(&api);
    assert_eq!(value(&now, "rally_webhook_pending"), 1.0);
    let age = value(&now, "rally_webhook_oldest_pending_seconds");
    assert!((6.9..=7.1).contains(&age), "{age}");
    assert_eq!(value(&now, r#"rally_webhook_hooks{state="on"}"#), 1.0);
    api.clock.advance(7_000_000);
    let age = value(&page(&api), "rally_webhook_oldest_pending_seconds");
    assert!((13.9..=14.1).contains(&age), "the figures stand, and their age does not: {age}");
}

#[test]
fn every_metric_of_a_router_on_memory_is_in_the_list_with_its_labels() {
    let api = Api::new();
    page(&api);
    let page = page(&api);
    let listed: BTreeSet<&str> = MetricInfo::ALL.iter().map(|metric| metric.name).collect();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let known = MetricInfo::ALL.iter().find(|metric| metric.name == name);
        assert_eq!(known.map(|metric| metric.kind.name()), Some(kind), "{name}");
    }
    assert!(listed.iter().is_sorted() && listed.len() == MetricInfo::ALL.len(), "by name, each once");
}

#[test]
fn metrics_stand_where_they_are_wanted_or_nowhere() {
    let api = Api::with(Setting {
        http: Config { metrics: Metrics::off(), ..Config::default() },
        ..Setting::default()
    });
    api.get("/metrics").key("").send().is(404);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let apart = routers(api.engine.clone(), Config::default());
    let status = |router: &axum::Router, path: &str| {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        runtime.block_on(router.clone().oneshot(request)).unwrap().status().as_u16()
    };
    for (path, api, metrics) in [("/metrics", 404, 200), ("/readyz", 200, 200), ("/openapi.json", 200, 404)] {
        assert_eq!((status(&apart.api, path), status(&apart.metrics, path)), (api, metrics), "{path}");
    }
}

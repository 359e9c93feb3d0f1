//! The clock of a tenant, and what runs when it is moved.

use std::time::Duration;

use rally_core::Timestamp;
use rally_http::testing::{Fake, StartClock};

use super::client::{api, contact, control, with_key};

fn still() -> Fake {
    Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap()
}

fn micros(fake: &Fake) -> i64 {
    fake.now().as_micros()
}

#[test]
fn each_tenant_has_a_clock_of_its_own() {
    let fake = still();
    let clock = |verb: &str, body: &str| control(&fake, "POST", &format!("/tenants/acme/clock/{verb}"), body);
    let shown = control(&fake, "GET", "/tenants/acme/clock", "").is(200).json();
    assert_eq!((&shown["mode"], &shown["nextDue"]), (&"frozen".into(), &serde_json::Value::Null));
    let frozen = clock("freeze", r#"{"at":"2025-03-01T10:00:00Z"}"#).is(200).json();
    assert_eq!((&frozen["mode"], &frozen["now"]), (&"frozen".into(), &"2025-03-01T10:00:00.000000Z".into()));
    let created = api(&fake, "POST", "/contacts", &contact("ada")).is(201).json();
    assert_eq!(created["createdAt"], "2025-03-01T10:00:00.000000Z");
    let moved = clock("advance", r#"{"by":"1h"}"#).is(200).json();
    assert_eq!(moved["now"], "2025-03-01T11:00:00.000000Z");
    assert_eq!(clock("set", r#"{"to":"2024-01-01"}"#).is(200).json()["now"], "2024-01-01T00:00:00.000000Z");
    assert_eq!(clock("real", "").is(200).json()["mode"], "real");
    assert_eq!(clock("advance", r#"{"by":60}"#).is(200).json()["mode"], "running");
    let other = fake.create_tenant("other").unwrap();
    assert!(other.now() < fake.now());
    for (verb, body) in [
        ("set", ""),
        ("set", r#"{"to":"soon"}"#),
        ("advance", ""),
        ("advance", r#"{"by":"1h","to":"2030-01-01"}"#),
        ("advance", r#"{"to":"2020-01-01"}"#),
        ("advance", r#"{"by":"-1h"}"#),
        ("freeze", r#"{"when":"now"}"#),
    ] {
        assert_eq!(clock(verb, body).is(400).json()["code"], "validation", "{verb} {body}");
    }
}

#[test]
fn the_window_of_the_rate_limit_is_the_tenants() {
    let fake = Fake::builder()
        .requests_per_minute(2)
        .start_clock(StartClock::At("2025-03-01".parse().unwrap()))
        .start()
        .unwrap();
    let other = fake.create_tenant("other").unwrap();
    let get = |status: u16| api(&fake, "GET", "/contacts", "").is(status);
    get(200);
    get(200);
    assert_eq!(get(429).header("retry-after"), Some("60"));
    api(&other, "GET", "/contacts", "").is(200);
    other.advance(Duration::from_hours(1)).unwrap();
    get(429);
    let moved = fake.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(moved.ran.len(), 1, "{moved:?}");
    get(200);
}

#[test]
fn keys_and_tokens_end_by_the_tenants_clock() {
    let fake = still();
    let body = r#"{"name":"brief","expiresAt":"2025-03-01T02:00:00Z"}"#;
    let key = api(&fake, "POST", "/api-keys", body).is(201).json()["key"].as_str().unwrap().to_owned();
    let user = r#"{"email":"o@x.example","name":"Olga","scopes":"read","password":"correct horse battery"}"#;
    api(&fake, "POST", "/users", user).is(201);
    let login = r#"{"tenant":"acme","email":"o@x.example","password":"correct horse battery"}"#;
    let token = api(&fake, "POST", "/auth/login", login).is(200).json()["token"].as_str().unwrap().to_owned();
    let by_token = || {
        let header = format!("Authorization: Bearer {token}\r\n");
        super::client::send(fake.url(), "GET", "/api/contacts", &header, "").status
    };
    with_key(&fake, &key, "GET", "/contacts", "").is(200);
    assert_eq!(by_token(), 200);
    let moved = control(&fake, "POST", "/tenants/acme/clock/advance", r#"{"by":"3h"}"#).is(200).json();
    with_key(&fake, &key, "GET", "/contacts", "").is(401);
    assert_eq!(by_token(), 401);
    let ran: Vec<(&str, &str)> = moved["ran"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ran| (ran["at"].as_str().unwrap(), ran["what"].as_str().unwrap()))
        .collect();
    assert_eq!(
        ran,
        [
            ("2025-03-01T01:00:00.000000Z", "tokenExpired"),
            ("2025-03-01T02:00:00.000000Z", "keyExpired"),
            ("2025-03-01T03:00:00.000000Z", "rateWindow"),
        ]
    );
    assert_eq!(moved["ran"][1]["name"], "brief");
    assert_eq!(moved["ran"][2]["count"], 180);
}

#[test]
fn an_idempotency_key_is_kept_for_a_day_of_the_tenants_clock() {
    let fake = still();
    let create = || {
        let headers = format!("X-Api-Key: {}\r\nIdempotency-Key: once\r\n", fake.api_key());
        super::client::send(fake.url(), "POST", "/api/companies", &headers, r#"{"name":"Looms"}"#)
            .is(201)
            .json()["id"]
            .clone()
    };
    let first = create();
    assert_eq!(create(), first);
    let moved = control(&fake, "POST", "/tenants/acme/clock/advance", r#"{"by":"24h"}"#).is(200).json();
    let ended = moved["ran"].as_array().unwrap().iter().find(|ran| ran["what"] == "idempotencyKeyExpired");
    assert_eq!(ended.unwrap()["count"], 1, "{moved}");
    assert_ne!(create(), first);
}

#[test]
fn a_clock_that_runs_goes_on_from_where_it_was_put() {
    let fake = Fake::start();
    let before = micros(&fake);
    fake.advance(Duration::from_hours(24)).unwrap();
    let after = micros(&fake);
    assert!(after - before >= 86_400_000_000);
    while micros(&fake) == after {
        std::thread::yield_now();
    }
    fake.set_clock(Timestamp::from_micros(0));
    assert!(micros(&fake) < before);
}

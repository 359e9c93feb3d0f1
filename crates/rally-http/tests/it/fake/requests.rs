//! The journal of a tenant's requests.

use rally_http::testing::{Fake, Fault};

use super::client::{api, contact, control, send, with_key};

#[test]
fn the_journal_has_each_request_with_its_route_its_status_and_its_fault() {
    let fake = Fake::start();
    let other = fake.create_tenant("other").unwrap();
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    api(&fake, "GET", "/contacts/0194c101-aca0-7001-9859-d4265eb01788?fields=id", "").is(404);
    api(&fake, "GET", "/nothing", "").is(404);
    fake.arm(Fault::status(503)).unwrap();
    fake.arm(Fault::lost_answer().nth(2)).unwrap();
    api(&fake, "GET", "/deals", "").is(503);
    assert_eq!(api(&fake, "GET", "/deals", "").status, 0);
    with_key(&other, other.api_key(), "GET", "/deals", "").is(200);
    let list =
        |query: &str| control(&fake, "GET", &format!("/tenants/acme/requests{query}"), "").is(200).json();
    let all = list("");
    let told: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|request| (request["route"].as_str(), request["status"].as_u64(), request["fault"].as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Some("/contacts"), Some(201), None),
            (Some("/contacts/{id}"), Some(404), None),
            (None, Some(404), None),
            (Some("/deals"), Some(503), Some("f1")),
            (Some("/deals"), None, Some("f2")),
        ]
    );
    assert_eq!(all[1]["path"], "/api/v1/contacts/0194c101-aca0-7001-9859-d4265eb01788?fields=id");
    assert_eq!(all[0]["credential"], fake.api_key().get(..12).unwrap());
    for (query, count) in [
        ("?route=/deals", 2),
        ("?status=404", 2),
        ("?method=POST", 1),
        ("?fault=f2", 1),
        ("?after=4", 1),
        ("?limit=2", 2),
    ] {
        assert_eq!(list(query).as_array().unwrap().len(), count, "{query}");
    }
    let count =
        control(&fake, "GET", "/tenants/acme/requests/count?route=/deals&method=GET", "").is(200).json();
    assert_eq!((&count["count"], fake.count_requests("GET", "/deals")), (&2.into(), 2));
    for query in ["?limit=0", "?limit=1001", "?status=ok", "?path=/", "/unexpected?route=/"] {
        control(&fake, "GET", &format!("/tenants/acme/requests{query}"), "").is(400);
    }
    assert_eq!(control(&fake, "DELETE", "/tenants/acme/requests", "").is(200).json()["forgotten"], 5);
    assert!(fake.requests().is_empty());
}

#[test]
fn what_was_not_expected_is_told() {
    let fake = Fake::start();
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    api(&fake, "POST", "/contacts", &contact("ada")).is(400);
    fake.arm(Fault::status(500)).unwrap();
    api(&fake, "GET", "/deals", "").is(500);
    let told = control(&fake, "GET", "/tenants/acme/requests/unexpected", "").is(200).json();
    assert_eq!((told.as_array().unwrap().len(), &told[0]["status"]), (1, &400.into()));
    let query = "?expected=POST%20/contacts";
    let told = control(&fake, "GET", &format!("/tenants/acme/requests/unexpected{query}"), "").is(200).json();
    assert_eq!((told.as_array().unwrap().len(), &told[0]["route"]), (1, &"/deals".into()));
    assert!(fake.unexpected_requests(&["POST /contacts", "GET /deals"]).is_empty());
}

#[test]
fn a_line_for_a_shell_repeats_the_request() {
    let fake = Fake::start();
    let headers = format!(
        "X-Api-Key: {}\r\nContent-Type: application/json\r\nIdempotency-Key: once\r\n",
        fake.api_key()
    );
    let body = r#"{"name":"O'Hara"}"#;
    let made = send(fake.url(), "POST", "/api/companies?", &headers, body).is(201).json();
    let line = fake.requests()[0].curl.clone();
    let Ok(answered) = std::process::Command::new("sh").args(["-c", &format!("{line} -sS")]).output() else {
        return;
    };
    if !answered.status.success() {
        // Without curl on this machine the line is compared alone.
        assert!(
            line.contains(r#"--data-raw '{"name":"O'\''Hara"}'"#) && line.contains(fake.api_key()),
            "{line}"
        );
        return;
    }
    let again: serde_json::Value = serde_json::from_slice(&answered.stdout).unwrap();
    assert_eq!(again["id"], made["id"], "the key was repeated, so the answer is");
    let large = format!(r#"{{"name":"L","description":"{}"}}"#, "x".repeat(10_000));
    api(&fake, "POST", "/companies", &large).is(201);
    assert!(fake.requests().last().unwrap().curl.len() < 5_000);
}

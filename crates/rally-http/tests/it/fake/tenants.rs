//! Tenants that are made, filled, kept, forked and dropped.

use std::{sync::mpsc, thread, time::Duration};

use rally_core::Query;
use rally_http::testing::{Fake, Seed, StartClock};
use serde_json::json;

use super::client::{api, contact, contacts, control, send, with_key};

#[test]
fn a_tenant_has_a_key_of_each_scope_and_records_of_its_own() {
    let fake = Fake::start();
    let told =
        control(&fake, "POST", "/tenants", r#"{"tenant":"looms","rateLimitPerMinute":7}"#).is(201).json();
    let looms = fake.tenants().find("looms").unwrap();
    assert_eq!(told["apiKey"], told["keys"]["admin"]);
    for (scope, post, keys) in [("read", 403, 403), ("write", 201, 403), ("admin", 201, 200)] {
        let key = told["keys"][scope].as_str().unwrap();
        assert_eq!(with_key(&looms, key, "GET", "/api-keys", "").status, keys, "{scope}");
        assert_eq!(with_key(&looms, key, "POST", "/contacts", &contact(scope)).status, post, "{scope}");
    }
    let answer = api(&looms, "GET", "/contacts", "").is(200);
    assert_eq!(answer.header("x-ratelimit-limit"), Some("7"));
    assert_eq!((contacts(&fake), answer.json().as_array().unwrap().len()), (0, 2));
    let again = control(&fake, "POST", "/tenants", r#"{"tenant":"looms"}"#).is(400).json();
    assert_eq!(again["code"], "duplicate");
    for body in [r#"{"tenant":"No Slug"}"#, r#"{"name":"x"}"#, r#"{"clock":"soon"}"#, r#"{"profile":"lax"}"#]
    {
        assert_eq!(control(&fake, "POST", "/tenants", body).is(400).json()["code"], "validation", "{body}");
    }
    assert_eq!(control(&fake, "POST", "/tenants", "{").is(400).json()["code"], "malformed_json");
}

#[test]
fn a_request_finds_its_tenant_by_host_credential_or_login() {
    let fake = Fake::builder().tenant("acme").tenant("looms").start().unwrap();
    let looms = fake.tenants().find("looms").unwrap();
    let user = r#"{"email":"o@x.example","name":"Olga","scopes":"write","password":"correct horse battery"}"#;
    api(&looms, "POST", "/users", user).is(201);
    let login = |headers: &str, tenant: &str| {
        let body = format!(r#"{{{tenant}"email":"o@x.example","password":"correct horse battery"}}"#);
        send(fake.url(), "POST", "/api/v1/auth/login", headers, &body)
    };
    let token = login("", r#""tenant":"looms","#).is(200).json()["token"].as_str().unwrap().to_owned();
    login("Host: looms.localhost\r\n", "").is(200);
    login("Host: acme.localhost\r\n", "").is(401);
    login("", r#""tenant":"nobody","#).is(401);
    login("", "").is(400);
    let me = send(fake.url(), "GET", "/api/auth/me", &format!("Authorization: Bearer {token}\r\n"), "");
    assert_eq!(me.is(200).json()["tenantSlug"], "looms");
    let key = format!("X-Api-Key: {}\r\n", looms.api_key());
    for (host, status) in [("looms", 200), ("LOOMS", 200), ("acme", 401), ("nobody", 401)] {
        let headers = format!("Host: {host}.localhost\r\n{key}");
        assert_eq!(send(fake.url(), "GET", "/api/v1/contacts", &headers, "").status, status, "{host}");
    }
    assert_eq!(send(fake.url(), "GET", "/api/v1/contacts", "X-Api-Key: rk_test_x\r\n", "").status, 401);
}

#[test]
fn a_dropped_tenant_is_gone_and_its_name_free() {
    let fake = Fake::start();
    let looms = fake.create_tenant("looms").unwrap();
    let key = looms.api_key().to_owned();
    assert_eq!(control(&fake, "DELETE", "/tenants/looms", "").is(200).json()["dropped"], true);
    with_key(&looms, &key, "GET", "/contacts", "").is(401);
    control(&fake, "DELETE", "/tenants/looms", "").is(404);
    let again = fake.create_tenant("looms").unwrap();
    assert_eq!(contacts(&again), 0);
    assert_ne!(again.api_key(), key);
}

#[test]
fn a_reset_brings_back_the_beginning_with_its_keys_and_its_seed() {
    let fake = Fake::start();
    let body = r#"{"tenant":"looms","clock":"2025-03-01","seed":{"dataset":"demo"}}"#;
    let made = control(&fake, "POST", "/tenants", body).is(201).json();
    let looms = fake.tenants().find("looms").unwrap();
    api(&looms, "POST", "/contacts", &contact("ada")).is(201);
    looms.advance(Duration::from_secs(60)).unwrap();
    let reset = control(&fake, "POST", "/tenants/looms/reset", "").is(200).json();
    assert_eq!((&reset["keys"], &reset["clock"]["now"]), (&made["keys"], &made["clock"]["now"]));
    assert_eq!(contacts(&looms), 40);
}

#[test]
fn whoever_waits_for_a_change_of_a_tenant_hears_of_its_reset() {
    let fake = Fake::builder().tenant("acme").tenant("looms").start().unwrap();
    let (first, heard) = mpsc::channel();
    for (slug, wait) in [("acme", 20), ("looms", 30)] {
        let (tenant, first) = (fake.tenants().find(slug).unwrap(), first.clone());
        thread::spawn(move || {
            let answer = api(&tenant, "GET", &format!("/sync/changes?after=0&wait={wait}"), "");
            drop(first.send((slug, answer)));
        });
    }
    // Again and again, as nobody knows when it has begun to wait.
    let (slug, answer) = loop {
        fake.tenants().find("looms").unwrap().reset();
        if let Ok(heard) = heard.recv_timeout(Duration::from_millis(20)) {
            break heard;
        }
    };
    assert_eq!(
        (slug, answer.is(200).body.as_str()),
        ("looms", "[]"),
        "it hears before the one who waits for less"
    );
}

#[test]
fn snapshots_bring_back_records_keys_and_clock() {
    let fake = Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap();
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    let kept = control(&fake, "POST", "/tenants/acme/snapshot", r#"{"name":"one"}"#).is(201).json();
    assert_eq!(kept["name"], "one");
    let before = fake.now();
    fake.advance(Duration::from_hours(1)).unwrap();
    api(&fake, "POST", "/contacts", &contact("bob")).is(201);
    let made = api(&fake, "POST", "/api-keys", r#"{"name":"later"}"#).is(201).json();
    control(&fake, "POST", "/tenants/acme/restore", r#"{"name":"one"}"#).is(200);
    assert_eq!((contacts(&fake), fake.now()), (1, before));
    with_key(&fake, made["key"].as_str().unwrap(), "GET", "/contacts", "").is(401);
    // It can be brought back again and again.
    api(&fake, "POST", "/contacts", &contact("bob")).is(201);
    fake.restore("one").unwrap();
    assert_eq!(contacts(&fake), 1);
    let names = control(&fake, "GET", "/tenants/acme/snapshots", "").is(200).json();
    assert_eq!(names[0]["name"], "one");
    control(&fake, "DELETE", "/tenants/acme/snapshots/one", "").is(200);
    assert!(fake.restore("one").unwrap_err().is_not_found());
}

#[test]
fn a_tenant_has_so_many_snapshots_and_no_more() {
    let fake = Fake::start();
    for number in 0..100 {
        fake.snapshot(&number.to_string()).unwrap();
    }
    fake.snapshot("7").unwrap();
    let refused = control(&fake, "POST", "/tenants/acme/snapshot", "").is(400).json();
    assert_eq!(refused["code"], "limit_exceeded");
}

#[test]
fn a_fork_has_the_records_and_is_independent() {
    let fake = Fake::start();
    fake.seed(&Seed::demo()).unwrap();
    api(&fake, "PUT", "/settings", r#"{"defaultCurrency":"EUR","name":"Acme Ltd"}"#).is(200);
    fake.freeze_at("2025-06-01".parse().unwrap());
    let told = control(&fake, "POST", "/tenants/acme/fork", r#"{"tenant":"branch"}"#).is(201).json();
    let branch = fake.tenants().find("branch").unwrap();
    assert_eq!(told["clock"]["now"], "2025-06-01T00:00:00.000000Z");
    let list = |path: &str| [&*fake, &branch].map(|tenant| api(tenant, "GET", path, "").is(200).json());
    let [mut own, forked] = list("/deals?fields=id,name,stageName,companyName,updatedAt");
    assert_eq!(own, forked);
    [own, _] = list("/settings?fields=defaultCurrency,name");
    assert_eq!(api(&branch, "GET", "/settings?fields=defaultCurrency,name", "").json(), own);
    let one = api(&branch, "GET", "/contacts?limit=1", "").json()[0].clone();
    assert_eq!(one["tenantId"], told["id"]);
    api(&branch, "DELETE", &format!("/contacts/{}", one["id"].as_str().unwrap()), "").is(200);
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    assert_eq!((contacts(&fake), contacts(&branch)), (41, 39));
    branch.advance(Duration::from_secs(1)).unwrap();
    assert_ne!(branch.now(), fake.now());
    with_key(&branch, fake.api_key(), "GET", "/contacts", "").is(200);
    let host = format!("Host: branch.localhost\r\nX-Api-Key: {}\r\n", fake.api_key());
    send(fake.url(), "GET", "/api/contacts", &host, "").is(401);
    assert_eq!(fake.fork(Some("acme")).unwrap_err().code().name(), "duplicate");
    branch.reset();
    assert_eq!(contacts(&branch), 40, "a fork begins with what it was made of");
}

#[test]
fn a_seed_obeys_the_rules_of_the_api_and_is_made_wholly_or_not_at_all() {
    let fake = Fake::start();
    let seed = json!({
        "companies": [{"@id": "looms", "name": "Looms Ltd", "domain": "looms.example"}],
        "pipelines": [{"@id": "sales", "name": "Sales", "stages": [{"name": "Hot", "probability": 90}]}],
        "contacts": [{"@id": "ada", "firstName": "Ada", "lastName": "L", "email": "a@x.example", "companyId": "@looms"}],
        "deals": [
            {"name": "One", "companyId": "@looms", "contactId": "@ada"},
            {"name": "Two", "stageId": "@Proposal"},
            {"name": "Three", "pipelineId": "@Sales", "stageId": "@Hot"},
        ],
    });
    let sown = control(&fake, "POST", "/tenants/acme/seed", &seed.to_string()).is(200).json();
    assert_eq!(sown["created"], json!({"companies": 1, "contacts": 1, "deals": 3, "pipelines": 1}));
    let deals = api(&fake, "GET", "/deals?fields=name,stageName,companyName", "").is(200).json();
    let expected = [("One", "Lead", "Looms Ltd"), ("Two", "Proposal", ""), ("Three", "Hot", "")];
    for (deal, (name, stage, company)) in deals.as_array().unwrap().iter().zip(expected) {
        assert_eq!((&deal["name"], &deal["stageName"]), (&name.into(), &stage.into()));
        assert_eq!(deal["companyName"].as_str().unwrap_or(""), company);
    }
    let ada = api(&fake, "GET", "/contacts?fields=id", "").json()[0]["id"].clone();
    assert_eq!(sown["ids"]["ada"], ada);
    for (seed, code, told) in [
        (
            json!({"contacts": [{"firstName": "B", "lastName": "C", "email": "b@x.example"}, {"email": "nope"}]}),
            "validation",
            "contacts[1].email",
        ),
        (
            json!({"contacts": [{"firstName": "B", "lastName": "C", "email": "a@X.example"}]}),
            "duplicate",
            "contacts[0]",
        ),
        (json!({"deals": [{"name": "x", "companyId": "@nobody"}]}), "validation", "deals[0].companyId"),
        (json!({"contact": []}), "validation", "contact"),
        (json!({"contacts": [7]}), "validation", "contacts"),
        (json!({"dataset": "large"}), "validation", "dataset"),
        (json!([]), "validation", "object"),
    ] {
        let refused = control(&fake, "POST", "/tenants/acme/seed", &seed.to_string()).is(400);
        assert_eq!(refused.json()["code"], code, "{seed}");
        assert!(refused.body.contains(told), "{seed}: {}", refused.body);
    }
    assert_eq!(contacts(&fake), 1, "what a refused seed had made is gone");
}

#[test]
fn a_seed_may_be_a_file_of_the_import() {
    let fake = Fake::start();
    let file = "First name;Last name;E-Mail\nAda;Lovelace;ada@x.example\nBob;Hill;bob\n";
    let report = control(&fake, "POST", "/tenants/acme/seed/contacts", file).is(200).json();
    assert_eq!((&report["imported"], &report["skipped"]), (&1.into(), &1.into()));
    assert_eq!(fake.session().unwrap().contacts().count(Query::all()).unwrap(), 1);
    let path =
        "/tenants/acme/seed/contacts?mode=upsert&dryRun=true&mapping=%7B%22Vorname%22:%22firstName%22%7D";
    let file = "Vorname;Last name;E-Mail\nAugusta;King;ADA@x.example\nGrace;Hopper;grace@x.example\n";
    let report = control(&fake, "POST", path, file).is(200).json();
    assert_eq!((&report["updated"], &report["created"]), (&1.into(), &1.into()));
    assert_eq!(
        fake.session().unwrap().contacts().count(Query::all()).unwrap(),
        1,
        "a dry run changes nothing"
    );
    for (query, member) in [("mode=replace", "mode"), ("errors=file", "errors"), ("colour=red", "colour")] {
        let refused = control(&fake, "POST", &format!("/tenants/acme/seed/contacts?{query}"), file).is(400);
        assert!(refused.body.contains(member), "{query}: {}", refused.body);
    }
}

#[test]
fn a_seed_number_repeats_ids_keys_and_secrets() {
    let run = |seed: u64| {
        let at = StartClock::At("2025-01-01".parse().unwrap());
        let fake =
            Fake::builder().seed(seed).start_clock(at).tenant("first").tenant("second").start().unwrap();
        let second = fake.tenants().find("second").unwrap();
        api(&fake, "POST", "/contacts", &contact("disturbs")).is(201);
        let made = api(&second, "POST", "/contacts", &contact("ada")).is(201).json()["id"].clone();
        let hook = r#"{"name":"n","url":"https://x.example/","events":["*"]}"#;
        let secret = api(&second, "POST", "/webhooks", hook).is(201).json()["secret"].clone();
        (second.id(), second.api_key().to_owned(), made, secret)
    };
    assert_eq!(run(7), run(7));
    let (one, other) = (run(7), run(8));
    assert!(one.0 != other.0 && one.1 != other.1 && one.2 != other.2 && one.3 != other.3);
}

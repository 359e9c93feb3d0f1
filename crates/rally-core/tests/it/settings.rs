use rally_core::{
    Code, Error, Json, Outcome, Patch, Profile, Scope, Session, Settings, SettingsChange, TenantId,
    WriteOptions, Written,
};
use serde_json::{Value, json};

use crate::support::{World, add, bytes, lines, once, read, report, tenant, text};

fn put(session: &Session, body: &Value) -> Result<Written<Settings>, Error> {
    session.change_settings(&Json(&bytes(body)), &WriteOptions::default())
}

fn get(session: &Session) -> Settings {
    session.settings().unwrap().read().unwrap()
}

/// A session that begins now.
fn anew(world: &World) -> Session {
    world.engine.trusted_session("acme", "host").unwrap()
}

#[test]
fn a_new_tenant_has_the_usual_settings() {
    let world = World::new();
    insta::assert_snapshot!(lines(&world.acme.settings().unwrap()), @r#"
    "name":"acme"
    "timezone":"UTC"
    "defaultCurrency":"USD"
    "rateLimitPerMinute":1000
    "profile":"documented"
    "#);
    assert_eq!(get(&World::strict().acme).profile, "strict");
}

#[test]
fn what_is_changed_stays_changed_and_null_goes_back() {
    let world = World::new();
    let before = get(&world.acme);
    let full = json!({
        "name": " Acme Inc. ", "timezone": "Europe/Berlin", "defaultCurrency": "EUR", "rateLimitPerMinute": 7,
        "profile": "strict",
    });
    let written = put(&world.acme, &full).unwrap();
    assert_eq!(written.outcome, Outcome::Updated);
    insta::assert_snapshot!(lines(&written.row), @r#"
    "name":"Acme Inc."
    "timezone":"Europe/Berlin"
    "defaultCurrency":"EUR"
    "rateLimitPerMinute":7
    "profile":"strict"
    "#);
    assert_eq!(text(&world.acme.settings().unwrap()), text(&written.row));
    assert_eq!(
        put(&world.acme, &json!({"rateLimitPerMinute": 0})).unwrap().read().unwrap().timezone,
        "Europe/Berlin"
    );
    let names: Vec<&String> = full.as_object().unwrap().keys().collect();
    for name in names {
        put(&world.acme, &json!({name: null})).unwrap();
    }
    assert_eq!(get(&world.acme), before);
}

#[test]
fn settings_hold_for_sessions_that_begin_afterwards_at_once() {
    let world = World::new();
    put(&world.acme, &json!({"defaultCurrency": "EUR", "rateLimitPerMinute": 7, "profile": "strict"}))
        .unwrap();
    let session = anew(&world);
    let info = session.tenant();
    assert_eq!((info.requests_per_minute, info.profile), (7, Profile::Strict));
    let deal = add(session.deals(), &world.lead("Deal"));
    assert_eq!(read(session.deals(), deal).currency, "EUR");
    let given = crate::support::with(world.lead("Deal"), &json!({"currency": "GBP"}));
    assert_eq!(read(session.deals(), add(session.deals(), &given)).currency, "GBP");
    put(&session, &json!({"defaultCurrency": null})).unwrap();
    let deal = add(anew(&world).deals(), &world.lead("Deal"));
    assert_eq!(read(world.acme.deals(), deal).currency, "USD");
}

#[test]
fn all_faults_of_a_body_are_reported_at_once_and_nothing_is_applied() {
    let world = World::new();
    let before = world.stored(TenantId::DIRECTORY);
    let body = json!({
        "name": "x".repeat(256), "timezone": "Mars/Olympus", "defaultCurrency": "usd", "rateLimitPerMinute": -1,
        "profile": "lax",
    });
    let error = put(&world.acme, &body).unwrap_err();
    insta::assert_snapshot!(report(&error), @"
    validation
    defaultCurrency must be a currency code of ISO 4217, such as USD
    name must not be longer than 255 characters
    profile must be one of documented, strict
    rateLimitPerMinute must be 0 to 1000000000
    timezone must be a time zone of the IANA database, such as Europe/Berlin
    ");
    assert!(world.stored(TenantId::DIRECTORY) == before);
}

#[test]
fn what_is_not_a_setting_is_passed_over_as_documented_and_refused_when_strict() {
    let body = json!({"slug": "mine", "hasPipeline": false, "id": 1, "colour": 1});
    let world = World::new();
    assert_eq!(put(&world.acme, &body).unwrap().outcome, Outcome::Unchanged);
    assert_eq!(world.engine.tenant("acme").unwrap().id, world.acme.tenant().id);
    let error = put(&World::strict().acme, &body).unwrap_err();
    assert_eq!(
        report(&error),
        "validation
colour is not a member
hasPipeline is not a member
id is not a member
slug is not a member"
    );
}

#[test]
fn a_change_of_nothing_leaves_no_trace() {
    let world = World::new();
    put(&world.acme, &json!({"name": "Acme Inc."})).unwrap();
    let before = world.stored(TenantId::DIRECTORY);
    world.clock.advance(1_000_000);
    for body in [json!({}), json!({"name": "Acme Inc.", "timezone": "UTC"}), json!({"profile": null})] {
        assert_eq!(put(&world.acme, &body).unwrap().outcome, Outcome::Unchanged, "{body}");
    }
    assert!(world.stored(TenantId::DIRECTORY) == before);
}

#[test]
fn settings_are_read_and_written_by_admins_alone() {
    let world = World::new();
    let writer = world.acme.clone().limited_to(Scope::Write);
    for error in [writer.settings().unwrap_err(), put(&writer, &json!({"name": "x"})).unwrap_err()] {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
}

#[test]
fn a_tenants_settings_are_its_own() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let before = get(&other);
    assert_eq!(before.name, "other");
    put(&world.acme, &json!({"name": "Acme Inc.", "defaultCurrency": "EUR", "rateLimitPerMinute": 7}))
        .unwrap();
    assert_eq!(get(&other), before);
    assert_eq!(world.engine.trusted_session("other", "host").unwrap().tenant(), other.tenant());
}

#[test]
fn a_change_happens_once_for_a_key_and_tenants_do_not_share_keys() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let change = |session: &Session, name: &str| {
        let body = bytes(&json!({"name": name}));
        session.change_settings(&Json(&body), &once("k", &body))
    };
    let first = change(&world.acme, "One").unwrap();
    assert!(!change(&other, "Two").unwrap().replayed);
    put(&world.acme, &json!({"name": "Three"})).unwrap();
    let again = change(&world.acme, "One").unwrap();
    assert_eq!((again.replayed, text(&again.row)), (true, text(&first.row)));
    assert_eq!((get(&world.acme).name.as_str(), get(&other).name.as_str()), ("Three", "Two"));
    assert_eq!(change(&world.acme, "Two").unwrap_err().code(), Code::IdempotencyMismatch);
}

#[test]
fn a_change_may_name_the_version_it_means() {
    let world = World::new();
    let version = Some(world.acme.settings().unwrap().updated_at().unwrap());
    let options = WriteOptions { if_version: version, ..WriteOptions::default() };
    let change = SettingsChange { name: "One".into(), ..SettingsChange::default() };
    world.acme.change_settings(&change, &options).unwrap();
    let change = SettingsChange { name: Patch::Clear, ..change };
    let error = world.acme.change_settings(&change, &options).unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    assert_eq!(get(&world.acme).name, "One");
}

use rally_core::{
    Code, Currency, DealDraft, Error, Patch, Profile, Scope, Session, Settings, SettingsUpdate, TenantId,
    TimeZone, WriteOptions, WriteOutcome, Written, schema::Row,
};
use serde_json::{Value, json};

use crate::support::{World, bytes, lines, once, report, tenant, text};

fn put(session: &Session, body: &Value) -> Result<Written<Row<Settings>>, Error> {
    session.change_settings_json(&bytes(body), &WriteOptions::default())
}

fn get(session: &Session) -> Settings {
    session.settings().unwrap()
}

fn berlin() -> TimeZone {
    "Europe/Berlin".parse().unwrap()
}

/// A session that begins now.
fn anew(world: &World) -> Session {
    world.engine.tenant("acme").unwrap().trusted_session("host").unwrap()
}

#[test]
fn a_new_tenant_has_the_usual_settings() {
    let world = World::new();
    insta::assert_snapshot!(lines(&world.acme.settings_row().unwrap()), @r#"
    "name":"acme"
    "timezone":"UTC"
    "defaultCurrency":"USD"
    "rateLimitPerMinute":1000
    "profile":"documented"
    "#);
    assert_eq!(get(&World::strict().acme).profile, Profile::Strict);
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
    assert_eq!(written.outcome, WriteOutcome::Updated);
    insta::assert_snapshot!(lines(&written.record), @r#"
    "name":"Acme Inc."
    "timezone":"Europe/Berlin"
    "defaultCurrency":"EUR"
    "rateLimitPerMinute":7
    "profile":"strict"
    "#);
    assert_eq!(text(&world.acme.settings_row().unwrap()), text(&written.record));
    let unlimited = put(&world.acme, &json!({"rateLimitPerMinute": 0})).unwrap().record.read().unwrap();
    assert_eq!((unlimited.timezone, unlimited.rate_limit_per_minute), (berlin(), 0));
    let names: Vec<&String> = full.as_object().unwrap().keys().collect();
    for name in names {
        put(&world.acme, &json!({name: null})).unwrap();
    }
    assert_eq!(get(&world.acme), before);
}

#[test]
fn a_host_changes_settings_by_what_it_wants_them_to_be() {
    let world = World::new();
    let before = get(&world.acme);
    let update = SettingsUpdate::new().name("Acme Inc.").timezone(berlin()).default_currency(Currency::EUR);
    let changed =
        world.acme.change_settings(&update.rate_limit_per_minute(7u32).profile(Profile::Strict)).unwrap();
    assert_eq!((changed.name.as_str(), &changed.timezone), ("Acme Inc.", &berlin()));
    assert_eq!((changed.default_currency, changed.rate_limit_per_minute), (Currency::EUR, 7));
    assert_eq!((changed.profile, get(&world.acme)), (Profile::Strict, changed));
    let cleared = SettingsUpdate::new().name(Patch::Clear).timezone(None).default_currency(None);
    let cleared = cleared.rate_limit_per_minute(Patch::Clear).profile(None);
    assert_eq!(world.acme.change_settings(&cleared).unwrap(), before);
}

#[test]
fn settings_hold_for_sessions_that_begin_afterwards_at_once() {
    let world = World::new();
    let update = SettingsUpdate::new().default_currency(Currency::EUR).rate_limit_per_minute(7u32);
    world.acme.change_settings(&update.profile(Profile::Strict)).unwrap();
    let session = anew(&world);
    let info = session.tenant();
    assert_eq!((info.requests_per_minute, info.profile), (7, Profile::Strict));
    let currency = |session: &Session, draft: DealDraft| session.deals().create(&draft).unwrap().currency;
    assert_eq!(currency(&session, world.lead("Deal")), Currency::EUR);
    let pound: Currency = "GBP".parse().unwrap();
    assert_eq!(currency(&session, world.lead("Deal").currency(pound)), pound);
    session.change_settings(&SettingsUpdate::new().default_currency(Patch::Clear)).unwrap();
    assert_eq!(currency(&anew(&world), world.lead("Deal")), Currency::USD);
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
    assert_eq!(put(&world.acme, &body).unwrap().outcome, WriteOutcome::Unchanged);
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
    world.acme.change_settings(&SettingsUpdate::new().name("Acme Inc.")).unwrap();
    let before = world.stored(TenantId::DIRECTORY);
    world.clock.advance(1_000_000);
    for body in [json!({}), json!({"name": "Acme Inc.", "timezone": "UTC"}), json!({"profile": null})] {
        assert_eq!(put(&world.acme, &body).unwrap().outcome, WriteOutcome::Unchanged, "{body}");
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
    let update = SettingsUpdate::new().name("Acme Inc.").default_currency(Currency::EUR);
    world.acme.change_settings(&update.rate_limit_per_minute(7u32)).unwrap();
    assert_eq!(get(&other), before);
    assert_eq!(
        world.engine.tenant("other").unwrap().trusted_session("host").unwrap().tenant(),
        other.tenant()
    );
}

#[test]
fn a_change_happens_once_for_a_key_and_tenants_do_not_share_keys() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let change = |session: &Session, name: &str| {
        let body = bytes(&json!({"name": name}));
        session.change_settings_json(&body, &once("k", &body))
    };
    let first = change(&world.acme, "One").unwrap();
    assert!(!change(&other, "Two").unwrap().replayed);
    world.acme.change_settings(&SettingsUpdate::new().name("Three")).unwrap();
    let again = change(&world.acme, "One").unwrap();
    assert_eq!((again.replayed, text(&again.record)), (true, text(&first.record)));
    assert_eq!((get(&world.acme).name.as_str(), get(&other).name.as_str()), ("Three", "Two"));
    assert_eq!(change(&world.acme, "Two").unwrap_err().code(), Code::IdempotencyMismatch);
}

#[test]
fn a_change_may_name_the_version_it_means() {
    let world = World::new();
    let version = world.acme.settings_row().unwrap().updated_at().unwrap();
    let options = WriteOptions::default().if_version(version);
    world.acme.change_settings_json(br#"{"name":"One"}"#, &options).unwrap();
    let error = world.acme.change_settings_json(br#"{"name":null}"#, &options).unwrap_err();
    assert_eq!(error.code(), Code::PreconditionFailed);
    assert_eq!(get(&world.acme).name, "One");
}

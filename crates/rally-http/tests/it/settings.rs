//! `/settings`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::{Api, World, with};

const PATH: &str = "/api/v1/settings";

#[test]
fn a_tenant_that_has_chosen_nothing_has_settings_too() {
    let api = Api::new();
    let answer = api.get(PATH).send();
    assert_snapshot!(answer, @r#"
    200
    {
      "defaultCurrency": "USD",
      "name": "acme",
      "profile": "documented",
      "rateLimitPerMinute": 1000,
      "timezone": "UTC"
    }
    "#);
    assert_ne!(answer.header("ETag"), "");
}

#[test]
fn settings_are_changed_member_by_member() {
    let api = Api::new();
    let whole = json!({"name": "Acme", "timezone": "Europe/Berlin", "defaultCurrency": "EUR",
        "rateLimitPerMinute": 500, "profile": "strict"});
    assert_snapshot!(api.put(PATH, whole.to_string()).send(), @r#"
    200
    {
      "defaultCurrency": "EUR",
      "name": "Acme",
      "profile": "strict",
      "rateLimitPerMinute": 500,
      "timezone": "Europe/Berlin"
    }
    "#);
    assert_eq!(api.get(PATH).send().value(), whole);
    let answer = api.put("/api/settings", r#"{"timezone":"UTC"}"#).send().is(200);
    let mut expected = whole;
    expected["timezone"] = json!("UTC");
    assert_eq!(answer.value(), expected);
    assert_eq!(answer.header("Location"), "");
    let same = api.put(PATH, r#"{"timezone":"UTC"}"#).send().is(200);
    assert_eq!(same.header("ETag"), answer.header("ETag"));
}

#[test]
fn what_is_cleared_is_as_it_was_at_first() {
    let api = Api::new();
    let first = api.get(PATH).send().value();
    let body = json!({"name": "Acme", "timezone": "Europe/Berlin", "defaultCurrency": "EUR",
        "rateLimitPerMinute": 0, "profile": "strict"});
    api.put(PATH, body.to_string()).send().is(200);
    let cleared: Value = body.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    assert_eq!(api.put(PATH, cleared.to_string()).send().is(200).value(), first);
}

#[test]
fn what_is_wrong_with_a_member_is_told_and_nothing_is_applied() {
    let api = Api::new();
    let (before, mut all) = (api.get(PATH).send(), String::new());
    for (member, value) in [
        ("name", json!("x".repeat(256))),
        ("name", json!(7)),
        ("timezone", json!("Europe/Atlantis")),
        ("timezone", json!("europe/berlin")),
        ("defaultCurrency", json!("usd")),
        ("defaultCurrency", json!("XXY")),
        ("rateLimitPerMinute", json!(-1)),
        ("rateLimitPerMinute", json!(1_000_000_001)),
        ("rateLimitPerMinute", json!("many")),
        ("profile", json!("lenient")),
    ] {
        let answer = api.put(PATH, with(r#"{"timezone":"Asia/Tokyo"}"#, member, value)).send();
        all += &format!("{}\n", answer.told());
    }
    assert_snapshot!(all, @"
    400 validation: name must not be longer than 255 characters
    400 validation: name must be a string
    400 validation: timezone must be a time zone of the IANA database, such as Europe/Berlin
    400 validation: timezone must be a time zone of the IANA database, such as Europe/Berlin
    400 validation: defaultCurrency must be a currency code of ISO 4217, such as USD
    400 validation: defaultCurrency must be a currency code of ISO 4217, such as USD
    400 validation: rateLimitPerMinute must be 0 to 1000000000
    400 validation: rateLimitPerMinute must be 0 to 1000000000
    400 validation: rateLimitPerMinute must be a number
    400 validation: profile must be one of documented, strict
    ");
    assert_eq!(api.get(PATH).send().body, before.body);
    api.put(PATH, with("{}", "name", "x".repeat(255))).send().is(200);
    api.put(PATH, r#"{"rateLimitPerMinute":1000000000}"#).send().is(200);
}

#[test]
fn another_rate_limit_is_told_by_the_next_answer() {
    let api = Api::new();
    let limit =
        |key: &str| api.get("/api/v1/contacts").key(key).send().header("X-RateLimit-Limit").to_owned();
    assert_eq!(limit(&api.admin), "1000");
    api.put(PATH, r#"{"rateLimitPerMinute":7}"#).send().is(200);
    assert_eq!((limit(&api.admin), limit(&api.reader)), ("7".into(), "7".into()));
    assert_eq!(limit(&api.other), "1000", "that is another tenant's");
    api.put(PATH, r#"{"rateLimitPerMinute":0}"#).send().is(200);
    assert_eq!(limit(&api.admin), "");
}

#[test]
fn another_profile_holds_for_the_next_request() {
    let api = Api::new();
    let create = |email: &str| {
        let body = json!({"firstName": "a", "lastName": "b", "email": email, "nonsense": 1}).to_string();
        api.post("/api/v1/contacts", body).send()
    };
    create("a@x.example").is(201);
    api.put(PATH, r#"{"profile":"strict"}"#).send().is(200);
    assert_eq!(create("b@x.example").told(), "400 validation: nonsense is not a member");
    assert_eq!(api.put(PATH, r#"{"x":1}"#).send().told(), "400 validation: x is not a member");
    api.put(PATH, r#"{"profile":"documented"}"#).send().is(200);
    create("b@x.example").is(201);
}

#[test]
fn the_default_currency_is_that_of_new_deals() {
    let world = World::new();
    let create = |name: &str| {
        let body = with(r#"{"pipelineId":"<pipeline>","stageId":"<lead>"}"#, "name", name);
        world.post("/api/v1/deals", &body).send().is(201)
    };
    let old = create("old");
    world.put(PATH, r#"{"defaultCurrency":"JPY"}"#).send().is(200);
    assert_eq!(
        (&old.value()["currency"], &create("new").value()["currency"]),
        (&json!("USD"), &json!("JPY"))
    );
    assert_eq!(world.get(&format!("/api/v1/deals/{}", old.id())).send().body, old.body);
}

#[test]
fn settings_are_of_one_tenant_and_idempotency_keys_of_them_too() {
    let api = Api::new();
    let before = api.get(PATH).key(&api.other).send().body;
    let put = |key: &str| {
        api.put(PATH, r#"{"name":"Acme"}"#).key(key).header("Idempotency-Key", "k").send().is(200)
    };
    assert_eq!(put(&api.admin).header("Idempotent-Replayed"), "");
    assert_eq!(api.get(PATH).key(&api.other).send().body, before);
    assert_eq!(put(&api.other).header("Idempotent-Replayed"), "");
    assert_eq!(put(&api.admin).header("Idempotent-Replayed"), "true");
}

#[test]
fn settings_are_changed_by_put_alone() {
    let api = Api::new();
    for answer in [api.patch(PATH, "{}").send(), api.delete(PATH).send(), api.post(PATH, "{}").send()] {
        assert_eq!(answer.told(), "405 method_not_allowed: this path does not take this method; see Allow");
    }
    api.get(&format!("{PATH}/x")).send().is(404);
}

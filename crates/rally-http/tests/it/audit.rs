//! `/audit`.

use serde_json::{Value, json};

use crate::{callers::PASSWORD, support::Api};

const AUDIT: &str = "/api/v1/audit";

/// Each entry as what was done, by whom, from where, and the detail.
fn told(api: &Api) -> Vec<[Value; 4]> {
    let entries = api.get(AUDIT).send().is(200).items();
    entries
        .iter()
        .map(|entry| ["action", "actor", "source", "detail"].map(|name| entry[name].clone()))
        .collect()
}

#[test]
fn each_administrative_act_is_noted_with_who_did_it_and_from_where() {
    let api = Api::new();
    let begun = told(&api).len();
    let from = |ask: crate::support::Ask<'_>| ask.from("192.0.2.7:1").send();
    let key = from(api.post("/api/v1/api-keys", r#"{"name":"robot"}"#)).is(201).id();
    from(api.patch(&format!("/api/v1/api-keys/{key}"), r#"{"name":"Robot","scopes":"write"}"#)).is(200);
    from(api.delete(&format!("/api/v1/api-keys/{key}"))).is(200);
    let user = r#"{"email":"o@x.example","name":"O","password":"correct horse battery"}"#;
    let user = from(api.post("/api/v1/users", user)).is(201).id();
    from(api.put(&format!("/api/v1/users/{user}"), r#"{"password":"battery horse correct"}"#)).is(200);
    let wrong = r#"{"tenant":"acme","email":"O@x.example","password":"correct horse battery"}"#;
    from(api.post("/api/v1/auth/login", wrong)).is(401);
    from(api.delete(&format!("/api/v1/users/{user}"))).is(200);
    from(api.put("/api/v1/settings", r#"{"timezone":"Europe/Berlin"}"#)).is(200);
    let expected = [
        ("apiKey.created", "apikey:admin", json!(null)),
        ("apiKey.updated", "apikey:admin", json!("name, scopes")),
        ("apiKey.updated", "apikey:admin", json!("isActive")),
        ("user.created", "apikey:admin", json!(null)),
        ("user.updated", "apikey:admin", json!("password")),
        ("login.failed", "authentication", json!("O@x.example")),
        ("user.deleted", "apikey:admin", json!(null)),
        ("settings.updated", "apikey:admin", json!("timezone")),
    ];
    let expected =
        expected.map(|(action, actor, detail)| [json!(action), json!(actor), json!("192.0.2.7"), detail]);
    assert_eq!(told(&api)[begun..], expected);
    let body = api.get(AUDIT).send().body;
    assert!(!body.contains("horse") && !body.contains("argon2id"));
    let of_key = api.get(&format!("{AUDIT}?targetId={key}&count=true")).send();
    assert_eq!(of_key.header("X-Total-Count"), "3");
    let failed = api.get(&format!("{AUDIT}?action=login.failed")).send().items();
    assert_eq!((failed.len(), &failed[0]["count"]), (1, &json!(1)));
}

#[test]
fn logins_are_noted_as_sums_of_an_hour() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read");
    for (password, times) in [("wrong", 3), (PASSWORD, 2)] {
        for _ in 0..times {
            api.log_in("acme", "ada@x.example", password).from("192.0.2.7:1").send();
        }
    }
    let logins = api.get(&format!("{AUDIT}?fields=action,actor,source,detail,count")).send().is(200).items();
    let logins: Vec<&Value> =
        logins.iter().filter(|entry| entry["action"].as_str().unwrap().starts_with("login")).collect();
    let failed = json!({
        "action": "login.failed", "actor": "authentication", "source": "192.0.2.7",
        "detail": "ada@x.example", "count": 3
    });
    let succeeded = json!({
        "action": "login.succeeded", "actor": "ada@x.example", "source": "192.0.2.7", "detail": null, "count": 2
    });
    assert_eq!(logins, [&failed, &succeeded]);
}

#[test]
fn what_changes_nothing_or_is_refused_is_not_noted() {
    let api = Api::new();
    let begun = told(&api);
    api.post("/api/v1/users", r#"{"email":"x"}"#).send().is(400);
    api.put("/api/v1/settings", r#"{"timezone":"UTC"}"#).send().is(200);
    api.post("/api/v1/contacts", crate::support::ADA).send().is(201);
    assert_eq!(told(&api), begun);
}

#[test]
fn the_trail_is_for_the_tenants_admins_and_nobody_writes_it() {
    let api = Api::new();
    api.post("/api/v1/api-keys", r#"{"name":"robot"}"#).send().is(201);
    api.get(AUDIT).key(&api.reader).send().is(403);
    api.get(AUDIT).key("").send().is(401);
    let theirs = api.get(AUDIT).key(&api.other).send().is(200).body;
    assert!(!theirs.contains(r#""actor":"apikey:admin""#), "{theirs}");
    api.post(AUDIT, "{}").send().is(405);
    let id = api.get(AUDIT).send().items()[0]["id"].as_str().unwrap().to_owned();
    api.delete(&format!("{AUDIT}/{id}")).send().is(404);
    assert_eq!(api.get(&format!("{AUDIT}?limit=1&offset=1")).send().items().len(), 1);
}

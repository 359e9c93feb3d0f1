//! Users who log in, and what their tokens are good for afterwards.

mod limits;

use insta::assert_snapshot;
use rally_core::UserDraft;
use serde_json::{Value, json};

use crate::{
    callers::{ANONYMOUS, LOGIN, ME, PASSWORD},
    support::{ADA, Api},
};

const CONTACTS: &str = "/api/v1/contacts";
const REFUSED: &str = "401 unauthorized: the tenant, the e-mail address or the password is wrong";

#[test]
fn a_user_logs_in_and_the_token_is_good_for_both_forms_of_a_path() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read,write");
    let answer = api.log_in("acme", " ADA@x.example", PASSWORD).send().is(200);
    assert_eq!(answer.header("Cache-Control"), "no-store");
    let mut body = answer.value();
    let token = body["token"].take().as_str().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3);
    assert_snapshot!(format!("{body:#}"), @r#"
    {
      "expiresAt": "2025-02-01T11:15:00.000000Z",
      "token": null,
      "tokenType": "Bearer",
      "user": {
        "createdAt": "2025-02-01T10:15:00.000005Z",
        "email": "ada@x.example",
        "id": "0194c101-aca0-7005-8000-00000032dc86",
        "isActive": true,
        "name": "Ada Lovelace",
        "scopes": "read,write",
        "tenantId": "0194c101-aca0-7000-8000-000000170d32",
        "updatedAt": "2025-02-01T10:15:00.000005Z"
      }
    }
    "#);
    for path in [CONTACTS, "/api/contacts"] {
        api.get(path).token(&token).send().is(200);
    }
    let lower_case = api.get(CONTACTS).key("").header("Authorization", &format!("bearer {token}"));
    lower_case.send().is(200);
}

#[test]
fn the_tenant_comes_from_the_host_or_else_from_the_body() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read");
    let log_in = |host: &str, tenant: Option<&str>| {
        let mut body = json!({ "email": "ada@x.example", "password": PASSWORD });
        if let Some(tenant) = tenant {
            body["tenant"] = tenant.into();
        }
        api.post(LOGIN, body.to_string()).key("").header("Host", host).send()
    };
    for (host, tenant) in [
        ("acme.localhost", None),
        ("ACME.localhost:8080", Some("acme")),
        ("acme.localhost", Some("ACME")),
        ("127.0.0.1", Some("acme")),
        ("other.example.com", Some("acme")),
    ] {
        assert_eq!(log_in(host, tenant).is(200).value()["user"]["email"], "ada@x.example");
    }
    for (host, tenant) in [
        ("acme.localhost", Some("other")),
        ("other.localhost", Some("acme")),
        ("other.localhost", None),
        ("nobody.localhost", None),
        ("127.0.0.1", Some("")),
    ] {
        assert_ne!(log_in(host, tenant).status, 200, "{host} {tenant:?}");
    }
    assert_eq!(log_in("acme.localhost", Some("other")).told(), REFUSED);
    assert_eq!(log_in("nobody.localhost", None).told(), REFUSED);
    assert_snapshot!(log_in("127.0.0.1", None).told(), @"400 validation: tenant is required, as the host names none");
}

#[test]
fn every_reason_to_turn_somebody_away_is_told_in_the_same_words() {
    let api = Api::new();
    api.add_user("acme", "ada@x.example", "read");
    let left = api.add_user("acme", "left@x.example", "read");
    api.patch(&format!("/api/v1/users/{left}"), r#"{"isActive":false}"#).send().is(200);
    let draft = UserDraft::new("none@x.example", "None");
    api.trusted("acme").users().create(&draft).unwrap();
    let wrong = api.log_in("acme", "ada@x.example", "wrong").send().is(401);
    assert_eq!(wrong.told(), REFUSED);
    let upper = PASSWORD.to_uppercase();
    let long = "x".repeat(10_000);
    for (tenant, email, password) in [
        ("acme", "ada@x.example", "correct horse battery "),
        ("acme", "ada@x.example", upper.as_str()),
        ("acme", "ada@x.example", long.as_str()),
        ("acme", "nobody@x.example", PASSWORD),
        ("acme", "not an address", PASSWORD),
        ("nobody", "ada@x.example", PASSWORD),
        ("no slug!", "ada@x.example", PASSWORD),
        ("other", "ada@x.example", PASSWORD),
        ("acme", "left@x.example", PASSWORD),
        ("acme", "none@x.example", PASSWORD),
        ("acme", "none@x.example", "nobody's password"),
    ] {
        let refused = api.log_in(tenant, email, password).send().is(401);
        assert_eq!(refused.body, wrong.body, "{tenant} {email}");
        for name in ["WWW-Authenticate", "Cache-Control", "Content-Type"] {
            assert_eq!(refused.header(name), wrong.header(name), "{name}");
        }
    }
    assert_eq!(wrong.header("Cache-Control"), "no-store");
    assert_ne!(wrong.header("WWW-Authenticate"), "");
}

#[test]
fn what_is_no_login_is_told_member_by_member() {
    let api = Api::new();
    let mut all = String::new();
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"email":"a@x.example"}"#,
        r#"{"password":"x"}"#,
        r#"{"email":1,"password":true,"tenant":[]}"#,
        r#"{"email":null,"password":null}"#,
        r#"{"email":{"$ne":""},"password":{"$ne":""},"tenant":"acme"}"#,
    ] {
        all += &format!("{}\n", api.post(LOGIN, body).key("").send().told());
    }
    assert_snapshot!(all, @"
    400 malformed_json: the body is not JSON: EOF while parsing a value at line 1 column 0
    400 malformed_json: the body is not JSON: EOF while parsing an object at line 1 column 1
    400 validation: the body must be a JSON object
    400 validation: the body must be a JSON object
    400 validation: email is required; password is required
    400 validation: password is required
    400 validation: email is required
    400 validation: email must be a string; password must be a string; tenant must be a string
    400 validation: email is required; password is required
    400 validation: email must be a string; password must be a string
    ");
    let padded = |length: usize| {
        let body = json!({ "email": "a@x.example", "password": "x", "tenant": "acme" }).to_string();
        api.post(LOGIN, body.clone() + &" ".repeat(length - body.len())).key("").send()
    };
    padded(16 << 10).is(401);
    assert_snapshot!(padded((16 << 10) + 1).told(), @"413 payload_too_large: the body must not be larger than 16384 bytes");
    padded(1 << 20).is(413);
    api.post(LOGIN, "email=a&password=b").key("").header("Content-Type", "text/plain").send().is(415);
    let get = api.get(LOGIN).key("").send().is(405);
    assert_eq!(get.header("Allow"), "POST");
}

#[test]
fn a_caller_is_told_who_it_is() {
    let api = Api::new();
    let token = api.enter("ada@x.example", "write");
    let user = api.get(ME).token(&token).send().is(200);
    let key = api.get(ME).send().is(200);
    for answer in [&user, &key] {
        assert_eq!(answer.header("Cache-Control"), "no-store");
    }
    assert_snapshot!(format!("{user}\n{key}"), @r#"
    200
    {
      "email": "ada@x.example",
      "expiresAt": "2025-02-01T11:15:00.000000Z",
      "id": "0194c101-aca0-7005-8000-00000032dc86",
      "kind": "user",
      "name": "Ada Lovelace",
      "scopes": "read,write",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "tenantSlug": "acme"
    }
    200
    {
      "id": "0194c101-aca0-7001-8000-0000000a27c9",
      "kind": "apiKey",
      "name": "admin",
      "scopes": "read,write,admin",
      "tenantId": "0194c101-aca0-7000-8000-000000170d32",
      "tenantSlug": "acme"
    }
    "#);
    let both = api.get(ME).header("Authorization", &format!("Bearer {token}")).send();
    assert_eq!(both.is(200).value()["kind"], "apiKey", "of two credentials the key counts");
    let wrong_key = api.get(ME).token(&token).header("X-Api-Key", "rk_live_x").send();
    assert_eq!(wrong_key.told(), ANONYMOUS, "a key that is none is not passed over");
    let brief = api.get(ME).key(&api.brief_key()).send().is(200).value();
    assert_eq!(brief["expiresAt"].as_str().map(str::len), Some(27));
}

#[test]
fn a_user_who_may_do_less_does_less_with_an_old_token_and_never_more() {
    let api = Api::new();
    let id = api.add_user("acme", "ada@x.example", "write");
    let path = format!("/api/v1/users/{id}");
    let token = api.token("acme", "ada@x.example");
    let write = || api.post(CONTACTS, "{}").token(&token).send().status.as_u16();
    assert_eq!(write(), 400);
    api.patch(&path, r#"{"scopes":"read"}"#).send().is(200);
    assert_eq!(write(), 403);
    assert_eq!(api.get(ME).token(&token).send().value()["scopes"], "read");
    api.patch(&path, r#"{"scopes":"admin"}"#).send().is(200);
    assert_eq!(write(), 400);
    api.get("/api/v1/audit").token(&token).send().is(403);
    let newer = api.token("acme", "ada@x.example");
    api.get("/api/v1/audit").token(&newer).send().is(200);
}

#[test]
fn a_user_who_may_not_log_in_any_more_is_out_at_once() {
    for (body, way_back) in [
        (r#"{"password":"another password"}"#, r#"{"password":"correct horse battery"}"#),
        (r#"{"isActive":false}"#, r#"{"isActive":true}"#),
        (r#"{"password":null}"#, r#"{"password":"correct horse battery"}"#),
    ] {
        let api = Api::new();
        let id = api.add_user("acme", "ada@x.example", "read");
        let path = format!("/api/v1/users/{id}");
        let token = api.token("acme", "ada@x.example");
        api.patch(&path, r#"{"name":"Ada King"}"#).send().is(200);
        api.get(CONTACTS).token(&token).send().is(200);
        api.patch(&path, body).send().is(200);
        assert_eq!(api.get(CONTACTS).token(&token).send().told(), ANONYMOUS, "{body}");
        assert_eq!(api.log_in("acme", "ada@x.example", PASSWORD).send().told(), REFUSED, "{body}");
        api.patch(&path, way_back).send().is(200);
        assert_eq!(api.get(CONTACTS).token(&token).send().told(), ANONYMOUS, "{way_back}");
        let newer = api.token("acme", "ada@x.example");
        api.get(CONTACTS).token(&newer).send().is(200);
        api.delete(&path).send().is(200);
        assert_eq!(api.get(CONTACTS).token(&newer).send().told(), ANONYMOUS);
        api.add_user("acme", "ada@x.example", "read");
        assert_eq!(api.get(CONTACTS).token(&newer).send().told(), ANONYMOUS, "a namesake is another user");
    }
}

#[test]
fn a_token_lasts_an_hour_by_the_engines_clock() {
    let api = Api::new();
    let token = api.enter("ada@x.example", "read");
    let status = |micros: i64| {
        api.clock.advance(micros);
        api.get(CONTACTS).token(&token).send().status.as_u16()
    };
    assert_eq!(status(0), 200);
    assert_eq!(status(3_599_000_000), 200);
    assert_eq!(status(999_999), 200);
    assert_eq!(status(1), 401);
    assert_eq!(status(-3_600_000_000), 200);
    assert_eq!(status(-60_000_000), 200, "clocks of two servers may be a minute apart");
    assert_eq!(status(-1_000_000), 401, "it is not yet valid");
}

#[test]
fn what_a_user_does_is_done_in_the_users_name() {
    let api = Api::new();
    let token = api.enter("ada@x.example", "write");
    let contact = api.post(CONTACTS, ADA).token(&token).send().is(201);
    let feed = api.get("/api/v1/sync/changes?since=2000-01-01").token(&token).send().is(200).items();
    let told: Vec<(&Value, &Value)> =
        feed.iter().map(|entry| (&entry["entityId"], &entry["changedBy"])).collect();
    assert_eq!(told, [(&json!(contact.id()), &json!("ada@x.example"))]);
}

//! Requests of anonymous callers who mean harm.

use std::sync::Arc;

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rally_core::{limits, store::MemoryStore};
use rally_testkit::CountingStore;
use serde_json::{Value, json};
use sha2::{Sha384, Sha512};
use uuid::Uuid;

use crate::{
    callers::forged,
    support::{Answer, Api, Setting},
};

const CONTACTS: &str = "/api/v1/contacts";
const ME: &str = "/api/v1/auth/me";

/// An API with a user, the user's token, and what the token says.
fn with_user() -> (Api, String, Value) {
    let api = Api::new();
    let user = r#"{"email":"o@x.example","name":"O","scopes":"write","password":"correct horse battery"}"#;
    api.post("/api/v1/users", user).send().is(201);
    let login = r#"{"tenant":"acme","email":"o@x.example","password":"correct horse battery"}"#;
    let answer = api.post("/api/v1/auth/login", login).key("").send().is(200);
    let token = answer.value()["token"].as_str().unwrap().to_owned();
    let claims = decoded(token.split('.').nth(1).unwrap());
    (api, token, claims)
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn bearer(api: &Api, token: &str) -> Answer {
    api.get(ME).key("").header("Authorization", &format!("Bearer {token}")).from("10.0.0.1:1").send()
}

fn signed(header: &Header, claims: &Value, secret: &[u8]) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// A token that says to be signed by another algorithm of the family, and is.
fn signed_otherwise<M: KeyInit + Mac>(header: &Header, claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!(header)), part(claims));
    let mac = <M as KeyInit>::new_from_slice(secret).unwrap().chain_update(&message).finalize();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes()))
}

/// A claim with another value, or without any.
fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[test]
fn a_token_says_all_of_it_rightly_or_opens_nothing() {
    let (api, token, claims) = with_user();
    let secret = api.engine.signing_secrets().unwrap()[0].clone();
    let header = Header { kid: Some(secret.id().to_string()), ..Header::new(Algorithm::HS256) };
    let sign = |claims: &Value| signed(&header, claims, secret.key());
    bearer(&api, &token).is(200);
    bearer(&api, &sign(&claims)).is(200);
    let now = claims["iat"].as_i64().unwrap();
    let other = api.engine.tenant("other").unwrap().id;
    let anonymous = api.get(ME).key("").send().is(401).body;
    for (name, value) in [
        ("tid", json!(other)),
        ("tid", json!("acme")),
        ("sub", json!(Uuid::nil())),
        ("cred", json!(0)),
        ("scope", json!("everything")),
        ("iss", json!("someone")),
        ("aud", json!("something")),
        ("exp", json!((now + 60).to_string())),
        ("exp", json!(now)),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 61)),
        ("nbf", json!("0")),
        ("iat", json!(now + 61)),
        ("jti", json!(7)),
    ] {
        let answer = bearer(&api, &sign(&changed(&claims, name, value.clone()))).is(401);
        assert_eq!(
            answer.body.replace(answer.value()["traceId"].as_str().unwrap(), "t"),
            anonymous,
            "{name} {value}"
        );
    }
    for (name, value) in [("nbf", now + 60), ("iat", now + 60), ("exp", now + 1)] {
        bearer(&api, &sign(&changed(&claims, name, json!(value)))).is(200);
    }
    for name in ["iss", "aud", "sub", "tid", "scope", "iat", "nbf", "exp", "jti", "cred"] {
        bearer(&api, &sign(&changed(&claims, name, Value::Null))).is(401);
    }
    let widened = bearer(&api, &sign(&changed(&claims, "scope", json!("admin")))).is(200);
    assert_eq!(widened.value()["scopes"], "read,write", "a token gives no more than its user has");
}

#[test]
fn a_token_is_signed_with_a_secret_of_ours_in_one_way_or_opens_nothing() {
    let (api, token, claims) = with_user();
    let secret = api.engine.signing_secrets().unwrap()[0].clone();
    let kid = |kid: &str, algorithm| Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    let own = secret.id().to_string();
    let [head, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("{token}") };
    // {"alg":"none","typ":"JWT"}, and the same with the kid of ours.
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let mut forged = vec![
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}.AAAA"),
        format!("{head}.{}.{signature}", payload.replacen('e', "f", 1)),
        format!("{head}.{payload}.{signature}.x"),
        format!("{head}.{payload}"),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{head}.{payload}.{}", "A".repeat(10_000)),
        signed_otherwise::<Hmac<Sha384>>(&kid(&own, Algorithm::HS384), &claims, secret.key()),
        signed_otherwise::<Hmac<Sha512>>(&kid(&own, Algorithm::HS512), &claims, secret.key()),
        signed(&kid(&own, Algorithm::HS256), &claims, b"another secret"),
        signed(&kid(&own, Algorithm::HS256), &claims, own.as_bytes()),
        signed(&Header::new(Algorithm::HS256), &claims, secret.key()),
    ];
    for wrong in ["", "../../etc/passwd", "' OR 1=1 --", &Uuid::nil().to_string(), &"k".repeat(2_000)] {
        forged.push(signed(&kid(wrong, Algorithm::HS256), &claims, secret.key()));
        forged.push(signed(&kid(wrong, Algorithm::HS256), &claims, b""));
    }
    for token in forged {
        bearer(&api, &token).is(401);
    }
    bearer(&api, &token).is(200);
}

#[test]
fn a_token_ends_by_the_engines_clock_and_so_does_a_secret() {
    let (api, token, _) = with_user();
    let hour = limits::TOKEN_SECONDS * 1_000_000;
    api.engine.rotate_signing_secret().unwrap();
    bearer(&api, &token).is(200);
    api.clock.advance(hour - 1_000_000);
    bearer(&api, &token).is(200);
    api.clock.advance(1_000_000);
    bearer(&api, &token).is(401);
}

#[test]
fn a_secret_that_leaked_ends_within_a_second_on_every_server() {
    let (api, token, claims) = with_user();
    let leaked = api.engine.signing_secrets().unwrap()[0].clone();
    let header = Header { kid: Some(leaked.id().to_string()), ..Header::new(Algorithm::HS256) };
    bearer(&api, &token).is(200);
    // As another process does it that shares the store.
    api.engine.replace_signing_secrets().unwrap();
    api.clock.advance(1_000_000);
    for token in [token, signed(&header, &claims, leaked.key())] {
        bearer(&api, &token).is(401);
    }
    let login = r#"{"tenant":"acme","email":"o@x.example","password":"correct horse battery"}"#;
    let answer = api.post("/api/v1/auth/login", login).key("").send().is(200);
    bearer(&api, answer.value()["token"].as_str().unwrap()).is(200);
}

/// The reads of the store that some work takes.
fn reads(store: &CountingStore, work: impl FnOnce()) -> usize {
    let before = store.counts().snapshots;
    work();
    store.counts().snapshots - before
}

#[test]
fn what_is_made_up_reaches_the_store_no_more_than_so_often() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let most =
        rally_http::limits::FAILED_CREDENTIALS_PER_MINUTE * (1 + rally_http::limits::LOOKUPS_BEYOND_FAILURES);
    let most = usize::try_from(most).unwrap();
    let source = "10.0.0.6:1";
    let key = |number: usize| forged(&api.admin, 8, &format!("{number:08}"));
    let token = |_: usize| {
        let header = Header { kid: Some(Uuid::new_v4().to_string()), ..Header::new(Algorithm::HS256) };
        signed(&header, &json!({ "exp": 1 }), b"made up")
    };
    let ask = |key: &str| api.get(CONTACTS).key(key).from(source).send();
    let bearing = |token: &str| api.get(CONTACTS).key("").header("Authorization", &format!("Bearer {token}"));
    let one = reads(&store, || drop(ask(&key(0)).is(401)));
    let many = reads(&store, || (1..3_000).for_each(|number| drop(ask(&key(number)))));
    assert!(one > 0 && many <= most * one, "{many} reads, {one} each");
    assert_eq!(reads(&store, || (0..500).for_each(|number| drop(ask(&key(number)).is(429)))), 0);
    let tokens = reads(&store, || {
        (0..500).for_each(|number| drop(bearing(&token(number)).from(source).send().is(429)));
    });
    assert_eq!(tokens, 0);
    // A key that was never used before waits like those that are made up; from elsewhere, and once used, it does not.
    let refused = ask(&api.reader).is(429);
    assert_eq!(refused.header("Retry-After"), "60");
    api.get(CONTACTS).key(&api.reader).from("10.0.0.7:1").send().is(200);
    ask(&api.reader).is(200);
    api.clock.advance(60_000_000);
    ask(&api.other).is(200);
}

#[test]
fn tokens_with_ids_of_no_secret_reach_the_store_no_more_than_so_often() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    api.engine.signing_secrets().unwrap();
    let most =
        rally_http::limits::FAILED_CREDENTIALS_PER_MINUTE * (1 + rally_http::limits::LOOKUPS_BEYOND_FAILURES);
    let many = reads(&store, || {
        for _ in 0..2_000 {
            let header = Header { kid: Some(Uuid::new_v4().to_string()), ..Header::new(Algorithm::HS256) };
            bearer(&api, &signed(&header, &json!({ "exp": 1 }), b"made up"));
        }
    });
    assert!(many > 0 && many <= usize::try_from(most).unwrap(), "{many}");
}

#[test]
fn a_key_with_wrong_check_digits_never_reaches_the_store() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let wrong = api.admin.replace("rk_live_", "rk_test_");
    let asked = reads(&store, || {
        for number in 0..200 {
            api.get(CONTACTS).key(&wrong).from(&format!("10.0.1.{number}:1")).send().is(401);
        }
    });
    assert_eq!(asked, 0);
}

#[test]
fn a_credential_is_one_header_once() {
    let (api, token, _) = with_user();
    let bearing = format!("Bearer {token}");
    let ask = |api: &Api| api.get(CONTACTS).key("").from("10.0.0.2:1").send().status.as_u16();
    assert_eq!(ask(&api), 401);
    for (ask, status) in [
        (api.get(CONTACTS).another("X-Api-Key", &api.admin), 401),
        (api.get(CONTACTS).key("").header("X-Api-Key", ""), 401),
        (api.get(CONTACTS).key("").header("X-Api-Key", &"k".repeat(1 << 20)), 401),
        (
            api.get(CONTACTS).key("").header("X-Api-Key", &format!(" {}", api.admin.replace("rk_", "RK_"))),
            401,
        ),
        (api.get(CONTACTS).key("").header("Authorization", &bearing).another("Authorization", &bearing), 401),
        (api.get(CONTACTS).key("").header("Authorization", &bearing), 200),
        (api.get(CONTACTS).key("").header("Authorization", &bearing.replace("Bearer", "bearer")), 200),
        (api.get(CONTACTS).key("").header("Authorization", &token), 401),
        (api.get(CONTACTS).key("").header("Authorization", "Basic bzpw"), 401),
        (api.get(CONTACTS).key("").header("Authorization", &format!("Bearer {}", api.admin)), 401),
        (api.get(CONTACTS).header("Authorization", "Bearer x"), 200),
        (api.get(CONTACTS).key("x").header("Authorization", &bearing), 401),
    ] {
        assert_eq!(ask.from("10.0.0.3:1").send().status.as_u16(), status);
    }
}

#[test]
fn only_the_host_names_a_tenant_and_only_the_path_a_resource() {
    let api = Api::new();
    let status = |ask: crate::support::Ask<'_>| ask.from("10.0.0.4:1").send().status.as_u16();
    assert_eq!(status(api.get(CONTACTS).header("Host", "other.localhost")), 401);
    assert_eq!(
        status(api.get("http://other.localhost/api/v1/contacts").header("Host", "acme.localhost")),
        401
    );
    assert_eq!(status(api.get(CONTACTS).header("X-Forwarded-Host", "other.localhost")), 200);
    assert_eq!(status(api.get(CONTACTS).header("Host", "other.example")), 200);
    for path in [
        "//api/v1/contacts",
        "/api/v1/contacts/",
        "/api/v1//contacts",
        "/API/v1/contacts",
        "/api/v1/%2e%2e/v1/contacts",
        "/api/v1/./contacts",
        "/api/v2/contacts",
        "/api/v1/contacts;x=y",
    ] {
        assert_eq!(status(api.get(path)), 404, "{path}");
    }
    for header in ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"] {
        let listed = api.post(CONTACTS, crate::support::ADA).header(header, "DELETE").send();
        assert!(matches!(listed.status.as_u16(), 201 | 400), "{header}: {listed}");
    }
    assert_eq!(api.get(CONTACTS).send().items().len(), 1);
    api.ask(Method::GET, &format!("{CONTACTS}?_method=DELETE")).send().is(200);
}

#[test]
fn ten_thousand_wrong_keys_do_not_disturb_a_right_one() {
    let api = Api::new();
    let wrong = |number: usize| {
        let mut key = api.admin.clone();
        let digits = format!("{number:04}");
        key.replace_range(20..24, &digits);
        key
    };
    let mut limited = 0;
    for number in 0..10_000 {
        let answer = api.get(CONTACTS).key(&wrong(number)).from("10.0.0.5:1").send();
        limited += usize::from(answer.status.as_u16() == 429);
        if number % 100 == 0 {
            api.get(CONTACTS).from("10.0.0.5:1").send().is(200);
        }
    }
    assert_eq!(limited, 10_000 - usize::try_from(rally_http::limits::FAILED_CREDENTIALS_PER_MINUTE).unwrap());
}

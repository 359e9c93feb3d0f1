//! Credentials that are valid, and the tenant that each belongs to.

use insta::assert_snapshot;
use rally_core::ApiKeyDraft;

use crate::support::{Api, Setting};

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn every_credential_that_is_none_gets_the_same_answer() {
    let api = Api::new();
    let missing = api.get(CONTACTS).key("").send().is(401);
    assert_snapshot!(missing, @r#"
    401
    {
      "code": "unauthorized",
      "detail": "the API key or token is missing, unknown, expired or revoked",
      "instance": "/api/v1/contacts",
      "status": 401,
      "title": "No valid credential",
      "traceId": "t",
      "type": "https://rally.example/problems/unauthorized"
    }
    "#);
    assert_eq!(missing.header("WWW-Authenticate"), r#"ApiKey realm="rally", Bearer realm="rally""#);
    let expired = expired_key(&api);
    let unknown = api.admin.replacen("rk_live_", "rk_test_", 1);
    for key in ["x", "rk_live_", expired.as_str(), unknown.as_str(), "schlüssel", &"k".repeat(10_000)] {
        assert_eq!(api.get(CONTACTS).key(key).send().is(401).body, missing.body, "{key}");
    }
    let jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln";
    for authorization in [format!("Bearer {jwt}"), format!("Bearer {}", api.admin), "Basic eDp5".to_owned()] {
        let answer = api.get(CONTACTS).key("").header("Authorization", &authorization).send().is(401);
        assert_eq!(answer.body, missing.body, "{authorization}");
    }
}

fn expired_key(api: &Api) -> String {
    let session = api.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    let draft = ApiKeyDraft::new("short").expires_at(api.engine.clock().now().plus_micros(1));
    let key = session.api_keys().mint(&draft).unwrap().key;
    api.get(CONTACTS).key(&key).send().is(200);
    api.clock.advance(1);
    key
}

#[test]
fn a_header_that_is_there_twice_says_nothing() {
    let api = Api::new();
    api.get(CONTACTS).another("X-Api-Key", &api.admin).send().is(401);
    let twice = api.get(CONTACTS).another("Authorization", "Bearer x").another("Authorization", "Bearer x");
    twice.send().is(401);
    api.get(CONTACTS).header("Authorization", "Bearer x").send().is(200);
}

#[test]
fn a_host_that_names_a_tenant_is_for_its_keys_alone() {
    let api = Api::with(Setting { http: under(&["localhost", "rallycrm.io"]), ..Setting::default() });
    let anonymous = api.get(CONTACTS).key("").send().is(401);
    for (host, is_in) in [
        ("acme.localhost", true),
        ("ACME.LocalHost:8080", true),
        ("acme.rallycrm.io", true),
        ("acme.localhost.", true),
        ("localhost:8080", true),
        ("rallycrm.io", true),
        ("127.0.0.1:8080", true),
        ("[::1]:8080", true),
        ("other.example.com", true),
        ("other.notlocalhost", true),
        ("other.localhost", false),
        ("other.eu.rallycrm.io:443", false),
        ("nobody.localhost", false),
    ] {
        let answer = api.get(CONTACTS).header("Host", host).send();
        assert_eq!(answer.status.as_u16(), if is_in { 200 } else { 401 }, "{host}");
        if !is_in {
            assert_eq!(answer.body, anonymous.body, "{host}");
        }
    }
}

fn under(suffixes: &[&str]) -> rally_http::Config {
    let host_suffixes = suffixes.iter().map(|&suffix| suffix.to_owned()).collect();
    rally_http::Config { host_suffixes, ..rally_http::Config::default() }
}

#[test]
fn the_authority_of_a_request_is_its_host() {
    let api = Api::new();
    api.get("http://other.localhost:80/api/v1/contacts").send().is(401);
    api.get("http://acme.localhost:80/api/v1/contacts").send().is(200);
    let both = api.get("http://acme.localhost/api/v1/contacts").header("Host", "other.localhost");
    both.send().is(200);
}

#[test]
fn a_key_opens_its_own_tenant_only() {
    let api = Api::new();
    api.add("ada@x.example");
    api.add_to("other", "eve@x.example");
    let emails = |key: &str| api.get("/api/contacts?fields=email").key(key).send().is(200).body;
    assert_eq!(emails(&api.admin), r#"[{"email":"ada@x.example"}]"#);
    assert_eq!(emails(&api.other), r#"[{"email":"eve@x.example"}]"#);
}

#[test]
fn credentials_are_asked_for_before_anything_else() {
    let api = Api::new();
    for path in ["/api", "/api/", "/api/v1", "/api/v1/nonsense", "/api/v2/contacts", "/api/contacts/upsert"] {
        api.get(path).key("").send().is(401);
    }
    let large = api.post(CONTACTS, vec![b' '; 2 << 20]).key("");
    large.header("Content-Type", "text/plain").send().is(401);
    api.get("/apicontacts").key("").send().is(404);
}

//! Calls from pages in a browser.

use axum::http::Method;
use rally_http::Config;

use crate::support::{Api, Setting};

const CONTACTS: &str = "/api/v1/contacts";
const APP: &str = "https://app.example";

fn named(origins: &[&str]) -> Api {
    let cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    Api::with(Setting { http: Config { cors_origins, ..Config::default() }, ..Setting::default() })
}

#[test]
fn no_page_is_let_in_unless_its_origin_is_named() {
    for (api, origin, is_in) in [
        (Api::new(), APP, false),
        (named(&[APP]), APP, true),
        (named(&["https://other.example", APP]), APP, true),
        (named(&["https://app.example/"]), APP, true),
        (named(&[APP]), "http://app.example", false),
        (named(&[APP]), "https://app.example:8443", false),
        (named(&[APP]), "https://evil-app.example", false),
        (named(&[APP]), "null", false),
    ] {
        let answer = api.get(CONTACTS).header("Origin", origin).send().is(200);
        let allowed = answer.header("Access-Control-Allow-Origin");
        assert_eq!(allowed, if is_in { origin } else { "" }, "{origin}");
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), "", "there are no cookies");
    }
}

#[test]
fn a_page_may_ask_before_it_has_a_credential() {
    let ask = |api: &Api| {
        let asked = api.ask(Method::OPTIONS, CONTACTS).key("").header("Origin", APP);
        asked
            .header("Access-Control-Request-Method", "PATCH")
            .header("Access-Control-Request-Headers", "x-api-key, authorization, if-match, idempotency-key")
            .send()
    };
    let told = ask(&named(&[APP])).is(200);
    assert_eq!(told.header("Access-Control-Allow-Methods"), "GET,POST,PUT,PATCH,DELETE");
    for name in ["x-api-key", "authorization", "if-match", "idempotency-key", "content-type", "prefer"] {
        assert!(told.header("Access-Control-Allow-Headers").contains(name), "{name}");
    }
    assert_eq!(told.header("Access-Control-Max-Age"), "3600");
    ask(&Api::new()).is(401);
}

#[test]
fn a_page_sees_the_headers_that_it_needs_on_refusals_too() {
    let api = named(&[APP]);
    for answer in [
        api.get(CONTACTS).header("Origin", APP).send().is(200),
        api.get(CONTACTS).key("").header("Origin", APP).send().is(401),
    ] {
        let exposed = answer.header("Access-Control-Expose-Headers");
        for name in [
            "etag",
            "link",
            "location",
            "preference-applied",
            "retry-after",
            "www-authenticate",
            "x-ratelimit-remaining",
            "x-total-count",
        ] {
            assert!(exposed.contains(name), "{name}");
        }
        assert_eq!(answer.header("Access-Control-Allow-Origin"), APP);
        assert!(answer.header("Vary").contains("origin"));
    }
}

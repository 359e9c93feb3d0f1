//! Clients behind proxies, trusted and not.

use rally_http::{Config, limits};

use crate::{
    callers::{LOGIN, PASSWORD},
    support::{Api, Ask, Setting},
};

const CONTACTS: &str = "/api/v1/contacts";
const PROXY: &str = "10.0.0.1:4711";

fn behind(networks: &[&str]) -> Api {
    let trusted_proxies = networks.iter().map(|network| network.parse().unwrap()).collect();
    let http = Config { trusted_proxies, failed_credentials_per_minute: 2, ..Config::default() };
    Api::with(Setting { http, ..Setting::default() })
}

/// The status of a wrong key from a client behind the proxy.
fn wrong_key(api: &Api, header: &'static str, value: &str) -> u16 {
    api.get(CONTACTS).key("wrong").from(PROXY).header(header, value).send().status.as_u16()
}

#[test]
fn each_client_of_a_trusted_proxy_has_failures_of_its_own() {
    for (header, client) in [("X-Forwarded-For", "192.0.2."), ("Forwarded", "proto=https;for=192.0.2.")] {
        let api = behind(&["10.0.0.0/8"]);
        let status = |number: u8| wrong_key(&api, header, &format!("{client}{number}"));
        assert_eq!((0..3).map(|_| status(1)).collect::<Vec<_>>(), [401, 401, 429]);
        assert_eq!(status(2), 401);
    }
}

#[test]
fn a_client_changes_nothing_by_what_it_writes_itself() {
    let api = behind(&["10.0.0.0/8"]);
    let mut statuses = Vec::new();
    for made_up in ["198.51.100.1", "10.9.9.9", "unknown", "\"", "", "198.51.100.2, 10.1.1.1"] {
        statuses.push(wrong_key(&api, "X-Forwarded-For", &format!("{made_up}, 192.0.2.1, 10.2.2.2")));
    }
    assert_eq!(statuses, [401, 401, 429, 429, 429, 429]);
    let two_lines = api.get(CONTACTS).key("wrong").from(PROXY);
    let two_lines =
        two_lines.header("X-Forwarded-For", "198.51.100.3").another("X-Forwarded-For", "192.0.2.1");
    two_lines.send().is(429);
}

#[test]
fn a_proxy_that_is_not_named_is_not_believed() {
    for networks in [&[][..], &["192.168.0.0/16"]] {
        let api = behind(networks);
        let statuses = (1..4).map(|number| wrong_key(&api, "X-Forwarded-For", &format!("192.0.2.{number}")));
        assert_eq!(statuses.collect::<Vec<_>>(), [401, 401, 429]);
        let named = |ask: Ask<'_>| ask.from(PROXY).header("X-Forwarded-Host", "other.localhost").send();
        named(api.get(CONTACTS)).is(200);
    }
}

#[test]
fn the_host_that_a_trusted_proxy_tells_decides_the_tenant() {
    let api = behind(&["10.0.0.1/32"]);
    api.add_user("acme", "ada@x.example", "read");
    let through = |ask: Ask<'_>, name: &'static str, value: &str| {
        ask.from(PROXY).header("Host", "internal:8080").header(name, value).send().status.as_u16()
    };
    for (name, value, status) in [
        ("X-Forwarded-Host", "acme.localhost", 200),
        ("X-Forwarded-Host", "acme.localhost:443", 200),
        ("X-Forwarded-Host", "other.localhost", 401),
        ("X-Forwarded-Host", "crm.example", 200),
        ("Forwarded", "for=192.0.2.1;host=acme.localhost;proto=https", 200),
        ("Forwarded", "for=192.0.2.1;host=other.localhost", 401),
        ("Forwarded", "for=1.1.1.1;host=other.localhost, for=192.0.2.1;host=acme.localhost", 200),
    ] {
        assert_eq!(through(api.get(CONTACTS), name, value), status, "{name}: {value}");
    }
    let body = format!(r#"{{"email":"ada@x.example","password":"{PASSWORD}"}}"#);
    let log_in = || api.post(LOGIN, body.clone()).key("");
    assert_eq!(through(log_in(), "X-Forwarded-Host", "acme.localhost"), 200);
    assert_eq!(through(log_in(), "X-Forwarded-Host", "other.localhost"), 401);
}

#[test]
fn the_audit_trail_names_the_client_behind_the_proxy() {
    let api = behind(&["10.0.0.0/8"]);
    let made = api.post("/api/v1/api-keys", r#"{"name":"robot"}"#).from(PROXY);
    let key = made.header("X-Forwarded-For", "192.0.2.1").send().is(201).id();
    let entry = api.get(&format!("/api/v1/audit?targetId={key}")).send().is(200).items().remove(0);
    assert_eq!(entry["source"], "192.0.2.1");
}

#[test]
fn a_flood_of_one_client_is_not_that_of_another_behind_the_same_proxy() {
    let api = Api::with(Setting {
        http: Config { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Config::default() },
        ..Setting::default()
    });
    api.add_user("acme", "ada@x.example", "read");
    for _ in 0..=limits::FAILED_CREDENTIALS_PER_MINUTE {
        let wrong = api.log_in("acme", "ada@x.example", "wrong").from(PROXY);
        wrong.header("X-Forwarded-For", "192.0.2.1").send();
    }
    let login = api.log_in("acme", "ada@x.example", PASSWORD).from(PROXY);
    login.header("X-Forwarded-For", "192.0.2.2").send().is(200);
}

//! Who may use the control plane.

use rally_core::{Engine, store::MemoryStore};
use rally_http::testing::Fake;
use serde_json::Value;
use tower::ServiceExt;

use super::client::{control, send};

#[test]
fn only_this_machine_may_use_it_and_only_by_its_own_name() {
    let fake = Fake::start();
    for (headers, status) in [
        ("", 200),
        ("Host: 127.0.0.1:80\r\n", 200),
        ("Host: acme.localhost\r\n", 200),
        ("Host: localhost\r\nOrigin: http://localhost:3000\r\n", 200),
        ("Host: rebound.example\r\n", 403),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n", 403),
        ("Host: localhost\r\nOrigin: null\r\n", 403),
    ] {
        let answer = send(fake.url(), "GET", "/_fake/tenants", headers, "");
        assert_eq!(answer.status, status, "{headers}");
        assert!(answer.header("x-request-id").is_some(), "{headers}");
    }
    let refused = send(fake.url(), "GET", "/_fake/tenants", "Host: x\r\n", "").json();
    assert_eq!((&refused["code"], &refused["instance"]), (&"forbidden".into(), &"/_fake/tenants".into()));
}

#[tokio::test]
async fn a_connection_from_elsewhere_is_refused_even_where_the_fake_listens_to_it() {
    let options = rally_http::testing::FakeOptions::new("http://localhost");
    let router = rally_http::testing::FakeTenants::new(options).router();
    for (address, status) in [("192.0.2.1:1", 403), ("127.0.0.1:1", 200), ("[::1]:1", 200)] {
        let mut request = axum::http::Request::get("/_fake").header("Host", "localhost");
        let address: std::net::SocketAddr = address.parse().unwrap();
        request = request.extension(axum::extract::ConnectInfo(address));
        let answer = router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status, "{address}");
    }
}

#[tokio::test]
async fn a_server_has_no_control_plane() {
    let router = rally_http::router(Engine::new(MemoryStore::new()), rally_http::Config::default());
    for path in ["/_fake", "/_fake/tenants", "/_fake/openapi.json", "/_fake/inbox/acme/x"] {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 404, "{path}");
    }
}

#[test]
fn what_is_not_there_is_told_apart() {
    let fake = Fake::start();
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("GET", "/tenants/nobody", 404),
        ("PUT", "/tenants", 405),
        ("POST", "/tenants/nobody/reset", 404),
        ("POST", "/tenants/acme/restore", 404),
        ("DELETE", "/tenants/acme/snapshots/none", 404),
        ("POST", "/tenants/acme/seed/users", 404),
    ] {
        let answer = control(&fake, method, path, "");
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.header("content-type").unwrap().contains("problem"), "{method} {path}");
    }
    let told: Value = control(&fake, "GET", "", "").is(200).json();
    assert_eq!((&told["url"], &told["tenants"]), (&fake.url().into(), &1.into()));
}

//! Every route of the document, in both forms of its path, with every credential.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    callers::{ANONYMOUS, forged},
    support::{Answer, Api, NOWHERE, mint},
};

/// From the least to the greatest.
const LADDER: [&str; 3] = ["read", "write", "admin"];

struct Route {
    method: Method,
    /// Without what it stands under.
    path: String,
    /// The scope that it asks for; `None` if it asks for no credential.
    scope: Option<String>,
}

struct Credential {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    /// The scope that it opens; `None` for an invalid credential.
    scope: Option<&'static str>,
}

#[test]
fn every_route_asks_every_credential_for_what_the_document_says() {
    let api = Api::unlimited();
    let routes = routes(&api);
    let credentials = credentials(&api);
    // A key's first use is stored, so it comes before anything is compared.
    for credential in &credentials {
        credential.send(&api, &Method::GET, "/api/v1/contacts");
    }
    let before = state(&api, &routes);
    for route in &routes {
        for mount in ["/api/v1", "/api"] {
            let path = format!("{mount}{}", route.path);
            for credential in &credentials {
                let answer = credential.send(&api, &route.method, &path);
                check(route, &path, credential, &answer);
            }
        }
    }
    assert_eq!(state(&api, &routes), before);
}

fn check(route: &Route, path: &str, credential: &Credential, answer: &Answer) {
    let place = format!("{} {path} with {}: {answer}", route.method, credential.name);
    let Some(needed) = &route.scope else {
        assert_eq!(answer.status, 400, "{place}");
        return;
    };
    let rank = |scope: &str| LADDER.iter().position(|known| *known == scope).unwrap();
    match credential.scope {
        None => {
            assert_eq!(answer.value(), unauthorized(path), "{place}");
            assert_eq!(answer.header("WWW-Authenticate"), r#"ApiKey realm="rally", Bearer realm="rally""#);
            assert_eq!(answer.header("Cache-Control"), "private, no-cache", "{place}");
        }
        Some(scope) if rank(scope) < rank(needed) => {
            assert_eq!(answer.told(), format!("403 forbidden: this needs the scope {needed}"), "{place}");
            assert_eq!(answer.value()["requiredScope"], needed.as_str(), "{place}");
        }
        Some(_) => {
            assert!([200, 400, 404].contains(&answer.status.as_u16()), "{place}");
            assert_eq!(answer.header("WWW-Authenticate"), "", "{place}");
        }
    }
}

/// The body of every 401.
fn unauthorized(path: &str) -> Value {
    json!({
        "type": "https://rally.example/problems/unauthorized",
        "title": "No valid credential",
        "status": 401,
        "code": "unauthorized",
        "detail": ANONYMOUS.split_once(": ").unwrap().1,
        "instance": path,
        "traceId": "t",
    })
}

fn routes(api: &Api) -> Vec<Route> {
    let document = api.get("/openapi.json").send().is(200).value();
    let paths = document["paths"].as_object().unwrap();
    let under_api = paths.iter().filter_map(|(path, item)| Some((path.strip_prefix("/api/v1")?, item)));
    under_api
        .flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |told| (path, told)))
        .map(|(path, (method, operation))| Route {
            method: method.to_ascii_uppercase().parse().unwrap(),
            path: path.replace("{id}", NOWHERE).replace("{deliveryId}", NOWHERE),
            scope: operation["x-required-scope"].as_str().map(str::to_owned),
        })
        .collect()
}

#[test]
fn the_login_is_the_only_route_that_asks_for_no_credential() {
    let api = Api::new();
    let document = api.get("/openapi.json").send().is(200).value();
    let open: Vec<String> = routes(&api)
        .iter()
        .filter(|route| route.scope.is_none())
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    assert_eq!(open, ["POST /auth/login"]);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_asked = operation.get("x-required-scope").is_some();
            let expected = if is_asked { json!([{ "ApiKey": [] }, { "Bearer": [] }]) } else { json!([]) };
            assert_eq!(operation["security"], expected, "{method} {path}");
        }
    }
    for (method, path) in [
        (Method::GET, "/api/v1/auth/login/"),
        (Method::POST, "/api/v1/auth/login/x"),
        (Method::POST, "/api/v2/auth/login"),
        (Method::POST, "/api/v1/api/v1/auth/login"),
        (Method::POST, "/api/v1/v1/auth/login"),
        (Method::POST, "/api/v1/auth%2Flogin"),
        (Method::POST, "/api/auth/login/../../contacts"),
    ] {
        assert_eq!(api.ask(method, path).key("").json("{}").send().told(), ANONYMOUS, "{path}");
    }
}

fn credentials(api: &Api) -> Vec<Credential> {
    let mut all = anonymous(api);
    let key = |key: &str| vec![("X-Api-Key", key.to_owned())];
    let token = |scope: &str| {
        let token = api.enter(&format!("{scope}@x.example"), scope);
        vec![("Authorization", format!("Bearer {token}"))]
    };
    let known = [
        ("a read key", key(&api.reader), "read"),
        ("a write key", key(&mint(&api.engine, "acme", "write")), "write"),
        ("an admin key", key(&api.admin), "admin"),
        ("a reader's token", token("read"), "read"),
        ("a writer's token", token("write"), "write"),
        ("an admin's token", token("admin"), "admin"),
    ];
    for (name, headers, scope) in known {
        let at_home = [headers.as_slice(), &host("acme")].concat();
        all.push(Credential { name, headers, scope: Some(scope) });
        all.push(Credential { name, headers: at_home, scope: Some(scope) });
    }
    all
}

fn anonymous(api: &Api) -> Vec<Credential> {
    let key = |key: &str| vec![("X-Api-Key", key.to_owned())];
    let bearer = |token: &str| vec![("Authorization", format!("Bearer {token}"))];
    let left = api.add_user("acme", "left@x.example", "admin");
    let deactivated = api.token("acme", "left@x.example");
    // Somebody has to stay.
    api.add_user("acme", "stays@x.example", "admin");
    api.patch(&format!("/api/v1/users/{left}"), r#"{"isActive":false}"#).send().is(200);
    api.add_user("other", "eve@x.example", "admin");
    let foreign = api.token("other", "eve@x.example");
    let brief = api.brief_key();
    api.clock.advance(1);
    let anonymous = [
        ("no credential", Vec::new()),
        ("a malformed key", key("rk_live_x")),
        ("a malformed token", bearer("x.y.z")),
        ("a key that no record has", key(&forged(&api.admin, 62, "0194c101"))),
        ("a key with another secret", key(&forged(&api.admin, 8, "0000000000"))),
        ("an expired key", key(&brief)),
        ("a revoked key", key(&api.revoked_key())),
        ("another tenant's key", [key(&api.other), host("acme")].concat()),
        ("another tenant's token", [bearer(&foreign), host("acme")].concat()),
        ("the token of a deactivated user", bearer(&deactivated)),
    ];
    anonymous.map(|(name, headers)| Credential { name, headers, scope: None }).into()
}

fn host(tenant: &str) -> Vec<(&'static str, String)> {
    vec![("Host", format!("{tenant}.localhost"))]
}

impl Credential {
    /// Sends a body that no route takes.
    fn send(&self, api: &Api, method: &Method, path: &str) -> Answer {
        let body = match *method {
            Method::GET | Method::DELETE => "",
            _ if path.ends_with("/bulk") => "[]",
            _ => "{}",
        };
        let ask = api.ask(method.clone(), path).key("");
        let is_file = path.ends_with("/import");
        let ask = if body.is_empty() { ask } else { ask.json(body) };
        let ask = if is_file { ask.header("Content-Type", "text/csv") } else { ask };
        self.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).send()
    }
}

/// All that a tenant has: its lists, its settings, its feed and its audit trail.
fn state(api: &Api, routes: &[Route]) -> Vec<String> {
    let is_whole = |route: &&Route| route.method == Method::GET && !route.path.contains(NOWHERE);
    let whole = routes.iter().filter(is_whole).map(|route| match route.path.as_str() {
        "/sync/changes" => "/api/v1/sync/changes?since=2000-01-01".to_owned(),
        path => format!("/api/v1{path}"),
    });
    whole.map(|path| api.get(&path).send().is(200).body).collect()
}

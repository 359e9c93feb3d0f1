//! The page at `/console`, as it is served.

use rally_http::Config;

use crate::support::{Answer, Api, Setting};

fn api() -> Api {
    Api::with(Setting { http: Config { console: true, ..Config::default() }, ..Setting::default() })
}

/// The addresses of the parts that a page names.
fn parts(page: &Answer) -> Vec<&str> {
    page.body.split('"').filter(|part| part.starts_with("console/")).collect()
}

#[test]
fn there_is_no_console_unless_it_is_asked_for() {
    let api = Api::new();
    for path in ["/console", "/console/", "/console/main.js", "/console/about.json"] {
        api.get(path).send().is(404);
    }
}

#[test]
fn the_page_and_its_parts_are_served_without_a_credential_or_a_limit() {
    let api = api();
    let page = api.get("/console").key("").send().is(200);
    assert_eq!(page.header("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(page.header("X-RateLimit-Limit"), "");
    assert_eq!(page.header("X-Content-Type-Options"), "nosniff");
    let parts = parts(&page);
    assert!(parts.len() > 20, "{}", page.body);
    for part in parts {
        let answer = api.get(&format!("/{part}")).key("").send().is(200);
        let expected = match part.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.header("Content-Type"), answer.header("Set-Cookie")), (expected, ""), "{part}");
    }
    api.get("/console/nothing.js").send().is(404);
    api.get("/console/../console").send().is(404);
    api.post("/console", "{}").send().is(405);
}

#[test]
fn the_policy_of_the_page_allows_its_own_files_and_requests_alone() {
    let policy = api().get("/console").send().header("Content-Security-Policy").to_owned();
    let directives: Vec<&str> = policy.split("; ").collect();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(directives.contains(&directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
}

#[test]
fn the_page_works_below_any_path() {
    let api = api();
    let page = api.get("/console").send();
    let root = page.body.split('"').filter(|part| part.starts_with('/')).count();
    assert_eq!(root, 0, "{}", page.body);
    assert_eq!(api.get("/console/").send().is(308).header("Location"), "../console");
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let api = api();
    for path in ["/console", "/console/main.js"] {
        let first = api.get(path).send().is(200);
        assert_eq!(first.header("Cache-Control"), "no-cache");
        let again = api.get(path).header("If-None-Match", first.header("ETag")).send().is(304);
        assert_eq!((again.body.as_str(), again.header("ETag")), ("", first.header("ETag")));
        api.get(path).header("If-None-Match", "\"0\"").send().is(200);
    }
}

#[test]
fn the_page_is_told_the_version() {
    let about = api().get("/console/about.json").key("").send().is(200).value();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(about["mayBeFake"], false);
}

//! The metrics that a server shows, and the list of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    running::{Folder, Running, rows},
    wire::Request,
};

const CONTACT: &str = r#"{"firstName":"A","lastName":"B","email":"a@x.example"}"#;

/// Some requests, and the page of metrics after them.
fn page_of(server: &Running) -> String {
    let key = server.key();
    assert_eq!(server.send("POST", "/api/contacts", &key, CONTACT).0, 201);
    assert_eq!(server.send("GET", "/api/contacts", &key, "").0, 200);
    Request::get("/metrics", "").send(server.address()).unwrap().text
}

/// Types of metrics, by their names.
fn types(page: &str) -> BTreeMap<String, String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    lines.map(|line| line.split_once(' ').unwrap()).map(|(name, kind)| (name.into(), kind.into())).collect()
}

/// The labels that samples of a metric have.
fn labels(page: &str, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, rest)) = line.split_once('{') else { continue };
        let endings = ["_bucket", "_sum", "_count"];
        if series != name && !endings.iter().any(|ending| series.strip_suffix(ending) == Some(name)) {
            continue;
        }
        let names = rest.split("\",").map(|label| label.split('=').next().unwrap().to_owned());
        found.extend(names.filter(|label| label != "le"));
    }
    found
}

#[test]
fn the_list_has_every_metric_of_a_server_with_its_type_and_labels() {
    let folder = Folder::new();
    let server = folder.serve(&["--tenant", "acme"]);
    let page = page_of(&server);
    let listed = rows(&folder.printed(&["metrics", "--list"]));
    assert_eq!(listed[0], ["NAME", "TYPE", "LABELS", "MEANING"]);
    let shown = types(&page);
    for metric in &listed[1..] {
        let [name, kind, names, meaning] = &metric[..] else { panic!("{metric:?}") };
        if name.starts_with("rally_store_pool") {
            assert!(!shown.contains_key(name), "a file has no connections");
            continue;
        }
        assert_eq!(shown.get(name), Some(kind), "{name}");
        let names: BTreeSet<String> =
            names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        assert_eq!(labels(&page, name), names, "{name}");
        assert!(page.contains(&format!("# HELP {name} {meaning}\n")), "{name}");
    }
    let missing: Vec<_> = shown.keys().filter(|name| !listed.iter().any(|row| row[0] == **name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not listed");
    let json = folder.printed(&["metrics", "--list", "--json"]);
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(first["name"], listed[1][0]);
    check_with_promtool(&page);
}

/// Has Prometheus's own tool look for what is wrong or unusual.
fn check_with_promtool(page: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        assert_ne!(std::env::var("RALLY_REQUIRE_PROMTOOL").as_deref(), Ok("1"), "promtool is missing");
        let line = b"promtool is missing, so it has not checked the metrics\n";
        std::io::stderr().write_all(line).unwrap();
        return;
    };
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let checked = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

#[test]
fn metrics_have_a_listener_of_their_own_when_asked() {
    let folder = Folder::new();
    let server = folder.serve(&["--metrics-listen", "127.0.0.1:0"]);
    let log = server.log();
    let address =
        log.split("metrics are at http://").nth(1).and_then(|rest| rest.split("/metrics").next()).unwrap();
    let get = |address: &str, path: &str| Request::get(path, "").send(address).unwrap();
    let status = |address: &str, path: &str| get(address, path).status;
    assert_eq!((status(server.address(), "/metrics"), status(address, "/metrics")), (404, 200));
    assert_eq!((status(address, "/readyz"), status(address, "/openapi.json")), (200, 404));
    assert!(get(address, "/metrics").text.contains("\nrally_ready 1\n"));
}

/// The names of metrics in a text, without the endings of histograms' series.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let endings = ["_bucket", "_sum", "_count"];
    let name =
        |word: &str| endings.iter().find_map(|ending| word.strip_suffix(ending)).unwrap_or(word).to_owned();
    words.filter(|word| word.starts_with("rally_")).map(name).collect()
}

#[test]
fn the_dashboard_shows_every_metric_and_the_alerts_name_none_that_there_is_not() {
    let folder = Folder::new();
    let listed: BTreeSet<String> = rows(&folder.printed(&["metrics", "--list"]))
        .into_iter()
        .skip(1)
        .map(|mut row| row.remove(0))
        .collect();
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let dashboard = std::fs::read_to_string(deploy.join("grafana.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&dashboard).is_ok());
    assert_eq!(named(&dashboard), listed);
    let alerts = deploy.join("alerts.yml");
    let of_alerts = named(&std::fs::read_to_string(&alerts).unwrap());
    assert!(of_alerts.len() > 5 && of_alerts.is_subset(&listed), "{of_alerts:?}");
    if let Ok(checked) = Command::new("promtool").args(["check", "rules"]).arg(alerts).output() {
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}

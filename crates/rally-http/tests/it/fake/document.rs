//! The document of the control plane says what there is, and no more.

use std::collections::{BTreeMap, BTreeSet};

use rally_http::testing::Fake;
use serde_json::Value;

use super::client::control;

const SOURCE: &str = include_str!("../../../src/fake/control/mod.rs");

/// The paths of the router, by its source.
fn routed() -> BTreeSet<&'static str> {
    SOURCE.split('"').filter(|text| text.starts_with("/_fake") && !text.contains('*')).collect()
}

#[test]
fn each_path_and_method_is_described_and_no_other() {
    let fake = Fake::start();
    let document = control(&fake, "GET", "/openapi.json", "").is(200).json();
    let described: BTreeMap<String, Value> = serde_json::from_value(document["paths"].clone()).unwrap();
    assert_eq!(described.keys().map(String::as_str).collect::<BTreeSet<_>>(), routed());
    for (path, operations) in &described {
        let path = path
            .replace("{tenant}", "acme")
            .replace("{name}", "x")
            .replace("{id}", "x")
            .replace("{resource}", "deals");
        let refused = control(&fake, "BREW", path.strip_prefix("/_fake").unwrap(), "").is(405);
        let allowed: BTreeSet<String> = refused
            .header("allow")
            .unwrap()
            .split(',')
            .map(|method| method.trim().to_ascii_lowercase())
            .filter(|method| method != "head")
            .collect();
        let told: BTreeSet<String> = operations.as_object().unwrap().keys().cloned().collect();
        assert_eq!(told, allowed, "{path}");
    }
}

#[test]
fn the_document_is_whole() {
    let document: Value = serde_json::from_str(include_str!("../../../src/fake/openapi.json")).unwrap();
    let mut ids = BTreeSet::new();
    for operations in document["paths"].as_object().unwrap().values() {
        for operation in operations.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is given twice");
            assert!(operation["description"].as_str().is_some_and(|text| text.ends_with('.')), "{id}");
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    for name in schemas.keys() {
        assert!(text.contains(&format!("schemas/{name}\"")), "{name} is used nowhere");
    }
}

/// The members that a schema gives an object.
fn members(document: &Value, schema: &str) -> BTreeSet<String> {
    document["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn answers_have_the_members_that_their_schemas_have() {
    let fake = Fake::start();
    super::inbox::hook(&fake, "x");
    let ask = |method: &str, path: &str, body: &str| control(&fake, method, path, body).json();
    let document = ask("GET", "/openapi.json", "");
    let fault = r#"{"point":"before","action":{"kind":"status","status":503}}"#;
    super::client::api(&fake, "POST", "/contacts", &super::client::contact("ada")).is(201);
    let waited = ask("POST", "/tenants/acme/inbox/x/wait", "");
    for (schema, answer) in [
        ("Fake", ask("GET", "", "")),
        ("Tenant", ask("GET", "/tenants/acme", "")),
        ("Clock", ask("POST", "/tenants/acme/clock/freeze", "")),
        ("Moved", ask("POST", "/tenants/acme/clock/settle", "")),
        ("Snapshot", ask("POST", "/tenants/acme/snapshot", "")),
        ("Sown", ask("POST", "/tenants/acme/seed", "")),
        ("Fault", ask("POST", "/tenants/acme/faults", fault)),
        ("Verified", ask("POST", "/tenants/acme/faults/verify", "")),
        ("Disarmed", ask("DELETE", "/tenants/acme/faults", "")),
        ("InboxSummary", ask("GET", "/tenants/acme/inboxes", "")[0].clone()),
        ("Inbox", ask("GET", "/tenants/acme/inbox/x", "")),
        ("Message", waited["message"].clone()),
        ("Waited", waited),
        ("Request", ask("GET", "/tenants/acme/requests", "")[0].clone()),
        ("Count", ask("GET", "/tenants/acme/requests/count", "")),
        ("Forgotten", ask("DELETE", "/tenants/acme/requests", "")),
    ] {
        let has: BTreeSet<String> =
            answer.as_object().unwrap_or_else(|| panic!("{schema}: {answer}")).keys().cloned().collect();
        assert_eq!(has, members(&document, schema), "{schema}");
    }
}

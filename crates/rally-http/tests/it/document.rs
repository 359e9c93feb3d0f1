//! The OpenAPI document: what generators of clients and readers need of it.

use std::{collections::BTreeSet, sync::Arc};

use rally_core::store::MemoryStore;
use rally_testkit::{FaultyStore, ReadFault};
use serde_json::{Map, Value};

use crate::{
    callers::LOGIN,
    support::{ADA, Answer, Api, Setting},
};

const IMPORT: &str = "/api/v1/importexport/contacts/import";
const EXPORT: &str = "/api/v1/importexport/contacts/export";

fn document() -> Value {
    Api::new().get("/openapi.json").send().is(200).value()
}

/// Calls `visit` with each object within a value and the path to it.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(path, members);
            for (name, member) in members {
                // Examples are values of the API and no schemas.
                if !matches!(name.as_str(), "example" | "examples") {
                    walk(member, &format!("{path}/{name}"), visit);
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(item, &format!("{path}/{index}"), visit));
        }
        _ => {}
    }
}

/// The operations of a document, each with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

#[track_caller]
fn assert_sentence(value: &Value, of: &str) {
    let text = value.as_str().unwrap_or_default();
    assert!(text.ends_with(['.', '`']) && text.starts_with(|c: char| !c.is_lowercase()), "{of}: {text:?}");
    assert!(!text.contains(" a a") && !text.contains(" a API") && !text.contains("`None`"), "{of}: {text:?}");
}

#[test]
fn every_operation_parameter_and_member_is_described_and_has_an_example() {
    let document = document();
    for (name, operation) in operations(&document) {
        assert_sentence(&operation["description"], &name);
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.ends_with('.')), "{name}");
        for content in [&operation["requestBody"]["content"], &operation["responses"]["200"]["content"]] {
            for (kind, media) in content.as_object().into_iter().flatten() {
                let is_shown =
                    media.get("example").or_else(|| media["examples"].as_object()?.values().next());
                assert!(is_shown.is_some(), "{name} {kind}");
            }
        }
    }
    let mut seen = 0;
    walk(&document, "", &mut |path, members| {
        if members.get("in").is_some() && members.get("schema").is_some() {
            seen += 1;
            assert_sentence(&members["description"], path);
            assert!(members["schema"]["examples"].is_array() || members.get("example").is_some(), "{path}");
        }
        if let Some(properties) = members.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                seen += 1;
                let path = format!("{path}/{name}");
                assert_sentence(&property["description"], &path);
                let example = &property["examples"][0];
                let may_be_null = property.to_string().contains("\"null\"");
                assert!(!example.is_null() || may_be_null, "{path} has no example");
            }
        }
    });
    assert!(seen > 400, "{seen}");
}

#[test]
fn generators_find_a_name_for_every_closed_set_and_a_size_for_every_integer() {
    walk(&document(), "", &mut |path, members| {
        assert!(!members.contains_key("const"), "{path} has a const");
        let is_named = path.strip_prefix("/components/schemas/").is_some_and(|rest| !rest.contains('/'));
        if let Some(Value::Array(words)) = members.get("enum") {
            assert!(is_named || path.contains("/servers/"), "the set at {path} has no name");
            assert!(words.iter().all(Value::is_string), "{path}");
        }
        if members.get("type").is_some_and(|kind| kind.to_string().contains("\"integer\"")) {
            assert!(matches!(members["format"].as_str(), Some("int32" | "int64")), "{path}");
        }
        if members.contains_key("properties") {
            assert!(is_named, "the object at {path} has no name");
        }
        // A generator of TypeScript makes a member that must be given of one with a default.
        assert!(!(path.contains("/properties/") && members.contains_key("default")), "{path} has a default");
    });
}

#[test]
fn nothing_in_the_document_is_unused() {
    let document = document();
    let text = document.to_string();
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys() {
            let reference = format!("\"#/components/{kind}/{name}\"");
            assert!(kind == "securitySchemes" || text.contains(&reference), "{reference} is not used");
        }
    }
    let tags: BTreeSet<&str> = operations(&document).filter_map(|(_, of)| of["tags"][0].as_str()).collect();
    let told = document["tags"].as_array().unwrap();
    assert!(told.iter().all(|tag| tag["description"].is_string()));
    assert_eq!(tags, told.iter().filter_map(|tag| tag["name"].as_str()).collect());
}

#[test]
fn operations_have_names_that_are_names_of_functions() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(
            id.chars().all(|c| c.is_ascii_alphanumeric()) && id.starts_with(|c: char| c.is_ascii_lowercase())
        );
        assert!(ids.insert(id), "{name}: {id} is taken");
        let has_scope = operation.get("x-required-scope").and_then(Value::as_str);
        let told = operation["description"].as_str().unwrap();
        match has_scope {
            Some(scope) => assert!(told.ends_with(&format!("Needs the scope `{scope}`.")), "{name}"),
            None => assert!(told.ends_with("Needs no credential."), "{name}"),
        }
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), has_scope.is_none(), "{name}");
    }
    for known in [
        "listApiKeys",
        "listAuditEntries",
        "createContacts",
        "upsertDeal",
        "moveDeal",
        "listChanges",
        "importContacts",
    ] {
        assert!(ids.contains(known), "{known}");
    }
}

/// Checks that a failure is one that the document has for an operation: its headers, both ways, and its body.
#[track_caller]
fn assert_described(document: &Value, method: &str, path: &str, answer: &Answer) {
    let status = answer.status.as_u16();
    let told = &document["paths"][path][method]["responses"][status.to_string()];
    let place = told["$ref"].as_str().unwrap_or_else(|| panic!("{method} {path} has no {status}: {answer}"));
    let told = document.pointer(place.trim_start_matches('#')).unwrap();
    let headers = told["headers"].as_object().unwrap();
    // While the store does not answer, nobody knows what the caller has left.
    let has_figures = status != 503;
    for name in headers.keys().filter(|name| has_figures || !name.starts_with("X-RateLimit")) {
        assert_ne!(answer.header(name), "", "{status} has no {name}");
    }
    for name in answer.headers.keys().map(|name| name.as_str()) {
        let is_of_api = name.starts_with("x-r") || ["retry-after", "www-authenticate"].contains(&name);
        assert!(!is_of_api || headers.keys().any(|told| told.eq_ignore_ascii_case(name)), "{status}: {name}");
    }
    assert!(told["content"].get(answer.header("Content-Type")).is_some(), "{answer}");
    let (body, schemas) = (answer.value(), &document["components"]["schemas"]);
    let members = body.as_object().unwrap();
    for name in schemas["Problem"]["required"].as_array().unwrap() {
        assert!(members.contains_key(name.as_str().unwrap()), "{name} {answer}");
    }
    for name in members.keys() {
        assert!(schemas["Problem"]["properties"].get(name).is_some(), "{name} {answer}");
    }
    assert!(schemas["ProblemCode"]["enum"].as_array().unwrap().contains(&body["code"]), "{answer}");
    assert_eq!(body["status"], status);
}

#[test]
fn failures_are_those_that_the_document_has() {
    let document = document();
    let (list, one) = ("/api/v1/contacts", "/api/v1/contacts/{id}");
    let api = Api::new();
    let at = format!("{list}/{}", api.add("ada@x.example"));
    for (status, method, path, ask) in [
        (400, "get", list, api.get(&format!("{list}?limit=0"))),
        (400, "post", list, api.post(list, ADA)),
        (401, "get", list, api.get(list).key("")),
        (401, "post", LOGIN, api.log_in("acme", "ada@x.example", "a wrong password")),
        (403, "delete", one, api.delete(&at).key(&api.reader)),
        (404, "get", one, api.get(&at).key(&api.other)),
        (412, "put", one, api.put(&at, "{}").header("If-Match", "\"1\"")),
        (413, "post", list, api.post(list, vec![b' '; rally_http::limits::BODY_BYTES + 1])),
        (415, "post", list, api.post(list, ADA).header("Content-Encoding", "gzip")),
        (415, "post", IMPORT, api.post(IMPORT, "").header("Content-Encoding", "gzip")),
        (400, "post", IMPORT, api.post(IMPORT, "x").header("Content-Type", "text/csv")),
        (403, "post", IMPORT, api.post(IMPORT, "x").key(&api.reader)),
        (400, "get", EXPORT, api.get(&format!("{EXPORT}?leadSource=&tag=,"))),
    ] {
        assert_described(&document, method, path, &ask.send().is(status));
    }
}

#[test]
fn every_limit_that_is_reached_is_told_as_the_document_has_it() {
    let document = document();
    let list = "/api/v1/contacts";
    let of_tenant = Api::limited_to(1);
    let guessing = Api::new();
    let until_refused = |ask: &dyn Fn() -> Answer| {
        (0..200).map(|_| ask()).find(|answer| answer.status == 429).expect("there is a limit")
    };
    let of_tenant = until_refused(&|| of_tenant.get(list).send());
    let of_keys = until_refused(&|| guessing.get(list).key("x").from("192.0.2.1:1").send());
    let of_logins = until_refused(&|| guessing.log_in("acme", "ada@x.example", "a wrong password").send());
    assert_described(&document, "get", list, &of_tenant);
    assert_described(&document, "get", list, &of_keys);
    assert_described(&document, "post", LOGIN, &of_logins);
}

#[test]
fn a_store_that_does_not_answer_is_told_as_the_document_has_it() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    store.fail_read(0, ReadFault::Unavailable);
    let answer = api.get("/readyz").key("").send().is(503);
    assert_described(&document(), "get", "/readyz", &answer);
}

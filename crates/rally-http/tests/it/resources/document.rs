//! The document tells of the resources what is true of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Act, RESOURCES, operations};
use crate::support::{Api, World};

struct Document(Value);

impl Document {
    fn new() -> Self {
        Self(Api::new().get("/openapi.json").send().is(200).value())
    }

    /// A value, or the target of its `$ref`.
    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.map_or(value, |pointer| self.0.pointer(pointer).unwrap())
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        &self.0["paths"][format!("/api/v1{path}")][method.to_ascii_lowercase()]
    }

    fn request<'d>(&'d self, operation: &'d Value) -> &'d Value {
        self.resolve(&operation["requestBody"]["content"]["application/json"]["schema"])
    }

    fn response<'d>(&'d self, operation: &'d Value, status: u16) -> &'d Value {
        let response = self.resolve(&operation["responses"][status.to_string()]);
        self.resolve(&response["content"]["application/json"]["schema"])
    }

    /// The places in a value that its schema does not describe.
    fn unknown(&self, schema: &Value, value: &Value, place: &str) -> Vec<String> {
        let schema = match schema["oneOf"].as_array() {
            Some(schemas) => schemas.iter().find(|of| (of["type"] == "null") == value.is_null()).unwrap(),
            None => schema,
        };
        let schema = self.resolve(schema);
        if !is_of_type(schema, value) {
            return vec![format!("{place} is {value}, not {}", schema["type"])];
        }
        if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
            return vec![format!("{place} is {value}, not one of {}", schema["enum"])];
        }
        match value {
            Value::Array(items) => items
                .iter()
                .flat_map(|item| self.unknown(&schema["items"], item, &format!("{place}[]")))
                .collect(),
            Value::Object(members) => {
                let known =
                    |name: &str| schema["properties"].get(name).or(schema.get("additionalProperties"));
                let unknown = members.iter().flat_map(|(name, value)| match known(name) {
                    Some(schema) => self.unknown(schema, value, &format!("{place}.{name}")),
                    None => vec![format!("{place}.{name} is not in the schema")],
                });
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let missing = required.filter(|name| !members.contains_key(*name));
                unknown.chain(missing.map(|name| format!("{place}.{name} is missing"))).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn is_of_type(schema: &Value, value: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str() {
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => false,
    };
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    }
}

/// True if [`operations`] has a path. The others have tests of their own.
fn is_of_a_resource(path: &str) -> bool {
    let noun = path.split('/').next().unwrap_or_default();
    !["api-keys", "audit", "auth", "importexport", "sync"].contains(&noun)
        && !path.starts_with("webhooks/{id}/")
}

#[test]
fn the_document_has_every_operation_with_the_scope_that_it_asks_for() {
    let document = Document::new();
    let told: BTreeSet<String> = document.0["paths"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(path, _)| path.strip_prefix("/api/v1/").is_some_and(is_of_a_resource))
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| {
                format!(
                    "{} {path} {}",
                    method.to_ascii_uppercase(),
                    operation["x-required-scope"].as_str().unwrap()
                )
            })
        })
        .collect();
    let driven = operations()
        .into_iter()
        .map(|operation| format!("{} /api/v1{} {}", operation.method, operation.path, operation.scope));
    assert_eq!(told, driven.collect());
}

#[test]
fn the_scope_in_the_document_is_the_one_that_is_enough() {
    let (world, document) = (World::new(), Document::new());
    for operation in operations() {
        let told = document.operation(operation.method.as_str(), &operation.path);
        let case = operation.case(&world);
        let read = case.ask(&world).key(&world.api.reader).send();
        match told["x-required-scope"].as_str().unwrap() {
            "read" => assert_eq!(read.status.as_u16(), operation.status, "{read}"),
            larger => assert_eq!(read.is(403).value()["requiredScope"], larger, "{}", operation.path),
        }
    }
}

#[test]
fn what_is_sent_and_answered_is_as_the_document_says() {
    let (world, document) = (World::new(), Document::new());
    for operation in operations() {
        let told = document.operation(operation.method.as_str(), &operation.path);
        let case = operation.case(&world);
        if !case.body.is_empty() {
            let sent: Value = serde_json::from_str(&case.body).unwrap();
            assert_eq!(document.unknown(document.request(told), &sent, &case.path), Vec::<String>::new());
        }
        let answer = case.ask(&world).send().is(operation.status);
        let schema = document.response(told, operation.status);
        assert_eq!(document.unknown(schema, &answer.value(), &case.path), Vec::<String>::new());
        let named = &document.resolve(&told["responses"][operation.status.to_string()])["headers"];
        for header in ["ETag", "Location", "Link"].into_iter().filter(|name| !answer.header(name).is_empty())
        {
            assert!(named.get(header).is_some(), "{} {}: {header}", case.method, case.path);
        }
    }
}

#[test]
fn what_creates_a_record_has_the_members_that_the_document_says() {
    let (world, document) = (World::new(), Document::new());
    for resource in RESOURCES {
        let told = document.operation("POST", &format!("/{}", resource.noun));
        let (draft, whole) = (document.request(told), document.response(told, 201));
        let mut sent = BTreeSet::new();
        for body in resource.wholes {
            let body = world.fill(body).replace('#', &world.next());
            let value: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(document.unknown(draft, &value, resource.noun), Vec::<String>::new());
            sent.extend(value.as_object().unwrap().keys().cloned());
            let created = world.api.post(&resource.path(), body).send().is(201).value();
            assert_eq!(document.unknown(whole, &created, resource.noun), Vec::<String>::new());
            let answered: Vec<&String> = created.as_object().unwrap().keys().collect();
            assert_eq!(answered, whole["properties"].as_object().unwrap().keys().collect::<Vec<_>>());
        }
        assert_eq!(
            sent,
            draft["properties"].as_object().unwrap().keys().cloned().collect(),
            "{}",
            resource.noun
        );
    }
}

#[test]
fn the_document_has_the_parameters_of_every_list() {
    let document = Document::new();
    for operation in operations().iter().filter(|operation| operation.act == Act::List) {
        let resource = operation.resource.unwrap();
        let told = document.operation("GET", &operation.path)["parameters"].as_array().unwrap();
        let told: BTreeSet<&str> =
            told.iter().map(|parameter| document.resolve(parameter)["name"].as_str().unwrap()).collect();
        let of_all = ["limit", "offset", "after", "updatedSince", "count", "fields"];
        let of_all = of_all.into_iter().chain(if resource.is_searched() { Some("q") } else { None });
        assert_eq!(told, of_all.chain(resource.filters.iter().map(|(name, ..)| *name)).collect());
    }
}

use rally_core::{Kind, Scope};
use serde_json::{Map, Value, json};

use super::{
    components::header_references,
    schemas::{self, reference},
};
use crate::routes::{Operation, Verb};

/// What can go wrong with every request under `/api`.
const COMMON: [(&str, &str); 6] = [
    ("400", "BadRequest"),
    ("401", "Unauthorized"),
    ("403", "Forbidden"),
    ("429", "TooManyRequests"),
    ("500", "Internal"),
    ("503", "Unavailable"),
];

pub(super) fn describe(operation: &Operation) -> Value {
    let mut described = match *operation {
        Operation::Records { verb, kind, scope, .. } => records(verb, kind, scope),
        Operation::Changes => changes(),
        Operation::Operating { id, summary, content_type } => operating(id, summary, content_type),
    };
    if let Some(members) = described.as_object_mut() {
        members.insert("tags".to_owned(), json!([operation.tag()]));
    }
    described
}

fn records(verb: Verb, kind: Kind, scope: Scope) -> Value {
    let (name, plural) = (schemas::name(kind), kind.plural());
    let (id, summary) = match verb {
        Verb::List => (format!("list{}", plural_name(kind)), format!("List {plural}")),
        Verb::Create => (format!("create{name}"), format!("Create a {kind}")),
        Verb::Get => (format!("get{name}"), format!("Get a {kind}")),
        Verb::Put => (format!("update{name}"), format!("Change a {kind}")),
        Verb::Patch => (format!("patch{name}"), format!("Change a {kind}, as `PUT` does")),
        Verb::Delete => (format!("delete{name}"), format!("Delete a {kind}")),
        Verb::Upsert => {
            (format!("upsert{name}"), format!("Create a {kind}, or change the one with the same natural key"))
        }
        Verb::Bulk => (format!("create{}", plural_name(kind)), format!("Create 1 to 100 {plural} at once")),
    };
    let mut described = json!({
        "operationId": id,
        "summary": summary,
        "x-required-scope": scope.name(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "parameters": parameters(verb),
        "responses": responses(verb, &name),
    });
    if let (Some(body), Some(members)) = (body(verb, &name), described.as_object_mut()) {
        let content = json!({ "required": true, "content": { "application/json": { "schema": body } } });
        members.insert("requestBody".to_owned(), content);
    }
    described
}

fn plural_name(kind: Kind) -> String {
    let (first, rest) = kind.plural().split_at_checked(1).unwrap_or_default();
    first.to_ascii_uppercase() + rest
}

fn parameters(verb: Verb) -> Value {
    parameter_references(match verb {
        Verb::List => &["Limit", "Offset", "UpdatedSince", "Count", "Fields"],
        Verb::Get => &["Id", "Fields", "IfNoneMatch"],
        Verb::Create => &["IdempotencyKey", "Prefer"],
        Verb::Put | Verb::Patch => &["Id", "IfMatch", "IdempotencyKey", "Prefer"],
        Verb::Delete => &["Id", "IfMatch", "IdempotencyKey"],
        Verb::Upsert => &["IfMatch", "IdempotencyKey", "Prefer"],
        Verb::Bulk => &["Atomic", "IdempotencyKey"],
    })
}

fn parameter_references(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

fn body(verb: Verb, name: &str) -> Option<Value> {
    match verb {
        Verb::List | Verb::Get | Verb::Delete => None,
        Verb::Create => Some(reference(&format!("{name}Draft"))),
        // The update half needs no more than the natural key, so what is required of a draft is not required here.
        Verb::Put | Verb::Patch | Verb::Upsert => Some(reference(&format!("{name}Change"))),
        Verb::Bulk => Some(json!({
            "type": "array",
            "minItems": 1,
            "maxItems": rally_core::limits::BULK_ITEMS,
            "items": reference(&format!("{name}Draft")),
        })),
    }
}

fn responses(verb: Verb, name: &str) -> Value {
    let whole = reference(name);
    let fields = reference(&format!("{name}Fields"));
    let mut all = errors(verb);
    let mut add = |status: &str, response: Value| all.insert(status.to_owned(), response);
    match verb {
        Verb::List => {
            let page = json!({ "type": "array", "items": fields });
            add("200", answer("A page of the list", &page, &["Link", "X-Total-Count"]));
        }
        Verb::Get => {
            add("200", answer("The record", &fields, &["ETag"]));
            add("304", response_reference("NotModified"));
        }
        Verb::Create => {
            add("201", answer("It is created", &whole, &["ETag", "Location", "Idempotent-Replayed"]));
            add("204", response_reference("NoContent"));
        }
        Verb::Put | Verb::Patch => {
            add("200", answer("The record as it is now", &whole, &["ETag", "Idempotent-Replayed"]));
            add("204", response_reference("NoContent"));
        }
        Verb::Upsert => {
            add("200", answer("It was there and is changed", &whole, &["ETag", "Idempotent-Replayed"]));
            add("201", answer("It is created", &whole, &["ETag", "Location", "Idempotent-Replayed"]));
            add("204", response_reference("NoContent"));
        }
        Verb::Delete => {
            add("200", answer("It is gone", &reference("Deleted"), &["Idempotent-Replayed"]));
        }
        Verb::Bulk => {
            let results = reference("BulkResult");
            add("200", answer("Some items are at fault", &results, &["Idempotent-Replayed"]));
            add("201", answer("All of them are created", &results, &["Idempotent-Replayed"]));
        }
    }
    Value::Object(all)
}

fn errors(verb: Verb) -> Map<String, Value> {
    let mut all: Vec<(&str, &str)> = COMMON.to_vec();
    let has_body = !matches!(verb, Verb::List | Verb::Get | Verb::Delete);
    if matches!(verb, Verb::Get | Verb::Put | Verb::Patch | Verb::Delete) {
        all.push(("404", "NotFound"));
    }
    if matches!(verb, Verb::Put | Verb::Patch | Verb::Delete | Verb::Upsert) {
        all.push(("412", "PreconditionFailed"));
    }
    if has_body || verb == Verb::Delete {
        all.extend([("409", "Conflict"), ("422", "IdempotencyMismatch")]);
    }
    if has_body {
        all.extend([("413", "PayloadTooLarge"), ("415", "UnsupportedMediaType")]);
    }
    all.into_iter().map(|(status, name)| (status.to_owned(), response_reference(name))).collect()
}

fn response_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn answer(description: &str, schema: &Value, headers: &[&str]) -> Value {
    json!({
        "description": description,
        "headers": header_references(headers),
        "content": { "application/json": { "schema": schema } },
    })
}

fn changes() -> Value {
    let page = json!({ "type": "array", "items": reference("FeedEntry") });
    let mut responses: Map<String, Value> = errors(Verb::List);
    responses.insert("200".to_owned(), answer("The next changes, oldest first", &page, &["Link"]));
    json!({
        "operationId": "listChanges",
        "summary": "List what has changed",
        "description": "Going on from the last `changedAt` never skips a change and never repeats one.",
        "x-required-scope": Scope::Read.name(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "parameters": parameter_references(&["Since", "After", "Entities", "FeedLimit", "Fields"]),
        "responses": responses,
    })
}

fn operating(id: &str, summary: &str, content_type: &str) -> Value {
    let schema = if id.starts_with("check") { reference("Status") } else { json!({}) };
    let mut responses =
        json!({ "200": { "description": summary, "content": { content_type: { "schema": schema } } } });
    if let (Some(responses), "checkReadiness") = (responses.as_object_mut(), id) {
        responses.insert("503".to_owned(), response_reference("Unavailable"));
    }
    json!({ "operationId": id, "summary": summary, "security": [], "responses": responses })
}

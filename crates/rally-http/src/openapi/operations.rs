use rally_core::{Kind, Member, Model, Scope, limits};
use serde_json::{Map, Value, json};

use super::{
    components::{header_references, query},
    schemas::{self, reference},
};
use crate::route::{Operation, Route, Verb};

/// What can go wrong with every request under `/api`.
const COMMON: [(&str, &str); 6] = [
    ("400", "BadRequest"),
    ("401", "Unauthorized"),
    ("403", "Forbidden"),
    ("429", "TooManyRequests"),
    ("500", "Internal"),
    ("503", "Unavailable"),
];

/// The tag of routes for the operator of the server.
pub(super) const OPERATING: &str = "operations";

/// The noun that the path of a route begins with.
pub(super) fn tag(route: &Route) -> &str {
    match route.operation {
        Operation::Operating { .. } => OPERATING,
        _ => route.path.split('/').nth(1).unwrap_or_default(),
    }
}

pub(super) fn describe(route: &Route) -> Value {
    let has_id = route.path.contains("{id}");
    let mut described = match route.operation {
        Operation::Records { verb, noun, kind, model, scope } => {
            records(verb, noun, kind, model, (scope, has_id))
        }
        Operation::Changes => changes(),
        Operation::LogIn => log_in(),
        Operation::Me => me(),
        Operation::Operating { id, summary, content_type } => operating(id, summary, content_type),
    };
    if let Some(members) = described.as_object_mut() {
        members.insert("tags".to_owned(), json!([tag(route)]));
    }
    described
}

fn records(verb: Verb, noun: &str, kind: Kind, model: &Model, (scope, has_id): (Scope, bool)) -> Value {
    let name = schemas::name(noun);
    let (id, summary) = called(verb, noun, kind);
    let mut described = json!({
        "operationId": id,
        "summary": summary,
        "x-required-scope": scope.name(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "parameters": parameters(verb, model, has_id),
        "responses": responses(verb, &name, has_id),
    });
    if let (Some(body), Some(members)) = (body(verb, &name), described.as_object_mut()) {
        let content = json!({ "required": true, "content": { "application/json": { "schema": body } } });
        members.insert("requestBody".to_owned(), content);
    }
    described
}

/// The id and the summary of an operation.
fn called(verb: Verb, noun: &str, kind: Kind) -> (String, String) {
    let (name, plural) = (schemas::name(noun), kind.plural());
    match verb {
        Verb::List => (format!("list{}", plural_name(kind)), format!("List {plural}")),
        Verb::Create => (format!("create{name}"), format!("Create a {noun}")),
        Verb::Get => (format!("get{name}"), format!("Get a {noun}")),
        Verb::Put => (format!("update{name}"), format!("Change a {noun}")),
        Verb::Patch => (format!("patch{name}"), format!("Change a {noun}, as `PUT` does")),
        Verb::Delete => {
            (format!("delete{name}"), format!("Delete a {noun}, and its name from all that name it"))
        }
        Verb::Upsert => (format!("upsert{name}"), format!("Create a {noun}, or change the one that matches")),
        Verb::Bulk => (format!("create{}", plural_name(kind)), format!("Create 1 to 100 {plural} at once")),
        Verb::GetPart => (format!("get{name}"), format!("Get the {noun}")),
        Verb::PutPart => (format!("update{name}"), format!("Change the {noun}")),
        Verb::Mint => (format!("create{name}"), format!("Create a {noun}; the answer alone shows it")),
        Verb::Revoke => (format!("revoke{name}"), format!("Revoke a {noun}; its record stays")),
        Verb::Move => (format!("move{name}"), format!("Move a {noun} to another stage of its pipeline")),
        Verb::Forecast => (
            format!("forecast{name}"),
            format!("What the deals of a {noun} come to, stage by stage and currency by currency"),
        ),
    }
}

fn plural_name(kind: Kind) -> String {
    let (first, rest) = kind.plural().split_at_checked(1).unwrap_or_default();
    first.to_ascii_uppercase() + rest
}

fn parameters(verb: Verb, model: &Model, has_id: bool) -> Value {
    let names: &[&str] = match verb {
        Verb::List => &["Limit", "Offset", "UpdatedSince", "Count", "Fields"],
        Verb::Get | Verb::GetPart => &["Id", "Fields", "IfNoneMatch"],
        Verb::Create => &["IdempotencyKey", "Prefer"],
        Verb::Put | Verb::Patch | Verb::PutPart | Verb::Move => {
            &["Id", "IfMatch", "IdempotencyKey", "Prefer"]
        }
        Verb::Delete => &["Id", "IfMatch", "IdempotencyKey"],
        Verb::Upsert => &["IfMatch", "IdempotencyKey", "Prefer"],
        Verb::Bulk => &["Atomic", "IdempotencyKey"],
        Verb::Mint => &["IdempotencyKey"],
        Verb::Revoke => &["Id", "IfMatch", "IdempotencyKey", "Prefer"],
        Verb::Forecast => &["Id"],
    };
    let names: Vec<&str> = names.iter().copied().filter(|name| has_id || *name != "Id").collect();
    let mut all = parameter_references(&names);
    if let (Verb::List, Some(all)) = (verb, all.as_array_mut()) {
        all.extend(filters(model));
    }
    all
}

/// The parameters that narrow the list of one resource.
fn filters(model: &Model) -> Vec<Value> {
    let filter = |(parameter, member): (&str, &Member)| {
        query(parameter, "Only records with this value", &schemas::filter(&member.rule))
    };
    let mut all: Vec<Value> = model.filters().map(filter).collect();
    if model.is_searched() {
        let searched = model.members().iter().filter(|member| member.searched).map(|member| member.name);
        let names = searched.collect::<Vec<_>>().join(", ");
        let description =
            format!("Only records of which one of these begins so, in any case of letters: {names}");
        all.push(query("q", &description, &json!({ "type": "string", "maxLength": limits::SHORT_TEXT })));
    }
    all
}

fn parameter_references(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

fn body(verb: Verb, name: &str) -> Option<Value> {
    match verb {
        Verb::List | Verb::Get | Verb::GetPart | Verb::Forecast | Verb::Delete | Verb::Revoke => None,
        Verb::Move => Some(reference("StageMove")),
        Verb::Create | Verb::Mint => Some(reference(&format!("{name}Draft"))),
        // The update half needs no more than the natural key, so what is required of a draft is not required here.
        Verb::Put | Verb::Patch | Verb::PutPart | Verb::Upsert => Some(reference(&format!("{name}Change"))),
        Verb::Bulk => Some(json!({
            "type": "array",
            "minItems": 1,
            "maxItems": limits::BULK_ITEMS,
            "items": reference(&format!("{name}Draft")),
        })),
    }
}

fn responses(verb: Verb, name: &str, has_id: bool) -> Value {
    let whole = reference(name);
    let fields = reference(&format!("{name}Fields"));
    let mut all = errors(verb, has_id);
    let mut add = |status: &str, response: Value| all.insert(status.to_owned(), response);
    match verb {
        Verb::List => {
            let page = json!({ "type": "array", "items": fields });
            add("200", answer("A page of the list", &page, &["Link", "X-Total-Count"]));
        }
        Verb::Get | Verb::GetPart => {
            add("200", answer("The record", &fields, &["ETag"]));
            add("304", response_reference("NotModified"));
        }
        Verb::Create => {
            add("201", answer("It is created", &whole, &["ETag", "Location", "Idempotent-Replayed"]));
            add("204", response_reference("NoContent"));
        }
        Verb::Forecast => {
            add("200", answer("The forecast", &reference("Forecast"), &[]));
        }
        Verb::Mint => {
            let made = reference("NewApiKey");
            add("201", answer("It is created", &made, &["ETag", "Location", "Idempotent-Replayed"]));
        }
        Verb::Put | Verb::Patch | Verb::PutPart | Verb::Move | Verb::Revoke => {
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

fn errors(verb: Verb, has_id: bool) -> Map<String, Value> {
    let mut all: Vec<(&str, &str)> = COMMON.to_vec();
    let has_body = !verb.is_read() && !matches!(verb, Verb::Delete | Verb::Revoke);
    let is_of_many = matches!(verb, Verb::List | Verb::Create | Verb::Mint | Verb::Upsert | Verb::Bulk);
    if has_id && !is_of_many {
        all.push(("404", "NotFound"));
    }
    if !verb.is_read() && !matches!(verb, Verb::Create | Verb::Mint | Verb::Bulk) {
        all.push(("412", "PreconditionFailed"));
    }
    if !verb.is_read() {
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
    let mut responses: Map<String, Value> = errors(Verb::List, false);
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

fn log_in() -> Value {
    let errors = [
        "BadRequest",
        "Unauthorized",
        "PayloadTooLarge",
        "UnsupportedMediaType",
        "TooManyRequests",
        "Internal",
    ];
    let mut responses: Map<String, Value> = ["400", "401", "413", "415", "429", "500"]
        .into_iter()
        .zip(errors)
        .map(|(status, name)| (status.to_owned(), response_reference(name)))
        .collect();
    responses.insert("503".to_owned(), response_reference("Unavailable"));
    responses.insert("200".to_owned(), answer("A token for the user", &reference("Token"), &[]));
    json!({
        "operationId": "logIn",
        "summary": "Log a user in",
        "description": "The host names the tenant, or else `tenant` does.",
        "security": [],
        "requestBody": { "required": true, "content": { "application/json": { "schema": reference("LogIn") } } },
        "responses": responses,
    })
}

fn me() -> Value {
    let mut responses: Map<String, Value> = errors(Verb::List, false);
    responses.insert("200".to_owned(), answer("Who the credential is of", &reference("Caller"), &[]));
    json!({
        "operationId": "getCaller",
        "summary": "Who the caller is",
        "x-required-scope": Scope::Read.name(),
        "security": [{ "ApiKey": [] }, { "Bearer": [] }],
        "parameters": [],
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

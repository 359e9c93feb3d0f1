//! The parts that operations of all kinds have.

use rally_core::{
    Scope, limits,
    schema::{Member, Model},
};
use serde_json::{Map, Value, json};

use super::{
    components::{self, query},
    examples, rules,
};
use crate::object::object_of;

/// Responses to failures of every request under `/api`.
const FAILURES: [(&str, &str); 5] = [
    ("400", "BadRequest"),
    ("401", "Unauthorized"),
    ("429", "TooManyRequests"),
    ("500", "Internal"),
    ("503", "Unavailable"),
];

/// Responses that follow from a parameter.
const BY_PARAMETER: [(&str, &str, &str); 7] = [
    ("Id", "404", "NotFound"),
    ("IfMatch", "412", "PreconditionFailed"),
    ("IfNoneMatch", "304", "NotModified"),
    ("IfNoneMatchWrite", "412", "PreconditionFailed"),
    ("IdempotencyKey", "409", "Conflict"),
    ("IdempotencyKey", "422", "IdempotencyMismatch"),
    ("Prefer", "204", "NoContent"),
];

/// The texts of an operation.
pub(super) struct Told<'a> {
    pub(super) id: &'a str,
    pub(super) summary: &'a str,
    pub(super) description: &'a str,
}

/// A body with an example of it.
pub(super) struct Example {
    pub(super) schema: Value,
    pub(super) value: Value,
}

/// An operation with what all of them have.
pub(super) fn operation(
    told: &Told<'_>,
    scope: Option<Scope>,
    parameters: Vec<Value>,
    body: Option<Example>,
    responses: Map<String, Value>,
) -> Map<String, Value> {
    let (security, needed) = match scope {
        Some(scope) => (json!([{ "ApiKey": [] }, { "Bearer": [] }]), format!("Needs the scope `{scope}`.")),
        None => (json!([]), "Needs no credential.".to_owned()),
    };
    let mut members = object_of([
        ("operationId", json!(told.id)),
        ("summary", json!(told.summary)),
        ("description", json!(format!("{}\n\n{needed}", told.description))),
        ("security", security),
        ("responses", responses.into()),
    ]);
    if let Some(scope) = scope {
        members.insert("x-required-scope".to_owned(), json!(scope.as_str()));
    }
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(Example { schema, value }) = body {
        let content = json!({ "application/json": { "schema": schema, "example": value } });
        members.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    members
}

/// The parameter that names the members of one resource.
pub(super) fn fields(model: &Model) -> Value {
    let names: Vec<&str> = model
        .members()
        .iter()
        .filter(|member| member.access.is_read())
        .map(|member| member.name)
        .take(3)
        .collect();
    components::fields(&names.join(","))
}

/// The parameters that filter the list of one resource.
pub(super) fn filters(model: &Model, noun: &str) -> Vec<Value> {
    let filter = |(parameter, member): (&str, &Member)| {
        let description =
            format!("Only records with this {}.", if parameter == "tag" { "tag" } else { member.name });
        let example = match parameter {
            "tag" => json!("partner"),
            _ => examples::of_member(noun, member.name),
        };
        query(parameter, &description, rules::filter(&member.rule), &example)
    };
    let mut all: Vec<Value> = model.filters().map(filter).collect();
    if model.is_searched() {
        let searched = model.members().iter().filter(|member| member.searched).map(|member| member.name);
        let names = searched.collect::<Vec<_>>().join(", ");
        let description = format!(
            "Only records with a member that begins with this text, in either case of letters, composed or not, with i \
             and dotless i the same: {names}."
        );
        let schema = json!({ "type": "string", "maxLength": limits::SHORT_TEXT });
        all.push(query("q", &description, schema, &json!("ana")));
    }
    all
}

pub(super) fn parameter_references(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

/// Responses without a body of their own: to failures, and by what the parameters ask for.
pub(super) fn failures(scope: Option<Scope>, parameters: &[&str], has_body: bool) -> Map<String, Value> {
    let mut all = FAILURES.to_vec();
    if scope.is_some() {
        all.push(("403", "Forbidden"));
    }
    for (parameter, status, name) in BY_PARAMETER {
        if parameters.contains(&parameter) {
            all.push((status, name));
        }
    }
    if has_body {
        all.extend([("413", "PayloadTooLarge"), ("415", "UnsupportedMediaType")]);
    }
    object_of(all.into_iter().map(|(status, name)| (status, response_reference(name))))
}

pub(super) fn response_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

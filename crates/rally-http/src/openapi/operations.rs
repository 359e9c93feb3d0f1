use rally_core::{
    Kind, Scope, limits,
    schema::{Member, Model},
};
use serde_json::{Map, Value, json};

use super::{
    components::{header_references, query},
    schemas::{self, reference, with_article},
};
use crate::route::{AnswerBody, Operation, Page, ResponseSpec, Route, Special, Verb};

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

/// The tag of routes for the operator of the server.
pub(super) const OPERATING: &str = "operations";

/// The noun that the path of a route begins with.
pub(super) fn tag(route: &Route) -> &str {
    match route.operation {
        Operation::Page(_) => OPERATING,
        _ => {
            let path = route.path.trim_start_matches('/');
            path.split_once('/').map_or(path, |(noun, _)| noun)
        }
    }
}

/// The operation of a route, as the document has it.
pub(super) fn describe(route: &Route) -> Value {
    let mut members = match route.operation {
        Operation::Records { verb, noun, kind, model, scope } => {
            records(verb, noun, kind, model, (scope, route.path.contains("{id}")))
        }
        Operation::Special(special) => self::special(special),
        Operation::Page(page) => self::page(page),
    };
    members.insert("tags".to_owned(), json!([tag(route)]));
    members.into()
}

fn records(
    verb: Verb,
    noun: &str,
    kind: Kind,
    model: &Model,
    (scope, has_id): (Scope, bool),
) -> Map<String, Value> {
    let name = schemas::name(noun);
    let (id, summary) = called(verb, noun, kind);
    let mut names = parameters(verb);
    names.retain(|name| has_id || *name != "Id");
    let body = body(verb, &name);
    let mut responses = failures(Some(scope), &names, body.is_some());
    responses.extend(answers(verb, &name).map(|(status, response)| (status.to_owned(), response)));
    let mut parameters = parameter_references(&names);
    if verb == Verb::List {
        parameters.extend(filters(model));
    }
    operation(&id, &summary, Some(scope), parameters, body, responses)
}

fn special(special: &Special) -> Map<String, Value> {
    let Special { id, summary, description, scope, parameters, body, answer, .. } = special;
    let mut responses = failures(*scope, parameters, body.is_some());
    responses.insert(answer.status.to_string(), success(answer));
    let parameters = parameter_references(parameters);
    let mut members = operation(id, summary, *scope, parameters, body.map(reference), responses);
    members.extend(description.map(|description| ("description".to_owned(), json!(description))));
    members
}

fn operation(
    id: &str,
    summary: &str,
    scope: Option<Scope>,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
) -> Map<String, Value> {
    let security = match scope {
        Some(_) => json!([{ "ApiKey": [] }, { "Bearer": [] }]),
        None => json!([]),
    };
    let mut members = Map::from_iter([
        ("operationId".to_owned(), json!(id)),
        ("summary".to_owned(), json!(summary)),
        ("security".to_owned(), security),
        ("responses".to_owned(), responses.into()),
    ]);
    if let Some(scope) = scope {
        members.insert("x-required-scope".to_owned(), json!(scope.as_str()));
    }
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(body) = body {
        let content = json!({ "required": true, "content": { "application/json": { "schema": body } } });
        members.insert("requestBody".to_owned(), content);
    }
    members
}

fn page(page: &Page) -> Map<String, Value> {
    let schema = match page.schema {
        Some(schema) => reference(schema.name),
        None => json!({}),
    };
    let content = json!({ page.content_type: { "schema": schema } });
    let success = json!({ "description": page.summary, "content": content });
    let failures =
        page.failures.iter().map(|(status, name)| ((*status).to_owned(), response_reference(name)));
    let mut responses: Map<String, Value> = failures.collect();
    responses.insert("200".to_owned(), success);
    operation(page.id, page.summary, None, Vec::new(), None, responses)
}

/// The id and the summary of a verb on records.
fn called(verb: Verb, noun: &str, kind: Kind) -> (String, String) {
    let (name, plural) = (schemas::name(noun), schemas::plural(noun));
    let one = with_article(noun);
    match verb {
        Verb::List => (format!("list{}", schemas::name(kind.plural())), format!("List {plural}")),
        Verb::Create => (format!("create{name}"), format!("Create {one}")),
        Verb::Get => (format!("get{name}"), format!("Get {one}")),
        Verb::Put => (format!("update{name}"), format!("Update {one}")),
        Verb::Patch => (format!("patch{name}"), format!("Update {one}, as `PUT` does")),
        Verb::Delete => (format!("delete{name}"), format!("Delete {one} and clear the references to it")),
        Verb::Upsert => (format!("upsert{name}"), format!("Create {one}, or update the one that matches")),
        Verb::Bulk => (
            format!("create{}", schemas::name(kind.plural())),
            format!("Create 1 to {} {plural}", limits::BULK_ITEMS),
        ),
        Verb::GetPart => (format!("get{name}"), format!("Get the {noun}")),
        Verb::PutPart => (format!("update{name}"), format!("Update the {noun}")),
    }
}

fn parameters(verb: Verb) -> Vec<&'static str> {
    match verb {
        Verb::List => vec!["Limit", "Offset", "UpdatedSince", "Count", "Fields"],
        Verb::Get | Verb::GetPart => vec!["Id", "Fields", "IfNoneMatch"],
        Verb::Create => vec!["IdempotencyKey", "Prefer"],
        Verb::Put | Verb::Patch | Verb::PutPart => {
            vec!["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"]
        }
        Verb::Delete => vec!["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey"],
        Verb::Upsert => vec!["IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
        Verb::Bulk => vec!["Atomic", "IdempotencyKey"],
    }
}

/// The parameters that filter the list of one resource.
fn filters(model: &Model) -> Vec<Value> {
    let filter = |(parameter, member): (&str, &Member)| {
        query(parameter, "Only records with this value", &schemas::filter(&member.rule))
    };
    let mut all: Vec<Value> = model.filters().map(filter).collect();
    if model.is_searched() {
        let searched = model.members().iter().filter(|member| member.searched).map(|member| member.name);
        let names = searched.collect::<Vec<_>>().join(", ");
        let description = format!(
            "Only records with a member that begins with this text, in either case of letters, composed or not, with i \
             and dotless i the same: {names}"
        );
        all.push(query("q", &description, &json!({ "type": "string", "maxLength": limits::SHORT_TEXT })));
    }
    all
}

fn parameter_references(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

fn body(verb: Verb, name: &str) -> Option<Value> {
    match verb {
        Verb::List | Verb::Get | Verb::GetPart | Verb::Delete => None,
        Verb::Create => Some(reference(&format!("{name}Draft"))),
        // An upsert that updates needs the natural key alone, so the schema requires no member.
        Verb::Put | Verb::Patch | Verb::PutPart | Verb::Upsert => Some(reference(&format!("{name}Change"))),
        Verb::Bulk => Some(json!({
            "type": "array",
            "minItems": 1,
            "maxItems": limits::BULK_ITEMS,
            "items": reference(&format!("{name}Draft")),
        })),
    }
}

/// Responses to requests that succeed with a body.
fn answers(verb: Verb, name: &str) -> impl Iterator<Item = (&'static str, Value)> {
    const CREATED: &[&str] = &["ETag", "Location", "Idempotent-Replayed"];
    const UPDATED: &[&str] = &["ETag", "Idempotent-Replayed"];
    const REPLAYED: &[&str] = &["Idempotent-Replayed"];
    let (whole, fields) = (reference(name), reference(&format!("{name}Fields")));
    let created = response("The record was created", &whole, CREATED);
    let all = match verb {
        Verb::List => {
            let page = json!({ "type": "array", "items": fields });
            vec![("200", response("A page of the list", &page, &["Link", "X-Total-Count"]))]
        }
        Verb::Get | Verb::GetPart => vec![("200", response("The record", &fields, &["ETag"]))],
        Verb::Create => vec![("201", created)],
        Verb::Put | Verb::Patch | Verb::PutPart => {
            vec![("200", response("The record as it is now", &whole, UPDATED))]
        }
        Verb::Upsert => {
            vec![("200", response("The record that matched, updated", &whole, UPDATED)), ("201", created)]
        }
        Verb::Delete => vec![("200", response("The record was deleted", &reference("Deleted"), REPLAYED))],
        Verb::Bulk => {
            let results = reference("BulkResult");
            vec![
                ("200", response("Some items are invalid; the others were created", &results, REPLAYED)),
                ("201", response("All records were created", &results, REPLAYED)),
            ]
        }
    };
    all.into_iter()
}

/// Responses without a body of their own: to failures, and by what the parameters ask for.
fn failures(scope: Option<Scope>, parameters: &[&str], has_body: bool) -> Map<String, Value> {
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
    all.into_iter().map(|(status, name)| (status.to_owned(), response_reference(name))).collect()
}

fn response_reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn success(answer: &ResponseSpec) -> Value {
    let schema = match answer.body {
        AnswerBody::One(name) => reference(name),
        AnswerBody::ListOf(name) => json!({ "type": "array", "items": reference(name) }),
    };
    response(answer.description, &schema, answer.headers)
}

fn response(description: &str, schema: &Value, headers: &[&str]) -> Value {
    json!({
        "description": description,
        "headers": header_references(headers),
        "content": { "application/json": { "schema": schema } },
    })
}

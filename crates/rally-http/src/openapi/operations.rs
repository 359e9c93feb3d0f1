//! The operations of the routes.

use rally_core::{
    Kind, limits,
    schema::{Member, Model, Rule},
};
use serde_json::{Map, Value, json};

use super::{
    components::{self, header_references},
    examples, files,
    names::{self, in_code, plural, sentence, with_article},
    operation::{
        Example, Told, failures, fields, filters, operation, parameter_references, response_reference,
    },
    values::reference,
};
use crate::{
    history,
    object::object_of,
    route::{AnswerBody, Operation, Page, Records, ResponseSpec, Route, Special, Verb},
};

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
    let mut members = match &route.operation {
        Operation::Records(records) => self::records(records, route.path.contains("{id}")),
        Operation::Special(special) => self::special(special),
        Operation::File(file) => files::describe(file),
        Operation::Page(page) => self::page(page),
    };
    members.insert("tags".to_owned(), json!([tag(route)]));
    members.into()
}

fn records(records: &Records, has_id: bool) -> Map<String, Value> {
    let Records { verb, noun, model, scope, .. } = *records;
    let (id, summary) = called(verb, noun);
    let description = meaning(records);
    let mut names = parameters(verb);
    names.retain(|name| has_id || *name != "Id");
    let body = body(records);
    let mut responses = failures(Some(scope), &names, body.is_some());
    responses.extend(answers(records).into_iter().map(|(status, response)| (status.to_owned(), response)));
    let has_fields = names.contains(&"Fields");
    names.retain(|name| *name != "Fields");
    let mut parameters = parameter_references(&names);
    if has_fields {
        parameters.push(if verb == Verb::History { components::fields("id,changes") } else { fields(model) });
    }
    if verb == Verb::List {
        parameters.extend(filters(model, noun));
    }
    if verb == Verb::Delete && model.kind() == Kind::User {
        parameters.push(components::reassign_to());
    }
    let told = Told { id: &id, summary: &summary, description: &description };
    operation(&told, Some(scope), parameters, body, responses)
}

fn special(special: &Special) -> Map<String, Value> {
    let Special { id, summary, description, scope, parameters, body, answer, .. } = special;
    let mut responses = failures(*scope, parameters, body.is_some());
    responses.insert(answer.status.to_string(), success(answer));
    let parameters = parameter_references(parameters);
    let body = body.as_ref().map(|body| Example { schema: reference(body.schema), value: (body.example)() });
    operation(&Told { id, summary, description }, *scope, parameters, body, responses)
}

fn page(page: &Page) -> Map<String, Value> {
    let schema = match page.schema {
        Some(schema) => reference(schema.name),
        None => json!({ "type": if page.content_type == "application/json" { "object" } else { "string" } }),
    };
    let content = json!({ page.content_type: { "schema": schema, "example": (page.example)() } });
    let success = json!({ "description": format!("{}.", page.summary), "content": content });
    let failures = page.failures.iter().map(|(status, name)| (*status, response_reference(name)));
    let mut responses = object_of(failures);
    responses.insert("200".to_owned(), success);
    responses.insert("400".to_owned(), response_reference("BadRequest"));
    let told = Told { id: page.id, summary: page.summary, description: page.description };
    operation(&told, None, Vec::new(), None, responses)
}

/// The id and the summary of a verb on records.
fn called(verb: Verb, noun: &str) -> (String, String) {
    let (name, many) = (names::name(noun), plural(noun));
    let one = with_article(noun);
    match verb {
        Verb::List => (format!("list{}", names::name(&many)), format!("List {many}")),
        Verb::Create => (format!("create{name}"), format!("Create {one}")),
        Verb::Get => (format!("get{name}"), format!("Get {one}")),
        Verb::Put => (format!("update{name}"), format!("Update {one}")),
        Verb::Patch => (format!("patch{name}"), format!("Update {one}, as `PUT` does")),
        Verb::Delete => (format!("delete{name}"), format!("Delete {one}")),
        Verb::Upsert => (format!("upsert{name}"), format!("Create {one}, or update the one that matches")),
        Verb::Bulk => {
            (format!("create{}", names::name(&many)), format!("Create 1 to {} {many}", limits::BULK_ITEMS))
        }
        Verb::GetPart => (format!("get{name}"), format!("Get the {noun}")),
        Verb::PutPart => (format!("update{name}"), format!("Update the {noun}")),
        Verb::History => (format!("list{name}History"), format!("List the changes of {one}")),
    }
}

/// The meaning of a verb on records, in sentences.
fn meaning(records: &Records) -> String {
    let Records { verb, noun, model, matched_by, .. } = *records;
    let one = with_article(noun);
    let needed = needed(model);
    match verb {
        Verb::List => format!(
            "{} in the order of their creation, or with `updatedSince` in the order of their last change. The filters all \
             apply at once. `Link` has the address of the next page.",
            sentence(&plural(noun))
        ),
        Verb::Create => format!(
            "Creates {one} with the members of the body. `Location` has its path, and `ETag` its version.{needed}"
        ),
        Verb::Get | Verb::GetPart => "`ETag` has the version of the record.".to_owned(),
        Verb::Put | Verb::Patch | Verb::PutPart => {
            "A member that is left out stays as it is, and `null` clears one. An \
             update that changes nothing leaves `updatedAt` and the feed as they are."
                .to_owned()
        }
        Verb::Delete => format!(
            "References to the {noun} become null, and the feed has each of these updates before the deletion: of few in one \
             transaction, of very many step by step, with the {noun} still there until the last is gone. There is no such \
             {noun} from then on, so a second request is answered 404."
        ),
        Verb::Upsert => {
            let keys = matched_by.map(|matched_by| matched_by.names(model)).unwrap_or_default();
            format!(
                "Updates the {noun} that has the same {keys} as the body, as `PUT` does. If there is none, it creates \
                 {one}, and the body must have all that a new one needs.{needed}",
                keys = in_code(&keys)
            )
        }
        Verb::Bulk => format!(
            "Each item is created by itself: an invalid one has an `error` among the results, and the others are created \
             in one transaction. `atomic=true` creates all of them or none.{needed}"
        ),
        Verb::History => format!(
            "From the newest change down, each with its caller and with the members that it changed. It reaches as far \
             back as the feed. The history of a deleted {noun} can still be read."
        ),
    }
}

/// The place of the ids that a body must have, for the ids of an example are those of no server.
fn needed(model: &Model) -> &'static str {
    let is_needed =
        |member: &Member| member.required && matches!(member.rule, Rule::Reference(Kind::Pipeline));
    if model.members().iter().any(is_needed) {
        " The pipeline and the stage must exist: put in ids that `GET /pipelines` answers, which a new tenant has, too."
    } else {
        ""
    }
}

fn parameters(verb: Verb) -> Vec<&'static str> {
    match verb {
        Verb::List => vec!["Limit", "Offset", "AfterRecord", "UpdatedSince", "Count", "Fields"],
        Verb::Get | Verb::GetPart => vec!["Id", "Fields", "IfNoneMatch"],
        Verb::Create => vec!["IdempotencyKey", "Prefer"],
        Verb::Put | Verb::Patch | Verb::PutPart => {
            vec!["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"]
        }
        Verb::Delete => vec!["Id", "IfMatch", "IfNoneMatchWrite", "IdempotencyKey"],
        Verb::Upsert => vec!["IfMatch", "IfNoneMatchWrite", "IdempotencyKey", "Prefer"],
        Verb::Bulk => vec!["Atomic", "IdempotencyKey"],
        Verb::History => vec!["Id", "Limit", "HistoryOffset", "AfterChange", "HistoryCount", "Fields"],
    }
}

fn body(records: &Records) -> Option<Example> {
    let Records { verb, noun, model, .. } = *records;
    let name = names::name(noun);
    let draft = || (reference(&format!("{name}Draft")), examples::draft(model, noun));
    let (schema, value) = match verb {
        Verb::List | Verb::Get | Verb::GetPart | Verb::Delete | Verb::History => return None,
        Verb::Create => draft(),
        Verb::Upsert => (reference(&format!("{name}Upsert")), examples::draft(model, noun)),
        Verb::Put | Verb::Patch | Verb::PutPart => {
            (reference(&format!("{name}Change")), examples::change(model, noun))
        }
        Verb::Bulk => {
            let (items, value) = draft();
            let array =
                json!({ "type": "array", "minItems": 1, "maxItems": limits::BULK_ITEMS, "items": items });
            (array, json!([value]))
        }
    };
    Some(Example { schema, value })
}

/// Responses to requests that succeed with a body.
fn answers(records: &Records) -> Vec<(&'static str, Value)> {
    const CREATED: &[&str] = &["ETag", "Location", "Idempotent-Replayed"];
    const UPDATED: &[&str] = &["ETag", "Idempotent-Replayed"];
    const REPLAYED: &[&str] = &["Idempotent-Replayed"];
    let Records { verb, noun, model, .. } = *records;
    let name = names::name(noun);
    let (whole, fields) = (reference(&name), reference(&format!("{name}Fields")));
    let example = || examples::whole(model, noun);
    let record = |description: &str, schema: &Value, headers: &[&str]| {
        response(description, schema, &example(), headers)
    };
    match verb {
        Verb::List => {
            let page = json!({ "type": "array", "items": fields });
            vec![(
                "200",
                response("A page of the list.", &page, &json!([example()]), &["Link", "X-Total-Count"]),
            )]
        }
        Verb::History => {
            let page = json!({ "type": "array", "items": reference(history::schema_name(model.kind())) });
            let example = json!([history::example(model.kind())]);
            let headers = &["Link", "X-Total-Count"];
            vec![("200", response("A page of the history.", &page, &example, headers))]
        }
        Verb::Get | Verb::GetPart => vec![("200", record("The record.", &fields, &["ETag"]))],
        Verb::Create => vec![("201", record("The record was created.", &whole, CREATED))],
        Verb::Put | Verb::Patch | Verb::PutPart => {
            vec![("200", record("The record as it is now.", &whole, UPDATED))]
        }
        Verb::Upsert => vec![
            ("200", record("The record that matched, updated.", &whole, UPDATED)),
            ("201", record("The record was created.", &whole, CREATED)),
        ],
        Verb::Delete => {
            let deleted = json!({ "id": examples::ID, "deleted": true });
            vec![("200", response("The record was deleted.", &reference("Deleted"), &deleted, REPLAYED))]
        }
        Verb::Bulk => {
            let results = reference("BulkResult");
            let (created, mixed) = (examples::bulk(false), examples::bulk(true));
            vec![
                (
                    "200",
                    response("Some items are invalid; the others were created.", &results, &mixed, REPLAYED),
                ),
                ("201", response("All records were created.", &results, &created, REPLAYED)),
            ]
        }
    }
}

fn success(answer: &ResponseSpec) -> Value {
    let example = (answer.example)();
    let (schema, example) = match answer.body {
        AnswerBody::One(name) => (reference(name), example),
        AnswerBody::ListOf(name) => (json!({ "type": "array", "items": reference(name) }), json!([example])),
    };
    response(answer.description, &schema, &example, answer.headers)
}

fn response(description: &str, schema: &Value, example: &Value, headers: &[&str]) -> Value {
    json!({
        "description": description,
        "headers": header_references(headers),
        "content": { "application/json": { "schema": schema, "example": example } },
    })
}

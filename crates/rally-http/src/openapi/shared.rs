//! Schemas that operations of several resources have.

use rally_core::{Code, Scope};
use serde_json::{Map, Value, json};

use super::{
    examples,
    values::{closed_set, count, instant, integer, reference, told, uuid},
};
use crate::{object::object_of, problem::Failure};

pub(super) fn schemas() -> Map<String, Value> {
    let named = [
        ("Problem", problem()),
        ("ProblemCode", problem_code()),
        ("Deleted", deleted()),
        ("BulkResult", bulk_result()),
        ("BulkItem", bulk_item()),
    ];
    let named = named.map(|(name, schema)| (name.to_owned(), schema));
    object_of(named.into_iter().chain([closed_set(Scope::SET)]))
}

fn text(description: &str, example: &str) -> Value {
    told(json!({ "type": "string" }), description, json!(example))
}

fn problem_code() -> Value {
    let mut codes: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for code in Failure::ALL.map(Failure::name) {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    json!({ "type": "string", "enum": codes, "description": "The kind of a failure." })
}

fn problem() -> Value {
    let errors = json!({ "type": "object", "additionalProperties": { "type": "array", "items": { "type": "string" } } });
    let faults = json!({ "email": ["is not an e-mail address"] });
    let ids = json!({ "type": "array", "items": uuid() });
    json!({
        "type": "object",
        "description": "A failure (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": told(
                json!({ "type": "string", "format": "uri" }),
                "A URI for the kind of the failure.",
                json!("https://rally.example/problems/validation"),
            ),
            "title": text("The kind of the failure, for people.", "Invalid input"),
            "status": told(integer(400, 599), "The status of the answer.", json!(400)),
            "code": told(reference("ProblemCode"), "The kind of the failure, for programs.", json!("validation")),
            "detail": text("A sentence on this failure.", "email is not an e-mail address"),
            "instance": text("The path; left out of the items of a bulk.", "/api/v1/contacts"),
            "traceId": text("`X-Request-Id`; left out of the items of a bulk.", "0f3c1f7a"),
            "errors": told(errors, "The faults of each member or parameter.", faults),
            "matchingIds": told(ids, "The records that match, of which there must be one.", json!([examples::ID])),
            "existingId": told(uuid(), "The record that has the natural key.", json!(examples::ID)),
            "requiredScope": told(reference("Scope"), "The scope that the credential lacks.", json!("admin")),
            "oldestChangedAt": told(instant(), "The oldest change that the feed still has.", json!(examples::INSTANT)),
        },
    })
}

fn deleted() -> Value {
    json!({
        "type": "object",
        "description": "The answer to a deletion.",
        "required": ["id", "deleted"],
        "properties": {
            "id": told(uuid(), "The record that was deleted.", json!(examples::ID)),
            "deleted": told(json!({ "type": "boolean" }), "Always true.", json!(true)),
        },
    })
}

fn bulk_result() -> Value {
    let results = json!({ "type": "array", "items": reference("BulkItem") });
    let example = json!([{ "index": 0, "status": 201, "id": examples::ID }]);
    json!({
        "type": "object",
        "description": "The results of the items of a bulk.",
        "required": ["created", "failed", "results"],
        "properties": {
            "created": told(integer(0, 100), "The number of records that were created.", json!(1)),
            "failed": told(integer(0, 100), "The number of items that are invalid.", json!(0)),
            "results": told(results, "A result for each item, in the order of the items.", example),
        },
    })
}

fn bulk_item() -> Value {
    json!({
        "type": "object",
        "description": "The result of an item of a bulk: an `id` or an `error`.",
        "required": ["index", "status"],
        "properties": {
            "index": told(count(0), "The place of the item, from 0.", json!(0)),
            "status": told(integer(200, 599), "The status that the item would be answered with alone.", json!(201)),
            "id": told(uuid(), "The record that was created.", json!(examples::ID)),
            "error": told(reference("Problem"), "The reason why no record was created.", examples::item_problem()),
        },
    })
}

use rally_core::{Kind, limits};
use serde_json::{Value, json};

use super::schemas::{instant, reference};

pub(super) fn parameters() -> Value {
    let mut all = query_parameters();
    if let (Some(all), Value::Object(headers)) = (all.as_object_mut(), header_parameters()) {
        all.extend(headers);
    }
    all
}

fn query_parameters() -> Value {
    let feed: Vec<&str> = Kind::IN_FEED.iter().map(|kind| kind.plural()).collect();
    json!({
        "Id": {
            "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" },
        },
        "Limit": query(
            "limit",
            "The most records of a page",
            &json!({ "type": "integer", "minimum": 1, "maximum": limits::PAGE, "default": limits::PAGE }),
        ),
        "Offset": query(
            "offset",
            "The number of records before the page",
            &json!({ "type": "integer", "minimum": 0, "default": 0 }),
        ),
        "UpdatedSince": query(
            "updatedSince",
            "Only records that changed after this instant, in the order of their last change",
            &instant(),
        ),
        "Count": query(
            "count",
            "`true` for the number of all records of the list in `X-Total-Count`",
            &json!({ "type": "boolean", "default": false }),
        ),
        "Fields": query("fields", "The members to answer, separated by commas", &json!({ "type": "string" })),
        "Atomic": query(
            "atomic",
            "`true` to create no record if one item is invalid",
            &json!({ "type": "boolean", "default": false }),
        ),
        "Since": query("since", "Only changes after this instant; this or `after` is required", &instant()),
        "After": query(
            "after",
            "Only changes after the one with this id, instead of `since`",
            &json!({ "type": "integer", "minimum": 0 }),
        ),
        "Entities": query(
            "entities",
            &format!("The kinds of record, separated by commas, of {}; without it, all of them", feed.join(", ")),
            &json!({ "type": "string" }),
        ),
        "FeedLimit": query(
            "limit",
            "The most changes of a page",
            &json!({ "type": "integer", "minimum": 1, "maximum": limits::FEED_PAGE, "default": limits::FEED_PAGE }),
        ),
    })
}

fn header_parameters() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "IfMatch": header("If-Match", "The `ETag` of the version to change; if the record has another, the answer is 412", &text),
        "IfNoneMatch": header("If-None-Match", "The `ETag` of a known version; if the record still has it, the answer is 304", &text),
        "IfNoneMatchWrite": header(
            "If-None-Match",
            "`*` to write only if there is no such record, or the `ETag`s of versions not to change; else the answer is 412",
            &text,
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            &format!("Repeated within {} hours, the write happens once", limits::IDEMPOTENCY_HOURS),
            &json!({ "type": "string", "minLength": 1, "maxLength": limits::IDEMPOTENCY_KEY }),
        ),
        "Prefer": header("Prefer", "`return=minimal` for an answer without a body", &text),
    })
}

pub(super) fn query(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn header(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": schema })
}

pub(super) fn headers() -> Value {
    let answer =
        |description: &str, kind: &str| json!({ "description": description, "schema": { "type": kind } });
    json!({
        "X-Request-Id": answer("The request's id, sent by the caller or made here; `traceId` in problems", "string"),
        "X-RateLimit-Limit": answer("Requests that a minute has in all", "integer"),
        "X-RateLimit-Remaining": answer("Requests left in this minute", "integer"),
        "X-RateLimit-Reset": answer("The beginning of the next minute, in Unix seconds", "integer"),
        "Retry-After": answer("Seconds to wait", "integer"),
        "ETag": answer("The version of the record", "string"),
        "Location": answer("The path of the new record", "string"),
        "Link": answer("Other pages (RFC 8288): `first`, `prev` and `next`", "string"),
        "X-Total-Count": answer("The number of records in all, if `count=true`", "integer"),
        "Idempotent-Replayed": answer("`true` if this is the stored answer to an earlier request", "string"),
        "Preference-Applied": answer("The preference that was honoured", "string"),
        "Accept-Encoding": answer("`identity` if the body was compressed, which is not read", "string"),
        "WWW-Authenticate": answer("The kinds of credential that are accepted", "string"),
    })
}

/// References to the headers of a response: those that are named, and those of every response.
pub(super) fn header_references(names: &[&str]) -> Value {
    let common = ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
    let all = common.iter().chain(names);
    all.map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}

pub(super) fn responses() -> Value {
    json!({
        "BadRequest": problem("The request is invalid, or a limit is passed", &[]),
        "Unauthorized": problem("No valid credential", &["WWW-Authenticate"]),
        "Forbidden": problem("The scope is too small; `requiredScope` names the missing one", &[]),
        "NotFound": problem("This tenant has no such record", &[]),
        "Conflict": problem("A request with this `Idempotency-Key` is still running", &[]),
        "PreconditionFailed": problem("The record is not in the state that `If-Match` or `If-None-Match` asks for", &[]),
        "PayloadTooLarge": problem("The body is too large", &[]),
        "UnsupportedMediaType": problem("The body is not JSON, or is compressed", &["Accept-Encoding"]),
        "IdempotencyMismatch": problem("This `Idempotency-Key` was used for another request", &[]),
        "TooManyRequests": problem("The requests of this minute are spent", &["Retry-After"]),
        "Internal": problem("A fault of the server's own; the log has it under `traceId`", &[]),
        "Unavailable": problem("The store cannot answer at present", &["Retry-After"]),
        "NotModified": { "description": "The caller already has this version", "headers": header_references(&["ETag"]) },
        "NoContent": {
            "description": "The write succeeded, and the caller asked for no body",
            "headers": header_references(&["ETag", "Location", "Preference-Applied"]),
        },
    })
}

fn problem(description: &str, headers: &[&str]) -> Value {
    json!({
        "description": description,
        "headers": header_references(headers),
        "content": { "application/problem+json": { "schema": reference("Problem") } },
    })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "ApiKey": { "type": "apiKey", "in": "header", "name": "X-Api-Key" },
        "Bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
    })
}

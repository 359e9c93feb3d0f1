//! Parameters, headers, responses and kinds of credential that operations share.

use rally_core::{Kind, limits};
use serde_json::{Value, json};

use super::{
    examples::{ETAG, ID, INSTANT},
    values::{count, instant, integer, reference, uuid},
};
use crate::{limits::FEED_WAIT_SECONDS, object::object_of};

pub(super) fn parameters() -> Value {
    let mut all = query_parameters();
    for more in [history_parameters(), feed_parameters(), delivery_parameters(), header_parameters()] {
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
    }
    all
}

fn query_parameters() -> Value {
    let offset = with_default(count(0), &json!(0));
    json!({
        "Id": {
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The id of the record.",
            "schema": uuid(),
            "example": ID,
        },
        "Limit": query(
            "limit",
            "The most records of a page.",
            with_default(bounded(1, limits::PAGE), &json!(limits::PAGE)),
            &json!(20),
        ),
        "Offset": query(
            "offset",
            "The number of records before the page. The page begins earlier, at the end of the page before, if records \
             have left the list since the same credential read that one.",
            offset,
            &json!(40),
        ),
        "AfterRecord": query(
            "after",
            "Only records that were created after the one with this id, which need not be there any more. Not with \
             `updatedSince`, whose list goes on by the `updatedAt` of its last record.",
            uuid(),
            &json!(ID),
        ),
        "UpdatedSince": query(
            "updatedSince",
            "Only records that changed after this instant, in the order of their last change.",
            instant(),
            &json!(INSTANT),
        ),
        "Count": query(
            "count",
            "`true` for the number of all records of the list in `X-Total-Count`.",
            with_default(json!({ "type": "boolean" }), &json!(false)),
            &json!(true),
        ),
        "Fields": fields("id,entityId,action"),
        "Atomic": query(
            "atomic",
            "`true` to create no record if one item is invalid.",
            with_default(json!({ "type": "boolean" }), &json!(false)),
            &json!(true),
        ),
    })
}

/// The parameter that names the members to answer.
pub(super) fn fields(example: &str) -> Value {
    query(
        "fields",
        "The members to answer, separated by commas; all of them if there is none.",
        json!({ "type": "string" }),
        &json!(example),
    )
}

/// The parameter that names the user who is responsible for a deleted user's records from then on.
pub(super) fn reassign_to() -> Value {
    query(
        "reassignTo",
        "Another user, who becomes the owner of all records that the deleted one owns. Without it they have no owner.",
        uuid(),
        &json!("0194c101-aca0-7001-9859-d4265eb01789"),
    )
}

fn history_parameters() -> Value {
    json!({
        "HistoryOffset": query(
            "offset",
            "The number of changes before the page.",
            with_default(count(0), &json!(0)),
            &json!(40),
        ),
        "AfterChange": query(
            "after",
            "Only changes older than the one with this id, which is one of the record's.",
            count(1),
            &json!(1042),
        ),
        "HistoryCount": query(
            "count",
            "`true` for the number of all changes of the record in `X-Total-Count`.",
            with_default(json!({ "type": "boolean" }), &json!(false)),
            &json!(true),
        ),
    })
}

fn feed_parameters() -> Value {
    let feed: Vec<&str> = Kind::IN_FEED.iter().map(|kind| kind.plural()).collect();
    let mut since = query(
        "since",
        "Only changes after this instant; this or `after` is required.",
        instant(),
        &json!(INSTANT),
    );
    // The one optional parameter that the page of the documentation is to send without being asked.
    if let Some(members) = since.as_object_mut() {
        members.insert("example".to_owned(), json!(INSTANT));
    }
    json!({
        "Since": since,
        "After": query(
            "after",
            "Only changes after the one with this id, instead of `since`.",
            count(0),
            &json!(1042),
        ),
        "Entities": query(
            "entities",
            &format!("The kinds of record, separated by commas, of {}; without it, all of them.", feed.join(", ")),
            json!({ "type": "string" }),
            &json!("contacts,deals"),
        ),
        "Wait": query(
            "wait",
            "Seconds to wait for the next change, if there is none yet; the answer comes with the first one. If too many \
             requests wait already, the answer is 503.",
            with_default(bounded(0, FEED_WAIT_SECONDS), &json!(0)),
            &json!(25),
        ),
        "FeedLimit": query(
            "limit",
            "The most changes of a page.",
            with_default(bounded(1, limits::FEED_PAGE), &json!(limits::FEED_PAGE)),
            &json!(500),
        ),
    })
}

fn delivery_parameters() -> Value {
    json!({
        "DeliveryId": {
            "name": "deliveryId",
            "in": "path",
            "required": true,
            "description": "The id of the delivery.",
            "schema": uuid(),
            "example": ID,
        },
        "AfterDelivery": query(
            "after",
            "Only deliveries behind the one with this id, which are older.",
            uuid(),
            &json!(ID),
        ),
        "DeliveriesUpdatedSince": query(
            "updatedSince",
            "Only deliveries that changed after this instant.",
            instant(),
            &json!(INSTANT),
        ),
        "DeliveryStatus": query(
            "status",
            "Only deliveries in this state.",
            reference("DeliveryStatus"),
            &json!("failed"),
        ),
        "EventType": query("eventType", "Only deliveries of events of this type.", reference("Event"), &json!("deal.won")),
    })
}

fn header_parameters() -> Value {
    let text = || json!({ "type": "string" });
    let key = json!({ "type": "string", "minLength": 1, "maxLength": limits::IDEMPOTENCY_KEY });
    json!({
        "IfMatch": header(
            "If-Match",
            "The `ETag` of the version to change; if the record has another, the answer is 412.",
            text(),
            &json!(ETAG),
        ),
        "IfNoneMatch": header(
            "If-None-Match",
            "The `ETag` of a known version; if the record still has it, the answer is 304.",
            text(),
            &json!(ETAG),
        ),
        "IfNoneMatchWrite": header(
            "If-None-Match",
            "`*` to write only if there is no such record, or the `ETag`s of versions not to change; else the answer is \
             412.",
            text(),
            &json!("*"),
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            &format!("Repeated within {} hours, the write happens once.", limits::IDEMPOTENCY_HOURS),
            key,
            &json!("9f2c6c1e-import-row-17"),
        ),
        "FeedEpoch": header(
            "X-Feed-Epoch",
            "The `X-Feed-Epoch` of the answer that the position is of. If changes up to that position may have been lost \
             since, as the feed was put back from a copy or its database has failed over, the answer is 400 `feed_reset`.",
            uuid(),
            &json!(ID),
        ),
        "Prefer": header("Prefer", "`return=minimal` for an answer without a body.", text(), &json!("return=minimal")),
    })
}

/// The schema of a whole number from `min` to one of the limits.
fn bounded(min: i64, max: usize) -> Value {
    integer(min, i64::try_from(max).unwrap_or(i64::MAX))
}

pub(super) fn with_default(mut schema: Value, default: &Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("default".to_owned(), default.clone());
    }
    schema
}

/// A parameter of the query, with an example in its schema: one beside it would be sent by the page of the
/// documentation, wanted or not.
pub(super) fn query(name: &str, description: &str, schema: Value, example: &Value) -> Value {
    parameter("query", name, description, schema, example)
}

fn header(name: &str, description: &str, schema: Value, example: &Value) -> Value {
    parameter("header", name, description, schema, example)
}

fn parameter(place: &str, name: &str, description: &str, mut schema: Value, example: &Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("examples".to_owned(), json!([example]));
    }
    json!({ "name": name, "in": place, "description": description, "schema": schema })
}

pub(super) fn headers() -> Value {
    let answer = |description: &str, schema: Value, example: Value| json!({ "description": description, "schema": schema, "example": example });
    let text = || json!({ "type": "string" });
    json!({
        "X-Request-Id": answer("The request's id, sent by the caller or made here; `traceId` in problems.", text(), json!("0f3c1f7a")),
        "X-RateLimit-Limit": answer("Requests that a minute has in all.", count(0), json!(1000)),
        "X-RateLimit-Remaining": answer("Requests left in this minute.", count(0), json!(997)),
        "X-RateLimit-Reset": answer("The beginning of the next minute, in Unix seconds.", count(0), json!(1_738_404_960)),
        "Retry-After": answer("Seconds to wait.", count(0), json!(17)),
        "ETag": answer("The version of the record.", text(), json!(ETAG)),
        "Location": answer("The path of the new record.", text(), json!(format!("/api/v1/contacts/{ID}"))),
        "Link": answer(
            "Other pages (RFC 8288): `first`, `prev` and `next`, which goes on behind the last record of this one.",
            text(),
            json!("</api/v1/contacts?offset=0>; rel=\"first\", </api/v1/contacts?after=0190c000-0000-7000-8000-000000000000>; rel=\"next\""),
        ),
        "X-Feed-Epoch": answer(
            "The epoch of the feed, to be kept with the position. It is another one once the feed was put back from a copy \
             or its database has failed over.",
            uuid(),
            json!(ID),
        ),
        "Content-Disposition": answer("The name of the file.", text(), json!("attachment; filename=\"contacts.csv\"")),
        "X-Total-Count": answer("The number of records in all, if `count=true`.", count(0), json!(4711)),
        "X-Feed-Position": answer(
            "The number of the last change that there is, of any kind: a reader that begins with what is to come begins `after` it.",
            count(0),
            json!(1042),
        ),
        "Idempotent-Replayed": answer("`true` if this is the stored answer to an earlier request.", text(), json!("true")),
        "Preference-Applied": answer("The preference that was honoured.", text(), json!("return=minimal")),
        "Accept-Encoding": answer(
            "`identity` if the body was compressed, which is not read.",
            text(),
            json!("identity"),
        ),
        "WWW-Authenticate": answer("The kinds of credential that are accepted.", text(), json!("Bearer")),
    })
}

/// References to the headers of a response: those that are named, and those of every response.
pub(super) fn header_references(names: &[&str]) -> Value {
    let common = ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"];
    let all = common.iter().chain(names);
    let reference = |name: &&str| json!({ "$ref": format!("#/components/headers/{name}") });
    object_of(all.map(|name| (*name, reference(name)))).into()
}

/// Each response to a failure: its name, its meaning, the headers that it has besides, and the problem of its example as
/// status, code, title and detail.
type Failures = [(
    &'static str,
    &'static str,
    &'static [&'static str],
    (u16, &'static str, &'static str, &'static str),
)];

const FAILURES: &Failures = &[
    (
        "BadRequest",
        "The request is invalid, or a limit is passed.",
        &[],
        (400, "validation", "Invalid input", "limit must be a whole number from 1 to 100"),
    ),
    (
        "Unauthorized",
        "No valid credential.",
        &["WWW-Authenticate"],
        (
            401,
            "unauthorized",
            "Unauthorized",
            "the credential is missing, malformed, unknown, expired or revoked",
        ),
    ),
    (
        "Forbidden",
        "The scope is too small; `requiredScope` names the missing one.",
        &[],
        (403, "forbidden", "Forbidden", "the scope of the credential is too small"),
    ),
    (
        "NotFound",
        "This tenant has no such record.",
        &[],
        (404, "not_found", "Not found", "there is no such contact"),
    ),
    (
        "Conflict",
        "A request with this `Idempotency-Key` is still running.",
        &[],
        (409, "conflict", "Conflict", "a request with this Idempotency-Key is still running"),
    ),
    (
        "PreconditionFailed",
        "The record is not in the state that `If-Match` or `If-None-Match` asks for.",
        &[],
        (412, "precondition_failed", "Precondition failed", "the record is at another version"),
    ),
    (
        "PayloadTooLarge",
        "The body is too large.",
        &[],
        (413, "payload_too_large", "Body too large", "the body is larger than 1048576 bytes"),
    ),
    (
        "UnsupportedMediaType",
        "The body is of another type than the operation takes, or is compressed.",
        &["Accept-Encoding"],
        (415, "unsupported_media_type", "Unsupported media type", "send the body as application/json"),
    ),
    (
        "IdempotencyMismatch",
        "This `Idempotency-Key` was used for another request.",
        &[],
        (
            422,
            "idempotency_mismatch",
            "Idempotency key reused",
            "this Idempotency-Key was used for another request",
        ),
    ),
    (
        "TooManyRequests",
        "The requests of this minute are spent: the tenant's, or without a valid credential those of the caller's address, \
         or the failed logins. The headers have the figures of that limit.",
        &["Retry-After"],
        (429, "rate_limited", "Too many requests", "the requests of this minute are spent"),
    ),
    (
        "Internal",
        "A fault of the server's own; the log has it under `traceId`.",
        &[],
        (500, "internal", "Internal error", "the server has failed"),
    ),
    (
        "Unavailable",
        "The store cannot answer at present, or there is no room for the request.",
        &["Retry-After"],
        (503, "unavailable", "Not available at present", "the store cannot answer at present; try again"),
    ),
];

pub(super) fn responses() -> Value {
    let mut all =
        object_of(FAILURES.iter().map(|(name, meaning, headers, (status, code, title, detail))| {
            let example = json!({
                "type": format!("https://rally.example/problems/{code}"),
                "title": title,
                "status": status,
                "code": code,
                "detail": detail,
                "instance": "/api/v1/contacts",
                "traceId": "0f3c1f7a",
            });
            (*name, problem(meaning, headers, &example))
        }));
    let unchanged = header_references(&["ETag"]);
    let written = header_references(&["ETag", "Location", "Preference-Applied"]);
    let empty = [
        (
            "NotModified",
            json!({ "description": "The caller already has this version.", "headers": unchanged }),
        ),
        (
            "NoContent",
            json!({ "description": "The write succeeded, and the caller asked for no body.", "headers": written }),
        ),
    ];
    all.extend(empty.map(|(name, response)| (name.to_owned(), response)));
    all.into()
}

fn problem(description: &str, headers: &[&str], example: &Value) -> Value {
    json!({
        "description": description,
        "headers": header_references(headers),
        "content": { "application/problem+json": { "schema": reference("Problem"), "example": example } },
    })
}

pub(super) fn security_schemes() -> Value {
    json!({
        "ApiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Api-Key",
            "description": "An API key: `rally keys create` prints one, and so does `createApiKey`.",
        },
        "Bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The token of a user: `logIn` answers one.",
        },
    })
}

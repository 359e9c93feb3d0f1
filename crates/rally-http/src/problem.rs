//! Errors as RFC 9457 problems.

use std::{collections::BTreeMap, fmt};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rally_core::{Code, Error, Timestamp};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::request_id::RequestId;

/// What the types of problems begin with.
pub(crate) const TYPES: &str = "https://rally.example/problems/";

/// An error on its way out. It becomes a body only at the door, where the request's id and path are known.
#[derive(Clone, Debug)]
pub(crate) struct Problem(pub(crate) Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = status(&self.0).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of an error. A conflict is one only for a caller who has asked for that by an idempotency key.
pub(crate) fn status(error: &Error) -> StatusCode {
    match error.code() {
        Code::Conflict if !error.is_under_way() => StatusCode::BAD_REQUEST,
        code => status_of(code),
    }
}

const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::Validation
        | Code::MalformedJson
        | Code::Duplicate
        | Code::Ambiguous
        | Code::BadReference
        | Code::LimitExceeded
        | Code::FeedTrimmed => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

const fn title(code: Code) -> &'static str {
    match code {
        Code::Validation => "Invalid input",
        Code::MalformedJson => "Malformed JSON",
        Code::Duplicate => "Duplicate record",
        Code::Ambiguous => "Several records match",
        Code::BadReference => "Reference to no record",
        Code::LimitExceeded => "Limit exceeded",
        Code::Unauthorized => "No valid credential",
        Code::Forbidden => "Scope too small",
        Code::NotFound => "Not found",
        Code::RateLimited => "Too many requests",
        Code::MethodNotAllowed => "Method not allowed",
        Code::PayloadTooLarge => "Body too large",
        Code::UnsupportedMediaType => "Unsupported media type",
        Code::Conflict => "Conflict",
        Code::PreconditionFailed => "Precondition failed",
        Code::IdempotencyMismatch => "Idempotency key used before",
        Code::FeedTrimmed => "Changes no longer kept",
        Code::Unavailable => "Not available at present",
        Code::Internal => "Internal error",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    existing_id: Option<Uuid>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    matching_ids: &'a [Uuid],
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "display")]
    required_scope: Option<rally_core::Scope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_changed_at: Option<Timestamp>,
}

fn display<S: Serializer>(value: &Option<impl fmt::Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

impl<'a> Members<'a> {
    fn of(error: &'a Error) -> Self {
        let code = error.code();
        Self {
            kind: format!("{TYPES}{}", code.name()),
            title: title(code),
            status: status(error).as_u16(),
            code: code.name(),
            detail: error.detail(),
            instance: None,
            trace_id: None,
            errors: error.faults().by_member(),
            existing_id: error.existing_id(),
            matching_ids: error.matching_ids(),
            required_scope: error.required_scope(),
            oldest_changed_at: error.oldest_change(),
        }
    }
}

/// Appends the problem of one item of a bulk. The request it belongs to is named by the answer as a whole.
pub(crate) fn write_item(error: &Error, out: &mut Vec<u8>) -> Result<(), Error> {
    serde_json::to_writer(out, &Members::of(error)).map_err(Error::internal)
}

/// Gives a response the body and the headers of a problem.
pub(crate) fn render(error: &Error, path: &str, id: &RequestId, response: &mut Response) {
    let members = Members { instance: Some(path), trace_id: Some(id.as_str()), ..Members::of(error) };
    let body = serde_json::to_vec(&members).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.remove(header::CONTENT_LENGTH);
    if let Some((name, value)) = header_of(error) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    *response.body_mut() = Body::from(body);
}

fn header_of(error: &Error) -> Option<(HeaderName, &'static str)> {
    match error.code() {
        Code::Unauthorized => {
            Some((header::WWW_AUTHENTICATE, "ApiKey realm=\"rally\", Bearer realm=\"rally\""))
        }
        // What may have happened is not to be repeated without a look.
        Code::Unavailable if !error.is_outcome_unknown() => Some((header::RETRY_AFTER, "1")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_statuses_are_answered() {
        for code in Code::ALL {
            let known = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503];
            assert!(known.contains(&status_of(code).as_u16()), "{code:?}");
        }
    }
}

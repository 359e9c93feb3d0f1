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

/// The prefix of a problem's type.
const TYPES: &str = "https://rally.example/problems/";

/// A failure on its way out. It becomes a body only in the middleware, where the request's id and path are known.
#[derive(Clone, Debug)]
pub(crate) enum Problem {
    /// A failure of the engine.
    Engine(Error),
    /// A failure that only HTTP has, with a sentence for the caller.
    Protocol(Failure, String),
}

/// A kind of failure that only HTTP has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The tenant's or the source's requests of this minute are spent.
    RateLimited,
    /// The path does not take the method.
    MethodNotAllowed,
    /// The body is larger than the path takes.
    PayloadTooLarge,
    /// The body is not of the type that the path takes.
    UnsupportedMediaType,
    /// The body is compressed or otherwise coded, which no path takes.
    UnsupportedContentCoding,
    /// There is no room for the request at present.
    Busy,
}

impl Failure {
    /// Every kind.
    pub(crate) const ALL: [Self; 6] = [
        Self::RateLimited,
        Self::MethodNotAllowed,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::UnsupportedContentCoding,
        Self::Busy,
    ];

    /// The name that callers see as `code`; two kinds may share one.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType | Self::UnsupportedContentCoding => "unsupported_media_type",
            Self::Busy => Code::Unavailable.name(),
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::RateLimited => "Too many requests",
            Self::MethodNotAllowed => "Method not allowed",
            Self::PayloadTooLarge => "Body too large",
            Self::UnsupportedMediaType | Self::UnsupportedContentCoding => "Unsupported media type",
            Self::Busy => title(Code::Unavailable),
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType | Self::UnsupportedContentCoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Problem {
    /// A failure that only HTTP has, with a sentence for the caller.
    pub(crate) fn new(failure: Failure, detail: impl Into<String>) -> Self {
        Self::Protocol(failure, detail.into())
    }

    /// No route has the path.
    pub(crate) fn no_such_path() -> Self {
        Error::new(Code::NotFound, "there is nothing at this path").into()
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Engine(error) => status(error),
            Self::Protocol(failure, _) => failure.status(),
        }
    }

    /// The header by which a response says more than its status.
    fn header(&self) -> Option<(HeaderName, &'static str)> {
        match self {
            Self::Engine(error) => header_of(error),
            // What a 415 that is about the coding must have, and one that is about the type must not (RFC 9110, 12.5.3).
            Self::Protocol(Failure::UnsupportedContentCoding, _) => {
                Some((header::ACCEPT_ENCODING, "identity"))
            }
            Self::Protocol(Failure::Busy, _) => Some((header::RETRY_AFTER, "1")),
            Self::Protocol(..) => None,
        }
    }

    /// Gives a response the body and the headers of this problem.
    pub(crate) fn render(&self, path: &str, id: &RequestId, response: &mut Response) {
        let members = match self {
            Self::Engine(error) => Members::of_error(error),
            Self::Protocol(failure, detail) => Members::of_failure(*failure, detail),
        };
        let members = Members { instance: Some(path), trace_id: Some(id.as_str()), ..members };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.remove(header::CONTENT_LENGTH);
        if let Some((name, value)) = self.header() {
            headers.insert(name, HeaderValue::from_static(value));
        }
        *response.body_mut() = Body::from(members.to_json());
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The status of an error. A conflict is 409 only if the same write is under way, which an idempotency key tells.
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
        | Code::FeedTrimmed
        | Code::FeedReset => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict => StatusCode::CONFLICT,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
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
        Code::Conflict => "Conflict",
        Code::PreconditionFailed => "Precondition failed",
        Code::IdempotencyMismatch => "Idempotency key used before",
        Code::FeedTrimmed => "Changes no longer kept",
        Code::FeedReset => "Changes of the feed lost",
        Code::Unavailable => "Not available at present",
        Code::Internal => "Internal error",
    }
}

static NO_FAULTS: BTreeMap<String, Vec<String>> = BTreeMap::new();

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
    fn of_error(error: &'a Error) -> Self {
        Self {
            errors: error.faults().by_member(),
            existing_id: error.existing_id(),
            matching_ids: error.matching_ids(),
            required_scope: error.required_scope(),
            oldest_changed_at: error.oldest_change(),
            ..Self::new(error.code().name(), title(error.code()), status(error), error.detail())
        }
    }

    fn of_failure(failure: Failure, detail: &'a str) -> Self {
        Self::new(failure.name(), failure.title(), failure.status(), detail)
    }

    #[expect(clippy::expect_used, reason = "texts and numbers always have a JSON form")]
    fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a problem has a JSON form")
    }

    /// The members that every problem has.
    fn new(code: &'static str, title: &'static str, status: StatusCode, detail: &'a str) -> Self {
        Self {
            kind: format!("{TYPES}{code}"),
            title,
            status: status.as_u16(),
            code,
            detail,
            instance: None,
            trace_id: None,
            errors: &NO_FAULTS,
            existing_id: None,
            matching_ids: &[],
            required_scope: None,
            oldest_changed_at: None,
        }
    }
}

/// The JSON of the problem of one item of a bulk, without the request's path and id.
pub(crate) fn item(error: &Error) -> Vec<u8> {
    Members::of_error(error).to_json()
}

fn header_of(error: &Error) -> Option<(HeaderName, &'static str)> {
    match error.code() {
        Code::Unauthorized => {
            Some((header::WWW_AUTHENTICATE, "ApiKey realm=\"rally\", Bearer realm=\"rally\""))
        }
        // A write that may have happened must not be repeated blindly.
        Code::Unavailable if !error.is_outcome_unknown() => Some((header::RETRY_AFTER, "1")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_statuses_are_answered() {
        let known = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503];
        for status in Code::ALL.iter().map(|code| status_of(*code)).chain(Failure::ALL.map(Failure::status)) {
            assert!(known.contains(&status.as_u16()), "{status}");
        }
    }
}

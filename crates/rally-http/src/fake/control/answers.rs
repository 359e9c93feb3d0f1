use axum::{http::StatusCode, response::Response};
use serde_json::Value;

use crate::{answer, problem::Problem};

/// The answer of a handler.
pub(super) type Answered = Result<Response, Problem>;

pub(super) fn ok(body: &Value) -> Response {
    answer::json(StatusCode::OK, body.to_string().into_bytes())
}

pub(super) fn created(body: &Value) -> Response {
    answer::json(StatusCode::CREATED, body.to_string().into_bytes())
}

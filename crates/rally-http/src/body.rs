use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use rally_core::{Code, Error};

use crate::problem::{Failure, Problem};

/// The longest time that a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the body of a request, of at most `limit` bytes, without parsing its JSON.
///
/// # Errors
/// [`Failure::UnsupportedMediaType`], [`Failure::PayloadTooLarge`], or [`Code::MalformedJson`] when it is cut off.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    check_type(headers)?;
    if declared_length(headers).is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await;
    match read {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Ok(Err(_)) => Err(cut_off("the body ended before it was whole")),
        Err(_) => Err(cut_off(format!("the body was not whole after {} seconds", PATIENCE.as_secs()))),
    }
}

/// Refuses any type but JSON. A body without a type is taken for JSON, as many small clients send none.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported("send the body without a Content-Encoding"));
    }
    match headers.get(header::CONTENT_TYPE) {
        Some(kind) if !kind.to_str().is_ok_and(is_json) => {
            Err(unsupported("send the body as application/json, in UTF-8"))
        }
        _ => Ok(()),
    }
}

fn is_json(kind: &str) -> bool {
    let (essence, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let essence = essence.trim().to_ascii_lowercase();
    let is_json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    is_json && parameters.split(';').all(is_no_other_charset)
}

fn is_no_other_charset(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")
        }
        _ => true,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn cut_off(detail: impl Into<String>) -> Problem {
    Error::new(Code::MalformedJson, detail).into()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Failure::PayloadTooLarge, format!("the body must not be larger than {limit} bytes"))
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(Failure::UnsupportedMediaType, detail)
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_goes_by_several_names() {
        for kind in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/merge-patch+json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in
            ["text/plain", "application/xml", "application/json; charset=latin1", "json", "", "text/json"]
        {
            assert!(!is_json(kind), "{kind}");
        }
    }
}

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of an id that a caller may choose.
const LONGEST: usize = 128;

/// What a request is called in its answer and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The id that the caller sent, if it is one that can be repeated in a header and in a line of a log; else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(sent) if is_sane(sent) => Self(sent.clone()),
            _ => Self::mint(),
        }
    }

    fn mint() -> Self {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none")))
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.0
    }
}

fn is_sane(sent: &HeaderValue) -> bool {
    (1..=LONGEST).contains(&sent.len()) && sent.as_bytes().iter().all(u8::is_ascii_graphic)
}

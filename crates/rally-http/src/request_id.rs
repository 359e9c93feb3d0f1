use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Builder, Uuid};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id that a caller chooses.
const LONGEST: usize = 128;

/// The name of a request in its answer and in the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestId {
    text: String,
    header: HeaderValue,
}

/// Makes ids for requests without one: UUIDs made of keyed hashes of a counter, which give away no count of requests.
/// Random bytes of the operating system would be a tenth of the cost of a small request.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    keys: (RandomState, RandomState),
    made: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Self {
        Self { keys: (RandomState::new(), RandomState::new()), made: AtomicU64::new(0) }
    }

    /// The id that the caller sent, if it can be repeated in a header and in a line of the log; else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> RequestId {
        match headers.get(X_REQUEST_ID).map(HeaderValue::to_str) {
            Some(Ok(sent)) if is_sane(sent) => RequestId::new(sent),
            _ => self.mint(),
        }
    }

    fn mint(&self) -> RequestId {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let halves = Uuid::from_u64_pair(self.keys.0.hash_one(number), self.keys.1.hash_one(number));
        let uuid = Builder::from_random_bytes(halves.into_bytes()).into_uuid();
        let mut text = Uuid::encode_buffer();
        RequestId::new(uuid.hyphenated().encode_lower(&mut text))
    }
}

impl RequestId {
    /// An id of visible ASCII characters.
    #[expect(clippy::expect_used, reason = "visible ASCII is always a header's value")]
    fn new(text: &str) -> Self {
        let header = HeaderValue::from_str(text).expect("an id is of visible ASCII characters");
        Self { text: text.to_owned(), header }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_header(self) -> HeaderValue {
        self.header
    }
}

fn is_sane(sent: &str) -> bool {
    (1..=LONGEST).contains(&sent.len()) && sent.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_ids_are_different_uuids_that_do_not_count() {
        let ids = RequestIds::new();
        let minted: Vec<Uuid> = (0..1_000).filter_map(|_| ids.mint().as_str().parse().ok()).collect();
        let distinct: std::collections::BTreeSet<Uuid> = minted.iter().copied().collect();
        assert_eq!(distinct.len(), 1_000);
        assert!(!minted.is_sorted());
    }
}

//! The outcome of an attempt, as a courier tells it.

use crate::base::Timestamp;

/// An attempt that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The receiver's answer, or why there is none, as the tenant is told it: `the connection was refused`.
    pub result: Result<Answered, String>,
    /// Milliseconds from the beginning to the end.
    pub duration_ms: u64,
}

/// The answer of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The status: 2xx is a success, and 410 switches the webhook off.
    pub status: u16,
    /// The wait that the receiver asks for.
    pub retry_after: Option<RetryAfter>,
    /// The beginning of the body; [`limits::ANSWER_BYTES`](crate::limits::ANSWER_BYTES) of it are kept.
    pub body: Vec<u8>,
}

/// A wait that a receiver asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds.
    Seconds(u64),
    /// Until an instant.
    At(Timestamp),
}

impl Attempted {
    /// An attempt that a receiver has answered.
    #[must_use]
    pub fn answered(status: u16, duration_ms: u64) -> Self {
        Self { result: Ok(Answered { status, ..Answered::default() }), duration_ms }
    }

    /// An attempt that has failed without an answer.
    #[must_use]
    pub fn failed(reason: impl Into<String>, duration_ms: u64) -> Self {
        Self { result: Err(reason.into()), duration_ms }
    }

    /// True when the receiver has taken the event.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(&self.result, Ok(answer) if (200..300).contains(&answer.status))
    }

    /// True when the receiver says that it is gone for good.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.status == 410)
    }
}

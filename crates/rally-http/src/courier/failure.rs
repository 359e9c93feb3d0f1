use std::{error::Error, fmt, time::Duration};

use rally_core::ForbiddenAddress;

/// The reason why a request has had no answer. Its text is for those who administer the tenant, so it names no address
/// that the server's own network knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The URL is none that webhooks may have; the phrase completes "the URL …".
    Url(String),
    /// The host cannot be looked up.
    Lookup(String),
    /// The host has no address.
    NoAddress,
    /// One of the host's addresses is none that webhooks are sent to.
    Forbidden(ForbiddenAddress),
    /// No connection was made to the host.
    Connect(String),
    /// No secure connection was made to the host.
    Tls(String),
    /// The connection ended before the answer, or the answer is not HTTP or out of bounds.
    Exchange(String),
    /// The time was over.
    TimedOut {
        /// The step that had not ended.
        step: Step,
        /// The time that all steps have together.
        after: Duration,
    },
}

/// The steps of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asking for the addresses of the host.
    Lookup,
    /// Making a connection.
    Connect,
    /// Making it secure.
    Tls,
    /// Sending the request and reading the head of the answer.
    Answer,
    /// Reading the body of the answer.
    Body,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(phrase) => write!(f, "the URL {phrase}"),
            Self::Lookup(reason) => write!(f, "the host was not found: {reason}"),
            Self::NoAddress => f.write_str("the host has no address"),
            Self::Forbidden(ForbiddenAddress { kind, .. }) => {
                write!(f, "the host leads to {kind}, where webhooks are not sent")
            }
            Self::Connect(reason) => write!(f, "no connection was made: {reason}"),
            Self::Tls(reason) => write!(f, "no secure connection was made: {reason}"),
            Self::Exchange(reason) => write!(f, "there was no valid answer: {reason}"),
            Self::TimedOut { step, after } => {
                write!(f, "{step} had not ended after {} s", after.as_secs_f64())
            }
        }
    }
}

impl Error for SendError {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lookup => "looking up the host",
            Self::Connect => "connecting",
            Self::Tls => "making the connection secure",
            Self::Answer => "waiting for the answer",
            Self::Body => "reading the body of the answer",
        })
    }
}

/// An error with its causes, as one text.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let told = inner.to_string();
        if !text.contains(&told) {
            text += ": ";
            text += &told;
        }
        cause = inner.source();
    }
    text
}

use std::{fmt, pin::Pin};

use axum::body::Bytes;

use super::{failure::SendError, retry_after::RetryAfter};

/// Work that is under way.
pub type Underway<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries requests to the receivers of webhooks.
pub trait Courier: fmt::Debug + Send + Sync + 'static {
    /// Sends one request, once.
    ///
    /// To be correct: it ends in bounded time, and follows no redirect. Dropped before that, it leaves nothing running.
    fn send(&self, request: WebhookRequest) -> Underway<'_, Result<WebhookResponse, SendError>>;
}

/// A request that carries an event: a `POST` of JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// The webhook's URL.
    pub url: String,
    /// Names and values of the headers that say which event it is and who has signed it.
    pub headers: Vec<(&'static str, String)>,
    /// The body, byte for byte what has been signed.
    pub body: Bytes,
}

/// The answer of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookResponse {
    /// The status.
    pub status: u16,
    /// The time until which the receiver asks not to be sent this again.
    pub retry_after: Option<RetryAfter>,
    /// The first bytes of the body, as they came: compressed ones stay compressed.
    pub body: Bytes,
}

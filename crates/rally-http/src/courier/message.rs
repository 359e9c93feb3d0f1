use std::{fmt, pin::Pin};

use axum::body::Bytes;
use rally_core::{Answered, Trace};

use super::failure::SendError;

/// Work that is under way.
pub type Underway<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries requests to the receivers of webhooks.
pub trait Courier: fmt::Debug + Send + Sync + 'static {
    /// Sends one request, once.
    ///
    /// To be correct: it ends in bounded time, and follows no redirect; what it answers is the first bytes of the body as they
    /// came, and bounded. Dropped before its end, it leaves nothing running.
    fn send(&self, request: WebhookRequest) -> Underway<'_, Result<Answered, SendError>>;
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
    /// The place in its trace of the request that the event follows from, if that had one.
    pub trace: Option<Trace>,
}

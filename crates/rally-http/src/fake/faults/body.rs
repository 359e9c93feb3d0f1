//! Bodies of answers that break off, or come slowly. Each says to be as long as it would have been.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::listener::Connection;

type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// A body of which so many bytes come; then the connection is closed.
pub(crate) fn truncated(body: Body, bytes: usize, connection: Option<Connection>) -> Body {
    Body::new(Truncated { body, left: bytes, connection })
}

/// A body of which so many bytes come at a time, after a pause each.
pub(crate) fn slowed(body: Body, bytes: usize, pause: Duration) -> Body {
    Body::new(Slowed { body, rest: Bytes::new(), bytes: bytes.max(1), pause, pausing: None })
}

struct Truncated {
    body: Body,
    left: usize,
    connection: Option<Connection>,
}

impl HttpBody for Truncated {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        if self.left == 0 {
            let Some(connection) = &self.connection else {
                return Poll::Ready(Some(Err(axum::Error::new("a fault has cut the body"))));
            };
            // What came before is sent with this very poll; then the connection ends.
            connection.close();
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let Ok(mut bytes) = frame.into_data() else { return Poll::Ready(None) };
        bytes.truncate(self.left);
        self.left -= bytes.len();
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

struct Slowed {
    body: Body,
    rest: Bytes,
    bytes: usize,
    pause: Duration,
    pausing: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Slowed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
            let Ok(bytes) = frame.into_data() else { return Poll::Ready(None) };
            self.rest = bytes;
        }
        let pause = self.pause;
        let pausing = self.pausing.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(pausing.as_mut().poll(cx));
        self.pausing = None;
        let piece = self.bytes.min(self.rest.len());
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, left) = (u64::try_from(self.rest.len()).unwrap_or(u64::MAX), self.body.size_hint());
        let mut whole = SizeHint::new();
        if let Some(upper) = left.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole.set_lower(left.lower().saturating_add(rest));
        whole
    }
}

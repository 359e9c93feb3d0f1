use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use parking_lot::Mutex;

/// The body of a request in HTTP/1, whose rest is left for [`Unread`] if whoever answers does not read all of it.
#[derive(Debug)]
pub(crate) struct RequestBody {
    body: Option<Incoming>,
    left: Arc<Mutex<Option<Left>>>,
    is_begun: bool,
}

/// The rest of a request's body.
#[derive(Debug)]
pub(crate) struct Unread(Arc<Mutex<Option<Left>>>);

/// A body that was dropped before its end.
#[derive(Debug)]
pub(crate) struct Left {
    body: Incoming,
    /// True if some of it was asked for, at which a caller who expects it is told to go on.
    pub(crate) is_begun: bool,
}

impl RequestBody {
    pub(crate) fn new(body: Incoming) -> (Self, Unread) {
        let left = Arc::new(Mutex::new(None));
        let unread = Unread(Arc::clone(&left));
        (Self { body: Some(body), left, is_begun: false }, unread)
    }
}

impl Unread {
    /// The body, if it was dropped before its end.
    pub(crate) fn take(self) -> Option<Left> {
        self.0.lock().take()
    }
}

impl Left {
    /// True if it may be longer than so many bytes.
    pub(crate) fn is_longer_than(&self, bytes: usize) -> bool {
        let longest = self.body.size_hint().upper().map(usize::try_from);
        matches!(longest, Some(Err(_))) || matches!(longest, Some(Ok(longest)) if longest > bytes)
    }

    /// Reads and drops the body to its end, unless that is further than so many bytes or so long away.
    pub(crate) async fn drain(mut self, bytes: usize, patience: Duration) {
        let mut left = bytes;
        let draining = async {
            while let Some(Ok(frame)) = self.body.frame().await {
                match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        // A caller who is slower loses the connection, and nothing else.
        drop(tokio::time::timeout(patience, draining).await);
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_begun = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && !body.is_end_stream()
        {
            *self.left.lock() = Some(Left { body, is_begun: self.is_begun });
        }
    }
}

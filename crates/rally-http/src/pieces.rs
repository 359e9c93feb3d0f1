//! Bodies whose bytes are seen on their way, and bytes that keep something until they have been sent.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

/// A body each of whose pieces passes through a function, which leaves its length as it is.
struct Seen<F> {
    body: Body,
    see: F,
}

/// Bytes, and what is dropped with them.
struct Keeping<T> {
    bytes: Bytes,
    _kept: T,
}

/// A body each of whose pieces passes through a function, which leaves its length as it is.
pub(crate) fn seen(body: Body, see: impl FnMut(Bytes) -> Bytes + Send + Unpin + 'static) -> Body {
    Body::new(Seen { body, see })
}

/// Bytes that keep something until the last of them is dropped.
pub(crate) fn keeping(bytes: Bytes, kept: impl Send + 'static) -> Bytes {
    Bytes::from_owner(Keeping { bytes, _kept: kept })
}

impl<T> AsRef<[u8]> for Keeping<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<F: FnMut(Bytes) -> Bytes + Unpin> HttpBody for Seen<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(polled.map(|frame| frame.map(|frame| frame.map_data(&mut self.see))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

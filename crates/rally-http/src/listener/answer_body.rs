use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::activity::Exchange;
use crate::pieces;

/// Bytes of an answer that are handed to a stream of HTTP/2 at once; it asks for more when the reader has room for them.
const PIECE: usize = 16 << 10;

/// The body of an answer, which tells how far its reader is. The exchange lasts until its last byte has been sent.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    body: Body,
    exchange: Arc<Exchange>,
    /// Bytes of the body that were not handed out.
    rest: Bytes,
    piece: usize,
}

impl AnswerBody {
    /// The body of an answer on a connection that carries others beside it.
    pub(crate) fn of_many(body: Body, exchange: Exchange) -> Self {
        Self::in_pieces(body, exchange, PIECE)
    }

    /// The body of the only answer that is under way on a connection, of which the socket tells how far its reader is.
    pub(crate) fn alone(body: Body, exchange: Exchange) -> Self {
        Self::in_pieces(body, exchange, usize::MAX)
    }

    fn in_pieces(body: Body, exchange: Exchange, piece: usize) -> Self {
        exchange.answer();
        Self { body, exchange: Arc::new(exchange), rest: Bytes::new(), piece }
    }

    fn piece(&mut self) -> Bytes {
        self.rest.split_to(self.rest.len().min(self.piece))
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.exchange.progress();
        if self.rest.is_empty() {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            if polled.is_pending() {
                // A file that is still being made: its reader is not the one who is late.
                self.exchange.wait();
            }
            let frame = match ready!(polled) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            self.exchange.answer();
            let bytes = match frame.into_data() {
                Ok(bytes) => bytes,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            };
            self.rest = pieces::keeping(bytes, Arc::clone(&self.exchange));
        }
        Poll::Ready(Some(Ok(Frame::data(self.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let left = self.body.size_hint();
        let mut whole = SizeHint::new();
        if let Some(upper) = left.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole.set_lower(left.lower().saturating_add(rest));
        whole
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{super::activity::Activity, *};

    #[tokio::test]
    async fn an_exchange_lasts_until_the_last_byte_is_dropped() {
        let activity = Activity::begin();
        let text = "x".repeat(PIECE + 1);
        let mut body = AnswerBody::of_many(Body::from(text.clone()), Exchange::begin(&activity));
        let length =
            |body: &AnswerBody| body.size_hint().exact().map(|length| usize::try_from(length).unwrap());
        assert_eq!(length(&body), Some(PIECE + 1));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((first.len(), length(&body), body.is_end_stream()), (PIECE, Some(1), false));
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!((last.len(), length(&body), body.is_end_stream()), (1, Some(0), true));
        drop((body, first));
        assert_eq!(activity.idle_since(), None, "a byte has not been sent");
        drop(last);
        assert!(activity.idle_since().is_some());
    }
}

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{activity::Activity, transport::Transport};

/// Bytes that are dropped at once.
const DROPPED: usize = 16 << 10;

/// A connection's socket, which tells what passes through it. Once its writing side is closed it goes on to read for a
/// while and drops what comes, as the kernel resets a connection that is closed with bytes unread, and the reset takes
/// the answer away from a caller who has not read it yet.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Transport,
    activity: Arc<Activity>,
    linger: Duration,
    /// Set once the writing side is closed.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(crate) fn new(stream: Transport, activity: Arc<Activity>, linger: Duration) -> Self {
        Self { stream, activity, linger, lingering: None }
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.activity.has_written();
        }
    }

    /// Writes at most so many bytes; to write more is an error, by which the connection ends.
    fn poll_write_some(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        may_send: usize,
    ) -> Poll<io::Result<usize>> {
        let some = bytes.get(..bytes.len().min(may_send)).unwrap_or_default();
        if some.is_empty() && !bytes.is_empty() {
            return Poll::Ready(Err(io::Error::other("a fault ends the connection here")));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, some);
        self.note(&written);
        if let Poll::Ready(Ok(sent)) = written {
            self.activity.count_sent(sent);
        }
        written
    }

    /// Reads and drops until the other side has closed the connection, too.
    fn poll_drop_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; DROPPED];
        loop {
            let mut rest = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest));
            if read.is_err() || rest.filled().is_empty() {
                return Poll::Ready(());
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        self.activity.has_read(into.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(may_send) = self.activity.may_send() {
            return self.poll_write_some(cx, bytes, may_send);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(may_send) = self.activity.may_send() {
            let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
            return self.poll_write_some(cx, first, may_send);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.lingering = Some(Box::pin(sleep(self.linger)));
        }
        let is_over = |lingering: &mut Pin<Box<Sleep>>| lingering.as_mut().poll(cx).is_ready();
        if self.lingering.as_mut().is_some_and(is_over) {
            return Poll::Ready(Ok(()));
        }
        self.poll_drop_rest(cx).map(Ok)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.activity.is_reset()
            && let Err(error) = self.stream.reset_when_closed()
        {
            tracing::debug!(%error, "a connection is closed in order rather than reset");
        }
    }
}

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use axum::body::{Body, Bytes};
use futures_util::stream::{self, StreamExt};
use rally_core::Error;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::SendError},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    app::App,
    budget::{Holder, Permit},
    lanes::{Party, Work},
    limits,
    problem::Problem,
};

/// Bytes that are handed on at once.
const PIECE: usize = 64 << 10;

/// Pieces that wait for the reader of an answer.
const PIECES: usize = 2;

/// A writer whose bytes become the body of an answer. It waits for the reader of the answer, and fails once that has left
/// or has been waited for too long.
#[derive(Debug)]
pub(crate) struct PipeWriter {
    sender: mpsc::Sender<Bytes>,
    piece: Vec<u8>,
    /// The time that the reader may still be waited for.
    patience: Duration,
    runtime: Handle,
}

/// The body of an answer while it is written.
#[derive(Debug)]
pub(crate) struct Pipe {
    receiver: mpsc::Receiver<Bytes>,
    /// The work that writes; `None` once it has been seen to end.
    work: Option<JoinHandle<Result<(), Error>>>,
}

/// Does some work whose output is the body of the answer. It returns once there is some of it.
///
/// # Errors
/// Those of the work, as long as it has not written anything, and
/// [`Failure::Busy`](crate::problem::Failure::Busy) if there is no room for what waits for the reader.
pub(crate) async fn written(
    app: &App,
    work: Work,
    party: Party,
    holder: Holder,
    write: impl FnOnce(&mut PipeWriter) -> Result<(), Error> + Send + 'static,
) -> Result<Body, Problem> {
    let permit = app.budget().take(holder, limits::FILE_MEMORY)?;
    let mut pipe = Pipe::begin(app, work, party, Box::new(write));
    match pipe.next().await {
        None => Ok(Body::empty()),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(first)) => Ok(pipe.into_body(first, permit)),
    }
}

/// Writing of a body. A box, as the runtime's part in it is compiled anew for each type of it.
type BoxedWriting = Box<dyn FnOnce(&mut PipeWriter) -> Result<(), Error> + Send>;

impl Pipe {
    fn begin(app: &App, work: Work, party: Party, write: BoxedWriting) -> Self {
        let (sender, receiver) = mpsc::channel(PIECES);
        let patience = app.config().files.export_patience;
        let mut writer = PipeWriter { sender, piece: Vec::new(), patience, runtime: Handle::current() };
        let app = app.clone();
        let work = tokio::spawn(async move {
            let whole = move || {
                write(&mut writer)?;
                // A reader who has left at the last piece is not missed.
                drop(writer.flush());
                Ok(())
            };
            app.run(work, party, whole).await
        });
        Self { receiver, work: Some(work) }
    }

    /// The next piece; `None` at the end of a body that is whole.
    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        if let Some(piece) = self.receiver.recv().await {
            return Some(Ok(piece));
        }
        match self.work.take()?.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(error)),
            Err(panicked) => Some(Err(Error::internal(panicked))),
        }
    }

    fn into_body(self, first: Bytes, permit: Permit) -> Body {
        let rest = stream::unfold((self, permit), async |(mut pipe, permit)| {
            let next = pipe.next().await?;
            if let Err(error) = &next {
                tracing::warn!(?error, "an answer that is a file was broken off");
            }
            Some((next, (pipe, permit)))
        });
        Body::from_stream(stream::once(async { Ok(first) }).chain(rest))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Work that still waits for its turn is not begun; what runs fails at its next piece.
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

impl PipeWriter {
    fn send(&mut self) -> io::Result<()> {
        let piece = Bytes::from(std::mem::take(&mut self.piece));
        let began = Instant::now();
        let sent = self.runtime.block_on(timeout(self.patience, self.sender.send(piece)));
        self.patience = self.patience.saturating_sub(began.elapsed());
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(SendError(_))) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the reader of the answer is too slow")),
        }
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Bytes;
use futures_util::{FutureExt, Stream, future::BoxFuture};
use multer::Multipart;
use parking_lot::Mutex;
use rally_core::{Error, Faults};

use super::spool::Spool;
use crate::{body::Incoming, limits, problem::Problem};

/// The name of the part that is the file.
const FILE: &str = "file";

/// Bytes that the parser of a form is given at once.
const PIECE: usize = 16 << 10;

/// The file of a form.
pub(crate) struct FormFile {
    pub(crate) spool: Spool,
    /// The type that the part is said to have.
    pub(crate) content_type: Option<String>,
    /// Bytes of the file.
    pub(crate) length: usize,
}

/// Reads a form that has one part, the file.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) for any other form, and for one that does not end; and the errors of
/// reading the body and of keeping the file.
pub(crate) async fn read(incoming: Incoming, boundary: &str, mut spool: Spool) -> Result<FormFile, Problem> {
    let shared = Arc::new(Shared::default());
    let mut form = Multipart::new(Pieces::new(incoming, Arc::clone(&shared)), boundary);
    let (mut is_found, mut content_type, mut length) = (false, None, 0);
    while let Some(mut part) = form.next_field().await.map_err(|error| shared.problem(&error))? {
        check(part.name(), is_found)?;
        is_found = true;
        content_type = part.content_type().map(ToString::to_string);
        while let Some(bytes) = part.chunk().await.map_err(|error| shared.problem(&error))? {
            shared.has_handed_on(bytes.len());
            length += bytes.len();
            spool = spool.write(&bytes).await?;
        }
    }
    if !is_found {
        return Err(bad_form("must be one part of the form, named file; there is none"));
    }
    Ok(FormFile { spool, content_type, length })
}

/// Refuses a part that is not the first of its name, or of another name.
fn check(name: Option<&str>, is_found: bool) -> Result<(), Problem> {
    match name {
        Some(FILE) if !is_found => Ok(()),
        Some(FILE) => Err(bad_form("is given twice; send one file at a time")),
        Some(name) => Err(bad_form(format!(
            "must be the only part of the form, which has a part {name:?}; parameters go into the query"
        ))),
        None => Err(bad_form("must be the only part of the form, which has a part without a name")),
    }
}

fn bad_form(phrase: impl Into<String>) -> Problem {
    Error::from(Faults::one(FILE, phrase)).into()
}

/// What the parser's stream of bytes and its user share.
#[derive(Default)]
struct Shared {
    /// The reason why there are no more bytes.
    failure: Mutex<Option<Problem>>,
    /// Bytes that the parser has and has not handed on.
    ahead: AtomicUsize,
}

impl Shared {
    fn has_handed_on(&self, bytes: usize) {
        let ahead = self.ahead.load(Ordering::Acquire);
        self.ahead.store(ahead.saturating_sub(bytes), Ordering::Release);
    }

    /// The failure behind one of the parser.
    fn problem(&self, error: &multer::Error) -> Problem {
        if let Some(problem) = self.failure.lock().take() {
            return problem;
        }
        match error {
            multer::Error::IncompleteStream
            | multer::Error::IncompleteFieldData { .. }
            | multer::Error::IncompleteHeaders => {
                bad_form("is in a form that ends before its last boundary; was all of it sent?")
            }
            _ => bad_form("is in a form that is not well-formed (RFC 7578)"),
        }
    }
}

/// The bytes of a body for the parser, which reads as much as it is given at once: so it is given one piece at a time, and
/// no more than a bound beyond what it has handed on.
struct Pieces {
    state: State,
    pieces: VecDeque<Bytes>,
    is_given: bool,
    shared: Arc<Shared>,
}

type Next = (Incoming, Result<Option<Bytes>, Problem>);

enum State {
    Idle(Incoming),
    Reading(BoxFuture<'static, Next>),
    Over,
}

impl Pieces {
    fn new(incoming: Incoming, shared: Arc<Shared>) -> Self {
        Self { state: State::Idle(incoming), pieces: VecDeque::new(), is_given: false, shared }
    }

    fn give(&mut self, piece: Bytes) -> io::Result<Bytes> {
        self.is_given = true;
        let ahead = self.shared.ahead.fetch_add(piece.len(), Ordering::AcqRel) + piece.len();
        if ahead > limits::FORM_HEAD_BYTES {
            let phrase = "is in a form whose first boundary, or the end of a part's headers, does not come";
            return Err(self.fail(bad_form(phrase)));
        }
        Ok(piece)
    }

    fn fail(&mut self, problem: Problem) -> io::Error {
        self.state = State::Over;
        *self.shared.failure.lock() = Some(problem);
        io::ErrorKind::InvalidData.into()
    }
}

impl Stream for Pieces {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if std::mem::take(&mut self.is_given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                return Poll::Ready(Some(self.give(piece)));
            }
            self.state = match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(None),
                State::Idle(mut incoming) => State::Reading(Box::pin(async move {
                    let next = incoming.next().await;
                    (incoming, next)
                })),
                State::Reading(mut reading) => match reading.poll_unpin(cx) {
                    Poll::Pending => {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready((incoming, Ok(Some(mut bytes)))) => {
                        while !bytes.is_empty() {
                            let piece = bytes.split_to(bytes.len().min(PIECE));
                            self.pieces.push_back(piece);
                        }
                        State::Idle(incoming)
                    }
                    Poll::Ready((_, Ok(None))) => State::Over,
                    Poll::Ready((_, Err(problem))) => return Poll::Ready(Some(Err(self.fail(problem)))),
                },
            };
        }
    }
}

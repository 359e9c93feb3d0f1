use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::options::ServeOptions;

/// The bytes that a connection of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The doings of one connection, told by its socket and its requests, from which its time-outs follow.
#[derive(Debug)]
pub(crate) struct Activity {
    state: Mutex<State>,
    evicted: Notify,
    ended: Notify,
    is_reset: AtomicBool,
    cut: Mutex<Option<Cut>>,
    has_cut: AtomicBool,
}

/// An end of the connection that is to come when so many bytes have been sent.
#[derive(Clone, Copy, Debug)]
struct Cut {
    left: usize,
    by_reset: bool,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    /// Requests whose answers have not been sent wholly.
    exchanges: usize,
    /// Those of them whose answers have begun.
    answers: usize,
    /// The instant at which the connection opened, or at which the last request ended.
    idle_since: Instant,
    /// The instant from which on the headers of a request are waited for: that of its first byte in HTTP/1, and that at
    /// which the connection opened for the first one.
    head_since: Option<Instant>,
    /// The last time that the reader of an answer has taken some of it, or that one has begun.
    progress_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// So many bytes are those of HTTP/2 so far.
    Unknown(usize),
    Http1,
    Http2,
}

/// The instant at which a connection is to be looked at again, and the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) reason: Reason,
}

/// The thing that a connection is late with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The rest of the headers of a request.
    Head,
    /// A request.
    Request,
    /// Taking an answer.
    Reading,
    /// Nothing: it waits for this server.
    Nothing,
}

impl Activity {
    pub(crate) fn begin() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self {
            state: Mutex::new(State {
                protocol: Protocol::Unknown(0),
                exchanges: 0,
                answers: 0,
                idle_since: now,
                head_since: Some(now),
                progress_at: now,
            }),
            evicted: Notify::new(),
            ended: Notify::new(),
            is_reset: AtomicBool::new(false),
            cut: Mutex::default(),
            has_cut: AtomicBool::new(false),
        })
    }

    /// Notes bytes that have come.
    pub(crate) fn has_read(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.protocol = state.protocol.after(bytes);
        if state.protocol == Protocol::Http2 {
            state.head_since = None;
        } else if state.exchanges == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// Notes that bytes were sent. In HTTP/2 they need not be those of an answer.
    pub(crate) fn has_written(&self) {
        let mut state = self.state.lock();
        if state.protocol != Protocol::Http2 {
            state.progress_at = Instant::now();
        }
    }

    /// The instant since which the connection has no request; `None` while it has one.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        (state.exchanges == 0).then_some(state.idle_since)
    }

    /// The connection's next time-out. It may move, but never to an instant sooner than the shortest time-out from now.
    pub(crate) fn due(&self, options: &ServeOptions) -> Due {
        let state = self.state.lock();
        let due = |since: Instant, timeout: Duration, reason| Due { at: since + timeout, reason };
        match (state.exchanges, state.answers, state.head_since) {
            (0, _, Some(since)) => due(since, options.head_timeout, Reason::Head),
            (0, _, None) => due(state.idle_since, options.idle_timeout, Reason::Request),
            (_, 0, _) => due(Instant::now(), options.write_timeout, Reason::Nothing),
            _ => due(state.progress_at, options.write_timeout, Reason::Reading),
        }
    }

    /// Asks for the connection to be closed at once, as another needs its place.
    pub(crate) fn evict(&self) {
        self.evicted.notify_one();
    }

    /// Returns once the connection has been asked to make room.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Notes that the connection is closed.
    pub(crate) fn end(&self) {
        self.ended.notify_one();
    }

    /// Returns once the connection is closed; for one that waits.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Has the connection reset when its socket is closed, rather than keep what the reader has not taken.
    pub(crate) fn reset(&self) {
        self.is_reset.store(true, Ordering::Release);
    }

    /// Has the connection end when so many more bytes have been sent.
    pub(crate) fn cut_after(&self, bytes: usize, by_reset: bool) {
        *self.cut.lock() = Some(Cut { left: bytes, by_reset });
        self.has_cut.store(true, Ordering::Release);
    }

    /// Bytes that may be sent; `None` if there is no bound. With the last of them the connection ends.
    pub(crate) fn may_send(&self) -> Option<usize> {
        if !self.has_cut.load(Ordering::Acquire) {
            return None;
        }
        let cut = (*self.cut.lock())?;
        if cut.left == 0 && cut.by_reset {
            self.reset();
        }
        Some(cut.left)
    }

    /// Notes bytes that were sent before the connection is to end.
    pub(crate) fn count_sent(&self, bytes: usize) {
        if let Some(cut) = self.cut.lock().as_mut() {
            cut.left = cut.left.saturating_sub(bytes);
        }
    }

    pub(crate) fn is_reset(&self) -> bool {
        self.is_reset.load(Ordering::Acquire)
    }
}

impl Protocol {
    /// The protocol as far as it shows once these bytes have come, too.
    fn after(self, bytes: &[u8]) -> Self {
        let Self::Unknown(matched) = self else { return self };
        let expected = PREFACE.get(matched..).unwrap_or_default();
        let compared = expected.len().min(bytes.len());
        if expected.get(..compared) != bytes.get(..compared) {
            Self::Http1
        } else if compared == expected.len() {
            Self::Http2
        } else {
            Self::Unknown(matched + compared)
        }
    }
}

/// A request that is under way until this is dropped, which is when all bytes of its answer have been sent.
#[derive(Debug)]
pub(crate) struct Exchange {
    activity: Arc<Activity>,
    is_answered: AtomicBool,
}

impl Exchange {
    pub(crate) fn begin(activity: &Arc<Activity>) -> Self {
        let mut state = activity.state.lock();
        state.exchanges += 1;
        state.head_since = None;
        drop(state);
        Self { activity: Arc::clone(activity), is_answered: AtomicBool::new(false) }
    }

    /// Notes that the answer is ready for its reader.
    pub(crate) fn answer(&self) {
        if !self.is_answered.swap(true, Ordering::AcqRel) {
            let mut state = self.activity.state.lock();
            state.answers += 1;
            state.progress_at = Instant::now();
        }
    }

    /// Notes that the reader has room for more of the answer.
    pub(crate) fn progress(&self) {
        self.activity.state.lock().progress_at = Instant::now();
    }

    /// Notes that the reader waits for more of the answer, which is not ready.
    pub(crate) fn wait(&self) {
        if self.is_answered.swap(false, Ordering::AcqRel) {
            self.activity.state.lock().answers -= 1;
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.activity.state.lock();
        if *self.is_answered.get_mut() {
            state.answers -= 1;
        }
        state.exchanges -= 1;
        state.progress_at = now;
        if state.exchanges == 0 {
            state.idle_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_shows_by_its_first_bytes_however_they_come() {
        let of = |pieces: &[&[u8]]| {
            pieces.iter().fold(Protocol::Unknown(0), |protocol, piece| protocol.after(piece))
        };
        let bytewise: Vec<&[u8]> = PREFACE.chunks(1).collect();
        assert_eq!(of(&bytewise), Protocol::Http2);
        assert_eq!(of(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", b"GET"]), Protocol::Http2);
        assert_eq!(of(&[b"P", b"RI"]), Protocol::Unknown(3));
        assert_eq!(of(&[b"P", b"OST /"]), Protocol::Http1);
        assert_eq!(of(&[b"G", PREFACE]), Protocol::Http1);
    }

    /// The instant that the next time-out counts from, and its reason.
    fn due(activity: &Activity) -> (Instant, Reason) {
        let options = ServeOptions::default();
        let Due { at, reason } = activity.due(&options);
        let timeout = match reason {
            Reason::Head => options.head_timeout,
            Reason::Request => options.idle_timeout,
            Reason::Reading | Reason::Nothing => options.write_timeout,
        };
        (at - timeout, reason)
    }

    #[test]
    fn time_outs_follow_from_what_a_connection_does() {
        let before = Instant::now();
        let activity = Activity::begin();
        let (opened, reason) = due(&activity);
        assert_eq!(reason, Reason::Head);
        assert!((before..=Instant::now()).contains(&opened));
        activity.has_read(b"GET");
        assert_eq!(due(&activity), (opened, reason));
        let exchange = Exchange::begin(&activity);
        assert_eq!((due(&activity).1, activity.idle_since()), (Reason::Nothing, None));
        exchange.answer();
        let answered = due(&activity);
        assert_eq!(answered.1, Reason::Reading);
        assert_eq!(due(&activity), answered);
        activity.has_written();
        assert!(due(&activity).0 > answered.0, "the reader has taken some of it");
        let ended = Instant::now();
        drop(exchange);
        let idle = due(&activity);
        assert!(idle.0 >= ended && idle.1 == Reason::Request);
        assert_eq!(activity.idle_since(), Some(idle.0));
        let sent = Instant::now();
        activity.has_read(b"GET");
        let begun = due(&activity);
        assert!(begun.0 >= sent && begun.1 == Reason::Head);
        activity.has_read(b" /");
        assert_eq!(due(&activity), begun, "the first byte counts");
    }

    #[test]
    fn a_reader_who_waits_for_the_answer_is_not_late() {
        let activity = Activity::begin();
        activity.has_read(b"GET");
        let exchange = Exchange::begin(&activity);
        exchange.answer();
        assert_eq!(due(&activity).1, Reason::Reading);
        exchange.wait();
        exchange.wait();
        assert_eq!(due(&activity).1, Reason::Nothing);
        exchange.answer();
        assert_eq!(due(&activity).1, Reason::Reading);
        exchange.wait();
        drop(exchange);
        assert_eq!(due(&activity).1, Reason::Request);
    }

    #[test]
    fn frames_that_are_no_answer_are_no_progress_in_http_2() {
        let activity = Activity::begin();
        let (opened, _) = due(&activity);
        activity.has_read(PREFACE);
        assert_eq!(due(&activity), (opened, Reason::Request));
        let exchange = Exchange::begin(&activity);
        exchange.answer();
        let answered = due(&activity);
        activity.has_written();
        activity.has_read(b"a ping");
        assert_eq!(due(&activity), answered);
        exchange.progress();
        assert!(due(&activity).0 > answered.0);
        drop(exchange);
        let idle = due(&activity);
        activity.has_read(b"a ping");
        activity.has_written();
        assert_eq!(due(&activity), idle);
    }
}

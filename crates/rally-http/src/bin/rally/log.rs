//! The log on standard error. Lines wait in a bounded queue for a thread that writes them, so that a log that nobody
//! reads, or that cannot be written, holds up no request: its lines are dropped, counted and told of.

use std::{
    collections::VecDeque,
    io::{self, Write},
    panic,
    str::FromStr,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::failure::Failure;

/// Bytes of the lines that wait to be written, at most: some seconds of a busy server.
const QUEUE_BYTES: usize = 4 << 20;
/// Bytes that are written at once, about.
const CHUNK_BYTES: usize = 64 << 10;
/// The longest time that the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of this process, whose last lines are written when this is dropped.
pub(crate) struct Log(Arc<Queue>);

/// The least level of the lines that are logged, for all modules and for some.
#[derive(Clone, Debug)]
pub(crate) struct Levels(Targets);

impl Levels {
    /// One level for all modules.
    pub(crate) fn from_level(level: LevelFilter) -> Self {
        Self(Targets::new().with_default(level))
    }
}

impl FromStr for Levels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A level alone that is none would be taken for the name of a module.
        let is_level = |level: &str| !level.is_empty() && level.parse::<LevelFilter>().is_ok();
        let is_module =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'));
        let is_sound = |part: &str| match part.split_once('=') {
            Some((module, level)) => is_module(module) && is_level(level),
            None => is_level(part),
        };
        match text.parse() {
            Ok(levels) if text.split(',').all(is_sound) => Ok(Self(levels)),
            _ => Err("must be a level (error, warn, info, debug, trace, off) or levels by module, as in \
                      warn,rally_http=debug"
                .to_owned()),
        }
    }
}

/// Starts the log.
pub(crate) fn start(json: bool, levels: Levels) -> Result<Log, Failure> {
    let log = Log::to(stderr()?, QUEUE_BYTES)?;
    let lines =
        fmt::layer().with_writer(Lines(Arc::clone(&log.0))).with_ansi(false).log_internal_errors(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> =
        if json { lines.json().boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(lines.with_filter(levels.0)).init();
    // The usual hook writes to standard error itself, where it may wait for ever.
    panic::set_hook(Box::new(|panicked| tracing::error!(%panicked, "a thread panicked")));
    Ok(log)
}

/// Standard error without the lock of the standard library, which a write that waits would hold.
#[cfg(unix)]
fn stderr() -> Result<impl Write + Send + 'static, Failure> {
    use std::os::fd::AsFd;
    let owned = io::stderr().as_fd().try_clone_to_owned();
    owned.map(std::fs::File::from).map_err(|error| Failure::new(format!("cannot write a log: {error}")))
}

#[cfg(not(unix))]
fn stderr() -> Result<impl Write + Send + 'static, Failure> {
    Ok(io::stderr())
}

impl Log {
    fn to(out: impl Write + Send + 'static, bytes: usize) -> Result<Self, Failure> {
        let queue = Arc::new(Queue { bytes, waiting: Mutex::default(), changed: Condvar::new() });
        let lines = Arc::clone(&queue);
        let started = thread::Builder::new().name("rally-log".to_owned()).spawn(move || lines.write_to(out));
        started.map_err(|error| Failure::new(format!("cannot start a thread for the log: {error}")))?;
        Ok(Self(queue))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.end(LAST_LINES);
    }
}

/// The lines that wait to be written.
struct Queue {
    /// Bytes of lines, at most.
    bytes: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Vec<u8>>,
    /// The bytes of the lines, and of those that are being written.
    bytes: usize,
    dropped: u64,
    is_ended: bool,
}

impl Queue {
    /// Adds a line, or drops it if too much waits.
    fn add(&self, line: &[u8]) {
        let mut waiting = self.waiting.lock();
        match waiting.bytes.checked_add(line.len()) {
            Some(bytes) if bytes <= self.bytes => {
                waiting.bytes = bytes;
                waiting.lines.push_back(line.to_vec());
                self.changed.notify_all();
            }
            _ => waiting.dropped += 1,
        }
    }

    /// Writes lines until the end of the log.
    fn write_to(&self, mut out: impl Write) {
        while let Some((count, chunk)) = self.next_chunk() {
            let written = out.write_all(&chunk).and_then(|()| out.flush());
            let mut waiting = self.waiting.lock();
            waiting.bytes -= chunk.len();
            self.changed.notify_all();
            if written.is_err() {
                waiting.dropped += count;
                continue;
            }
            let dropped = std::mem::take(&mut waiting.dropped);
            drop(waiting);
            if dropped > 0 {
                tracing::warn!(
                    lines = dropped,
                    "lines of the log were dropped, as they could not be written"
                );
            }
        }
    }

    /// The next lines to write, and their number; `None` once the log has ended and all is written.
    fn next_chunk(&self) -> Option<(u64, Vec<u8>)> {
        let mut waiting = self.waiting.lock();
        while waiting.lines.is_empty() {
            if waiting.is_ended {
                return None;
            }
            self.changed.wait(&mut waiting);
        }
        let (mut count, mut chunk) = (0, Vec::new());
        while chunk.len() < CHUNK_BYTES
            && let Some(line) = waiting.lines.pop_front()
        {
            count += 1;
            chunk.extend_from_slice(&line);
        }
        Some((count, chunk))
    }

    /// Waits until all lines are written, for so long at most.
    fn end(&self, patience: Duration) {
        let mut waiting = self.waiting.lock();
        waiting.is_ended = true;
        self.changed.notify_all();
        self.changed.wait_while_for(&mut waiting, |waiting| waiting.bytes > 0, patience);
    }
}

/// Makes writers that add lines to the queue.
struct Lines(Arc<Queue>);

/// Takes one line.
struct Line<'q>(&'q Queue);

impl<'q> MakeWriter<'q> for Lines {
    type Writer = Line<'q>;

    fn make_writer(&'q self) -> Line<'q> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A pipe whose reader takes each write when it likes, or has gone.
    struct Pipe {
        written: Sender<String>,
        may_go_on: Receiver<io::Result<()>>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.written.send(String::from_utf8_lossy(bytes).into_owned()).unwrap();
            self.may_go_on.recv().unwrap()?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A log of at most 40 bytes that waits, what is written of it, and the way to let a write go on.
    fn log() -> (Log, Receiver<String>, Sender<io::Result<()>>) {
        let (written, reader) = channel();
        let (allow, may_go_on) = channel();
        (Log::to(Pipe { written, may_go_on }, 40).unwrap(), reader, allow)
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for text in ["info", "OFF", "warn,rally_http=debug", "rally_http=trace"] {
            assert!(text.parse::<Levels>().is_ok(), "{text}");
        }
        for text in ["", "verbose", "rally_http", "info,", "rally_http=loud", "warn;rally_http=debug"] {
            assert!(text.parse::<Levels>().is_err(), "{text}");
        }
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_beyond_the_bound_and_counted() {
        let (log, reader, allow) = log();
        log.0.add(b"the first\n");
        assert_eq!(reader.recv().unwrap(), "the first\n");
        for _ in 0..10 {
            log.0.add(b"one of 10\n");
        }
        {
            let waiting = log.0.waiting.lock();
            assert_eq!((waiting.bytes, waiting.lines.len(), waiting.dropped), (40, 3, 7));
        }
        allow.send(Ok(())).unwrap();
        assert_eq!(reader.recv().unwrap(), "one of 10\n".repeat(3));
        assert_eq!(log.0.waiting.lock().dropped, 0, "it is told of them");
        allow.send(Ok(())).unwrap();
    }

    #[test]
    fn a_log_that_cannot_be_written_goes_on_and_counts() {
        let (log, reader, allow) = log();
        for _ in 0..3 {
            log.0.add(b"lost\n");
            assert_eq!(reader.recv().unwrap(), "lost\n");
            allow.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        }
        log.0.add(b"written\n");
        assert_eq!(reader.recv().unwrap(), "written\n");
        assert_eq!(log.0.waiting.lock().dropped, 3);
        allow.send(Ok(())).unwrap();
    }

    #[test]
    fn the_end_waits_for_the_last_lines_but_not_for_ever() {
        let (log, reader, allow) = log();
        log.0.add(b"last\n");
        assert_eq!(reader.recv().unwrap(), "last\n");
        log.0.end(Duration::from_millis(1));
        assert_eq!(log.0.waiting.lock().bytes, 5);
        allow.send(Ok(())).unwrap();
        drop(log);
        assert!(reader.recv().is_err(), "the thread has ended");
    }
}

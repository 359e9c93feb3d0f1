use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::file::identity;

/// The time for which a look at a file is good enough for readers.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A watch over the place of an open file, where another file, or none, may be put.
///
/// What is written to a file that is no longer there is lost with the process.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    begun: Instant,
    /// The milliseconds from the beginning to the next look.
    next_look: AtomicU64,
    is_gone: AtomicBool,
}

impl Watch {
    pub(crate) fn over(path: PathBuf, file: &File) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        let (next_look, is_gone) = (AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self { path, identity, begun: Instant::now(), next_look, is_gone })
    }

    /// Says why nothing may be written or read, if the file has gone, looking for it at most so many times a second.
    pub(crate) fn look_sometimes(&self) -> Option<String> {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < self.next_look.load(Ordering::Relaxed) {
            return if self.is_gone.load(Ordering::Acquire) { Some(self.reason()) } else { None };
        }
        let pause = u64::try_from(LOOK_EVERY.as_millis()).unwrap_or(u64::MAX);
        self.next_look.store(now.saturating_add(pause), Ordering::Relaxed);
        self.look()
    }

    /// Says why nothing may be written or read, if the file has gone.
    pub(crate) fn look(&self) -> Option<String> {
        let is_gone = match fs::metadata(&self.path) {
            Ok(metadata) => identity(&metadata) != self.identity,
            Err(_) => true,
        };
        let was_gone = self.is_gone.swap(is_gone, Ordering::AcqRel);
        match (was_gone, is_gone) {
            (false, true) => {
                tracing::error!("{}; nothing is read or written until it is back", self.reason())
            }
            (true, false) => tracing::info!("{} is back in its place", self.path.display()),
            _ => {}
        }
        if is_gone { Some(self.reason()) } else { None }
    }

    fn reason(&self) -> String {
        let path = self.path.display();
        format!("{path} has been deleted, moved or replaced while it was open; put it back, or start again")
    }
}

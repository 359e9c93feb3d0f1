use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The moment at which a part of the file found no space on the disk, unless it has found some since.
#[derive(Debug, Default)]
pub(crate) struct Full(Mutex<Option<Instant>>);

impl Full {
    /// Remembers that there was no space.
    pub(crate) fn note_full(&self, place: &str) {
        if self.0.lock().replace(Instant::now()).is_none() {
            tracing::error!(
                "the disk of {place} is full; what is there can be read, and records can be deleted; free some space"
            );
        }
    }

    /// Remembers that there was space.
    pub(crate) fn note_space(&self) {
        if self.0.lock().take().is_some() {
            tracing::info!("there is space for writing again");
        }
    }

    /// True for some time after there was no space.
    pub(crate) fn is_recent(&self, pause: Duration) -> bool {
        self.0.lock().is_some_and(|since| since.elapsed() < pause)
    }

    /// True until there was space again.
    pub(crate) fn is_noted(&self) -> bool {
        self.0.lock().is_some()
    }
}

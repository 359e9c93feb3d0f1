//! Figures of the file and of what is done to it, for whoever watches the store.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rally_core::{
    Tally,
    store::{CommitTally, Figures, FileFigures, duration_tally},
};

use crate::{database::Database, tree::Tree};

/// Counts since the store was opened.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) commits: CommitTally,
    /// The microseconds of each fold.
    pub(crate) folds: Tally<14>,
    /// States of the tree that were replaced, and may still be read.
    retired: Mutex<Vec<Retired>>,
}

/// A state of the tree, and the instant at which another one took its place.
struct Retired {
    at: Instant,
    tree: Weak<Tree>,
}

impl Watched {
    /// Notes that a state of the tree is about to be replaced.
    pub(crate) fn retire(&self, tree: &Arc<Tree>) {
        let mut retired = self.retired.lock();
        retired.retain(|old| old.tree.strong_count() > 0);
        retired.push(Retired { at: Instant::now(), tree: Arc::downgrade(tree) });
    }

    /// The time for which the oldest state that is still read has been replaced.
    fn oldest(&self) -> Duration {
        let retired = self.retired.lock();
        let oldest = retired.iter().find(|old| old.tree.strong_count() > 0);
        oldest.map_or(Duration::ZERO, |old| old.at.elapsed())
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self { commits: CommitTally::default(), folds: duration_tally(), retired: Mutex::default() }
    }
}

impl std::fmt::Debug for Retired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retired").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Database {
    pub(crate) fn figures(&self) -> Figures {
        let (live_bytes, journal_bytes): (_, usize) = match &*self.open.read() {
            Some(open) => {
                let layers = &open.layers;
                let waiting = [Some(&layers.active), layers.frozen.as_deref()];
                (open.tree.live_bytes, waiting.into_iter().flatten().map(|layer| layer.bytes).sum())
            }
            None => (None, 0),
        };
        let file = FileFigures {
            bytes: self
                .source
                .space()
                .taken_bytes()
                .or_else(|| self.source.storage().len().ok())
                .unwrap_or(0),
            live_bytes,
            journal_bytes: u64::try_from(journal_bytes).unwrap_or(u64::MAX),
            fold_micros: self.watched.folds.read(),
            oldest_snapshot: self.watched.oldest(),
            free_bytes: self.source.space().free_bytes(),
        };
        Figures { commits: Some(self.watched.commits.read()), file: Some(file), pool: None }
    }
}

//! Figures of an engine for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{
    base::{Distribution, Tally},
    store,
};

/// Figures of an engine since it was made, of all tenants together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Changes that it has put into feeds.
    pub changes: u64,
    /// Attempts to deliver an event whose outcome it was told.
    pub attempts: Attempts,
    /// Rows of files that it has imported.
    pub rows: ImportedRows,
    /// Figures of its store.
    pub store: store::Figures,
}

/// Attempts to deliver events, by what has come of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// The receiver has taken the event.
    pub succeeded: u64,
    /// The event is attempted again.
    pub retried: u64,
    /// The event is attempted no more.
    pub given_up: u64,
    /// The delivery was another's by then.
    pub lost: u64,
    /// The milliseconds that each has taken.
    pub millis: Distribution,
}

/// Rows of files, by what has come of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportedRows {
    /// Rows that have made a record.
    pub created: u64,
    /// Rows that have changed one.
    pub updated: u64,
    /// Rows that say what a record has already.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// The counts behind the figures.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) changes: Count,
    pub(crate) succeeded: Count,
    pub(crate) retried: Count,
    pub(crate) given_up: Count,
    pub(crate) lost: Count,
    pub(crate) millis: Tally<10>,
    pub(crate) rows_created: Count,
    pub(crate) rows_updated: Count,
    pub(crate) rows_unchanged: Count,
    pub(crate) rows_refused: Count,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for Counts {
    fn default() -> Self {
        let [changes, succeeded, retried, given_up, lost] = Default::default();
        let [rows_created, rows_updated, rows_unchanged, rows_refused] = Default::default();
        let millis = Tally::new([5, 10, 25, 50, 100, 250, 1_000, 2_500, 5_000, 15_000]);
        Self {
            changes,
            succeeded,
            retried,
            given_up,
            lost,
            millis,
            rows_created,
            rows_updated,
            rows_unchanged,
            rows_refused,
        }
    }
}

impl Counts {
    pub(super) fn read(&self, store: store::Figures) -> Figures {
        Figures {
            changes: self.changes.read(),
            attempts: Attempts {
                succeeded: self.succeeded.read(),
                retried: self.retried.read(),
                given_up: self.given_up.read(),
                lost: self.lost.read(),
                millis: self.millis.read(),
            },
            rows: ImportedRows {
                created: self.rows_created.read(),
                updated: self.rows_updated.read(),
                unchanged: self.rows_unchanged.read(),
                refused: self.rows_refused.read(),
            },
            store,
        }
    }
}

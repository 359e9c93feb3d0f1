use std::time::Duration;

use crate::base::{Distribution, Tally};

/// Figures of a store for whoever watches it; what a backend does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Commits since the store was opened.
    pub commits: Option<Commits>,
    /// The file that the records are in.
    pub file: Option<FileFigures>,
    /// The connections to the database that the records are in.
    pub pool: Option<PoolFigures>,
}

/// The commits of a store, failed ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    /// The microseconds that each has taken.
    pub micros: Distribution,
    /// The writes that have shared each.
    pub writes: Distribution,
}

/// The state of a file of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFigures {
    /// The bytes that the file takes, its holes left out where that can be known.
    pub bytes: u64,
    /// The bytes of the keys and values in their places in the file; `None` where nobody has counted from the beginning.
    pub live_bytes: Option<u64>,
    /// The bytes of memory for changes that are durable in the journal and not in their places yet.
    pub journal_bytes: u64,
    /// The microseconds that it has taken each time to put changes from the journal in their places.
    pub fold_micros: Distribution,
    /// The time for which a snapshot has kept a state of the file that has been replaced; zero if none does.
    pub oldest_snapshot: Duration,
    /// The bytes that are free on the disk, if that can be known.
    pub free_bytes: Option<u64>,
}

/// The state of the connections to a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolFigures {
    /// The connections that there may be.
    pub places: usize,
    /// Those of them that are in use.
    pub in_use: usize,
    /// The callers that wait for one.
    pub waiting: usize,
}

/// The commits of a backend, counted as they are made.
#[derive(Debug)]
pub struct CommitTally {
    micros: Tally<14>,
    writes: Tally<8>,
}

impl CommitTally {
    /// Counts a commit.
    pub fn add(&self, took: Duration, writes: usize) {
        self.micros.add(micros(took));
        self.writes.add(u64::try_from(writes).unwrap_or(u64::MAX));
    }

    /// The commits so far.
    #[must_use]
    pub fn read(&self) -> Commits {
        Commits { micros: self.micros.read(), writes: self.writes.read() }
    }
}

impl Default for CommitTally {
    fn default() -> Self {
        Self { micros: duration_tally(), writes: Tally::new([1, 2, 4, 8, 16, 32, 64, 128]) }
    }
}

/// A tally of microseconds, from a tenth of a millisecond up to 10 seconds.
#[must_use]
pub const fn duration_tally() -> Tally<14> {
    Tally::new([
        100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 2_500_000,
        10_000_000,
    ])
}

/// The whole microseconds of a time.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

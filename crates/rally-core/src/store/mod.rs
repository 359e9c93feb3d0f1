//! The contract of a backend: an ordered, transactional key-value store, divided by tenant.
//!
//! A write is a function from a tenant's newest state to a [`Batch`], which is a value: it can be printed, compared,
//! replayed and failed at will. A [`Key`] names no tenant; the store puts it there, so another tenant's record cannot
//! even be asked for. No transaction spans tenants.
//!
//! A backend implements [`Store`] and [`Snapshot`]. One whose commits are expensive implements [`GroupCommit`] as well
//! and writes through a [`GroupQueue`]. Each line under "To be correct" is a named property in `rally-testkit`, and a
//! backend runs them all with a few lines.

mod batch;
mod changes;
mod error;
mod figures;
mod group;
mod incarnation;
mod key;
mod memory;
mod overlay;
mod promise;
mod told;
mod tree;
mod turns;

use std::fmt::Debug;

use bytes::Bytes;

pub use batch::Batch;
pub use changes::Changes;
pub use error::StoreError;
pub use figures::{CommitTally, Commits, Figures, FileFigures, PoolFigures, duration_tally, micros};
pub use group::{Condition, GroupCommit, GroupOptions, GroupQueue};
pub use incarnation::Incarnation;
pub use key::{Key, KeyRange, Space};
pub(crate) use key::{read_instant, read_uuid};
pub use memory::MemoryStore;
pub use overlay::{Overlay, scan_changed};
pub use promise::CommitOutcome;
pub use tree::{PreparedChanges, Replaced};

use crate::base::TenantId;

/// An ordered key-value store that keeps each tenant's state apart and changes it by whole batches.
pub trait Store: Debug + Send + Sync + 'static {
    /// The sizes that this backend honours.
    ///
    /// To be correct:
    /// - they are at least [`Limits::LEAST`];
    /// - a batch within them is applied, one beyond them is refused with [`StoreError::TooLarge`] and changes nothing.
    fn limits(&self) -> Limits;

    /// True when other processes may change the same state while this one runs. What holds for a tenant as a whole, such
    /// as its rate limit, is then kept in the store and not in memory.
    fn is_shared(&self) -> bool;

    /// Checks that the state can be read at present. A backend whose reads may wait long gives this a limit of seconds.
    ///
    /// To be correct:
    /// - it succeeds while tenants can be read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be read.
    fn ready(&self) -> Result<(), StoreError> {
        self.snapshot(TenantId::DIRECTORY)?.get(&Key::new(Space(0)))?;
        Ok(())
    }

    /// Figures for whoever watches the store. Taking them is cheap, and waits for nobody for long.
    fn figures(&self) -> Figures {
        Figures::default()
    }

    /// A view of one tenant at one moment. The moment is fixed by the first read at the latest, so that over a network
    /// taking the view and the first read are one round trip.
    ///
    /// To be correct:
    /// - it shows every batch whose `write` had returned before it was taken, wholly, and of others all or nothing;
    /// - once it has been read, later writes never change what it shows;
    /// - it never shows a key of another tenant;
    /// - taking and reading it never waits for a writer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the state cannot be read at present.
    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// Changes a tenant's state by the batch that `build` makes of its newest state.
    ///
    /// To be correct:
    /// - `build` sees the effect of every write of this tenant that returned before, and no other write of this tenant
    ///   comes between what it sees and its batch;
    /// - the batch is applied wholly or not at all, and is durable when this returns [`Commit::Applied`], if the backend
    ///   promises durability;
    /// - when `build` aborts, or an error is returned that is not [`StoreError::CommitUnknown`], nothing has changed;
    /// - `build` may run again after a conflict, so it has no side effects; the last run's batch is the one applied;
    /// - an empty batch is applied without any cost;
    /// - writes of different tenants do not disturb one another.
    ///
    /// # Errors
    /// Each says what to do: see [`StoreError`]. One that `build` aborted with is returned as it is.
    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError>;
}

/// One tenant's state at one moment.
pub trait Snapshot {
    /// The value of a key.
    ///
    /// To be correct:
    /// - it is the value that the last batch put, byte for byte, or `None` if no batch put one or the last one deleted
    ///   it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError>;

    /// The values of many keys, in the order of the keys asked for.
    ///
    /// To be correct:
    /// - it answers what `get` would for each, repeated and missing keys too.
    ///
    /// # Errors
    /// Those of [`get`](Snapshot::get).
    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Announces keys that `get` and `get_many` are going to be asked for. A store behind a network reads them all in
    /// one round trip; others have nothing to do.
    ///
    /// To be correct:
    /// - it changes no answer.
    ///
    /// # Errors
    /// Those of [`get`](Snapshot::get).
    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let _ = keys;
        Ok(())
    }

    /// The first `limit` entries of a range, in the direction given.
    ///
    /// To be correct:
    /// - entries are ordered by the bytes of their keys, each once, none missing, none from another space or tenant;
    /// - a range without an end stops at the end of its space, the last space (`0xFF`) included;
    /// - a range that is empty or upside down has no entries.
    ///
    /// # Errors
    /// Those of [`get`](Snapshot::get).
    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// The incarnation of the database that the state is of. A store that can lose none of its commits by itself has one.
    ///
    /// To be correct:
    /// - it is another one than that of a state which had a batch that this one lacks;
    /// - it stays the same as long as nothing else takes the database's place;
    /// - once the snapshot has been read, telling it costs nothing.
    ///
    /// # Errors
    /// Those of [`get`](Snapshot::get).
    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        Ok(Incarnation::ONLY)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: Snapshot + ?Sized> Snapshot for &S {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        (**self).get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        (**self).get_many(keys)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        (**self).prefetch(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        (**self).scan(range, direction, limit)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        (**self).incarnation()
    }
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Bytes,
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the least key up.
    Forward,
    /// From the greatest key down.
    Backward,
}

/// The outcome of a write that did not fail.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// The batch was applied.
    Applied,
    /// `build` refused to make one; nothing has changed.
    Refused,
}

/// The reason for which a `build` makes no batch.
#[derive(Debug)]
pub enum Abort {
    /// The writer has decided against it and keeps the reason itself.
    Refused,
    /// The state could not be read.
    Store(StoreError),
}

impl From<StoreError> for Abort {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The sizes that a backend honours, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest key.
    pub key_bytes: usize,
    /// The longest value.
    pub value_bytes: usize,
    /// The largest batch: its keys and values together.
    pub batch_bytes: usize,
}

impl Limits {
    /// The least that every backend honours. A key of 2 KiB is about what an index of PostgreSQL takes; the longest of
    /// the engine's own is a name of 255 characters, which case folding can make 1,530 bytes. The largest record is a
    /// deal with six texts of 65,536 bytes, each of which can be twice that as JSON text.
    pub const LEAST: Limits = Limits { key_bytes: 2 << 10, value_bytes: 1 << 20, batch_bytes: 64 << 20 };

    /// Checks a batch, as every backend does before it changes anything.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] with the first size that is over.
    pub fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        self.measure(batch).map(drop)
    }

    /// [`check`](Self::check), which gives the bytes of the batch.
    pub(crate) fn measure(&self, batch: &Batch) -> Result<usize, StoreError> {
        let mut total = 0usize;
        for (key, value) in batch.iter() {
            let value_bytes = value.map_or(0, |value| value.len());
            check_size("key", key.as_bytes().len(), self.key_bytes)?;
            check_size("value", value_bytes, self.value_bytes)?;
            total = total.saturating_add(key.as_bytes().len()).saturating_add(value_bytes);
        }
        check_size("batch", total, self.batch_bytes)?;
        Ok(total)
    }
}

fn check_size(what: &'static str, bytes: usize, limit: usize) -> Result<(), StoreError> {
    if bytes > limit { Err(StoreError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

use std::{
    fmt,
    path::{self, Path},
    sync::Arc,
};

use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, GroupOptions, GroupQueue, Limits, Snapshot, Store, StoreError},
};
use redb::{StorageBackend, backends::InMemoryBackend};

use crate::{
    OpenError, Options,
    database::{Database, Head, Transaction, closed},
    snapshot::{Durable, Newest},
    source::Source,
    storage::Storage,
};

const LIMITS: Limits = Limits { key_bytes: 8 << 10, value_bytes: 16 << 20, batch_bytes: 256 << 20 };

/// A [`Store`] in one file.
///
/// A `build` must not write to the store that runs it: it would wait for itself.
pub struct RedbStore {
    database: Database,
    queue: GroupQueue<Transaction, Head>,
}

impl RedbStore {
    /// Opens a file, or makes it if there is none; the folder must be there.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do about it.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        Self::open_with_progress(path, options, |_| {})
    }

    /// Opens a file as [`open`](Self::open) does, and says how far its recovery is, if it needs one.
    ///
    /// A file that was not [closed](Self::close) is read as a whole, unless it was written with
    /// [`Durability::Strict`](crate::Durability::Strict). Meanwhile `progress` is given fractions from 0 to 1, none
    /// less than the one before; for a file that needs no recovery it is never called.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with_progress(
        path: impl AsRef<Path>,
        options: Options,
        progress: impl Fn(f64) + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let place = path.as_ref().display().to_string();
        // The store may have to look for the file after the program has changed its folder.
        let path = path::absolute(path).map_err(|error| OpenError::from_io(&place, error))?;
        Self::start(Source::file(&path, place, options)?.with_progress(Arc::new(progress)))
    }

    /// An empty store in memory, which has everything of the one in a file but its durability.
    ///
    /// # Errors
    /// None is known.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        Self::with_backend(InMemoryBackend::new(), options)
    }

    /// Opens a database on any backend, and makes it if the backend is empty.
    ///
    /// The backend is kept until the store is closed or dropped, and everything that was done to it stands when the
    /// store opens its database again after a failure.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn with_backend(backend: impl StorageBackend, options: Options) -> Result<Self, OpenError> {
        let storage = Storage::new(Box::new(backend));
        Self::start(Source::backend(storage, "the given storage".to_owned(), &options)?)
    }

    /// Closes the store for good, once the writes that have begun are committed, so that the next opening takes no time.
    ///
    /// Reads and writes are unavailable from then on, through other references and snapshots as well. Dropping the
    /// store closes it, too, but only when nobody refers to it. Closing it again does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file could not be left as it should be, so that the next opening recovers it.
    pub fn close(&self) -> Result<(), StoreError> {
        self.queue.in_turn(&self.database, |head| self.database.close(head))
    }

    fn start(source: Source) -> Result<Self, OpenError> {
        let groups = groups(source.options());
        let (database, head) = Database::open(source)?;
        Ok(Self { database, queue: GroupQueue::new(groups, head) })
    }

    fn newest(&self) -> Result<Arc<Newest>, StoreError> {
        self.database.look_for_file()?;
        if let Some(newest) = self.database.newest() {
            return Ok(newest);
        }
        // A reader waits for no writer: the one whose turn it is will open the store again, or leave it to a later call.
        self.queue.try_idle(|head| self.newest_reopened(head)).ok_or_else(closed)?
    }

    fn newest_reopened(&self, head: &mut Head) -> Result<Arc<Newest>, StoreError> {
        if self.database.newest().is_none() {
            self.database.reopen(head)?;
        }
        self.database.newest().ok_or_else(closed)
    }
}

impl Store for RedbStore {
    fn limits(&self) -> Limits {
        LIMITS
    }

    /// A file has one owner at a time.
    fn is_shared(&self) -> bool {
        false
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(Durable::new(self.newest()?, tenant)))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.queue.write(&self.database, tenant, build)
    }
}

/// One attempt: a commit is lost when the disk fails, and another one would fail with it.
fn groups(options: &Options) -> GroupOptions {
    GroupOptions {
        limits: LIMITS,
        members: GroupOptions::MEMBERS,
        bytes: 64 << 20,
        time: options.group_time,
        attempts: 1,
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

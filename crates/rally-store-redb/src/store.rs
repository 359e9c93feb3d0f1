use std::{
    fmt,
    fs::File,
    path::{self, Path},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Figures, GroupOptions, GroupQueue, Limits, Snapshot, Store, StoreError},
};
use redb::{
    StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use crate::{
    Folding, OpenError, Options,
    database::{Database, Head, closed},
    folder::{self, Signal},
    journal::Journal,
    layers::batch_bytes,
    snapshot::State,
    source::Source,
    storage::Storage,
    transaction::Transaction,
};

const LIMITS: Limits = Limits { key_bytes: 8 << 10, value_bytes: 16 << 20, batch_bytes: 256 << 20 };

/// The journal of a store in memory, in bytes: nothing of it is durable, so it is as small as it may be.
const MEMORY_JOURNAL: u64 = 1 << 20;

/// A [`Store`] in one file.
///
/// A `build` must not write to the store that runs it: it would wait for itself.
pub struct RedbStore {
    shared: Arc<Shared>,
    /// `None` if the host folds, and once the thread has ended.
    folder: Mutex<Option<JoinHandle<()>>>,
}

/// The part of a store that its thread shares.
pub(crate) struct Shared {
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

    /// Opens a file as [`open`](Self::open) does, and says how far its recovery or its conversion is, if it needs one.
    ///
    /// The journal of a file that was not [closed](Self::close) is read again, and a file of an older format is converted;
    /// one of a newer format is refused. Meanwhile `progress` is given fractions
    /// from 0 to 1, none less than the one before, for each of the two; for a file that needs neither it is never called.
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
        let journal_bytes = options.journal_bytes.min(MEMORY_JOURNAL);
        Self::with_backend(InMemoryBackend::new(), Options { journal_bytes, ..options })
    }

    /// An empty store in a file that is to be forgotten with it, in as little memory as does: for what is only tried, and
    /// is more than memory is for. The file must be empty, and is best one without a name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn temporary(file: File) -> Result<Self, OpenError> {
        let place = "the temporary file";
        let backend = FileBackend::new(file).map_err(|error| OpenError::from_database(place, error))?;
        Self::with_backend(backend, Options::temporary())
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

    /// Closes the store for good, once the writes that have begun are in the tree, so that the next opening takes no time.
    ///
    /// Reads and writes are unavailable from then on, through other references and snapshots as well. Dropping the
    /// store closes it, too, but only when nobody refers to it. Closing it again does nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file could not be left as it should be, so that the next opening recovers it.
    pub fn close(&self) -> Result<(), StoreError> {
        let Shared { database, queue } = &*self.shared;
        queue.in_turn(database, |head| database.close(head))
    }

    /// Takes what is in the journal to its places in the tree, and waits until it is there.
    ///
    /// A host that has chosen [`Folding::Host`] calls this now and then, so that no writer ever has to.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`]. What was written stays in the journal, and is shown from
    /// there.
    pub fn fold(&self) -> Result<(), StoreError> {
        // A layer may be under way already, so that the newest changes are in the next one.
        for _ in 0..2 {
            self.shared.heal()?;
            self.shared.freeze();
            self.shared.fold_frozen()?;
        }
        Ok(())
    }

    fn start(source: Source) -> Result<Self, OpenError> {
        let groups = groups(&source);
        let (folding, place) = (source.options().folding, source.place().to_owned());
        let (database, head) = Database::open(source)?;
        let shared = Arc::new(Shared { database, queue: GroupQueue::new(groups, head) });
        let folder = match folding {
            Folding::Background => Some(folder::start(Arc::clone(&shared))),
            Folding::Host => None,
        };
        let folder = folder.transpose().map_err(|error| OpenError::from_io(&place, error))?;
        Ok(Self { shared, folder: Mutex::new(folder) })
    }
}

impl Shared {
    pub(crate) fn options(&self) -> &Options {
        self.database.options()
    }

    pub(crate) fn signal(&self) -> &Signal {
        &self.database.signal
    }

    /// Sets what is in the journal aside to be folded, unless something is already.
    pub(crate) fn freeze(&self) {
        self.queue.in_turn(&self.database, |_| self.database.freeze());
    }

    pub(crate) fn fold_frozen(&self) -> Result<(), StoreError> {
        self.database.fold_frozen()
    }

    /// Opens the database again if it has failed.
    pub(crate) fn heal(&self) -> Result<(), StoreError> {
        self.queue.in_turn(&self.database, |head| self.database.heal(head))
    }

    /// The time that a writer waits for having written so many bytes. A host that folds has its own ways.
    fn pause(&self, bytes: usize) -> Duration {
        match self.options().folding {
            Folding::Background => self.database.pause(bytes),
            Folding::Host => Duration::ZERO,
        }
    }

    fn newest(&self, tenant: TenantId) -> Result<State, StoreError> {
        self.database.look_for_file()?;
        if let Some(newest) = self.database.newest(tenant) {
            return Ok(newest);
        }
        // A reader waits for no writer: the one whose turn it is will open the store again, or leave it to a later call.
        self.queue.try_idle(|head| self.database.heal(head)).ok_or_else(closed)??;
        self.database.newest(tenant).ok_or_else(closed)
    }
}

impl Drop for RedbStore {
    fn drop(&mut self) {
        self.shared.signal().end();
        if let Some(folder) = self.folder.lock().take() {
            // It has nothing to say, even if it has panicked.
            drop(folder.join());
        }
        if let Err(error) = self.close() {
            tracing::warn!("the store could not be closed; the next opening recovers it: {error}");
        }
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

    fn figures(&self) -> Figures {
        self.shared.database.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(self.shared.newest(tenant)?))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let Shared { database, queue } = &*self.shared;
        let mut bytes = 0;
        let commit = queue.write(database, tenant, &mut |state| {
            let batch = build(state)?;
            bytes = batch_bytes(&batch);
            Ok(batch)
        })?;
        let pause = if commit == Commit::Applied { self.shared.pause(bytes) } else { Duration::ZERO };
        if !pause.is_zero() {
            database.signal.wait_until_folded(pause);
        }
        Ok(commit)
    }
}

/// One attempt: a commit is lost when the disk fails, and another one would fail with it.
fn groups(source: &Source) -> GroupOptions {
    // Writers that share a commit are not to be too many for one record of the journal.
    let bytes = Journal::most_bytes(source.layout()) / 2;
    GroupOptions {
        limits: LIMITS,
        members: GroupOptions::MEMBERS,
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        time: source.options().group_time,
        attempts: 1,
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("database", &self.shared.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

use std::{
    fmt, fs, io,
    panic::{self, AssertUnwindSafe},
    path::{self, Path},
    sync::Arc,
};

use parking_lot::{MutexGuard, RwLock};
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Fate, Limits, Snapshot, Store, StoreError},
};
use redb::{StorageBackend, WriteTransaction, backends::FileBackend};

use crate::{
    Durability, OpenError, Options,
    disk::SharedMemory,
    error::store_error,
    format::{self, Token},
    group::{Closed, Group, Member, Queue, Turn},
    snapshot::{Durable, Newest},
    source::{Content, Open, Source},
};

const LIMITS: Limits = Limits { key_bytes: 8 << 10, value_bytes: 16 << 20, batch_bytes: 256 << 20 };

/// A [`Store`] in one file.
///
/// A `build` must not write to the store that runs it: it would wait for itself.
pub struct RedbStore {
    source: Source,
    queue: Queue,
    /// Held only as long as it takes to begin a transaction or to swap what is in it; nothing while it is opened again.
    open: RwLock<Option<Open>>,
}

impl RedbStore {
    /// Opens a file, or makes it if there is none; the folder must be there.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do about it.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let place = path.as_ref().display().to_string();
        // The store may have to open the file again after the program has changed its folder.
        let path = path::absolute(path).map_err(|error| OpenError::from_io(&place, error))?;
        let content = create(&path).map_err(|error| OpenError::from_io(&place, error))?;
        let backend = move || -> io::Result<Box<dyn StorageBackend>> {
            let file = fs::OpenOptions::new().read(true).write(true).open(&path)?;
            Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
        };
        Self::start(Source::new(place, backend, options), content)
    }

    /// An empty store in memory, which has everything of the one in a file but its durability.
    ///
    /// # Errors
    /// None is known.
    pub fn in_memory(options: Options) -> Result<Self, OpenError> {
        let memory = SharedMemory::default();
        Self::with_backend(move || Ok(memory.clone()), options)
    }

    /// Opens a database on any backend, and makes it if the backend is empty.
    ///
    /// After a failure `backend` is called again and must then give access to the same bytes.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn with_backend<B: StorageBackend>(
        backend: impl Fn() -> io::Result<B> + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, OpenError> {
        let backend = move || -> io::Result<Box<dyn StorageBackend>> { Ok(Box::new(backend()?)) };
        Self::start(Source::new("the given storage".to_owned(), backend, options), Content::MayBeMissing)
    }

    fn start(source: Source, content: Content) -> Result<Self, OpenError> {
        let (open, token) = source.open(content)?;
        let store = Self { source, queue: Queue::default(), open: RwLock::new(Some(open)) };
        store.queue.take_turn().token = token;
        Ok(store)
    }

    /// Gives a write its place in the open group, or in a new one.
    fn admit(
        &self,
        turn: &mut Turn,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Member, StoreError> {
        let group = match turn.group.take() {
            Some(group) => group,
            None => Group::new(self.begin(turn)?),
        };
        Ok(turn.group.insert(group).admit(tenant, LIMITS, build))
    }

    fn begin(&self, turn: &mut Turn) -> Result<WriteTransaction, StoreError> {
        let mut txn = match self.try_begin() {
            Some(Ok(txn)) => txn,
            Some(Err(_)) | None => {
                self.reopen(turn).map_err(unavailable)?;
                self.try_begin().ok_or_else(closed)?.map_err(store_error)?
            }
        };
        let strict = self.source.options().durability == Durability::Strict;
        txn.set_two_phase_commit(strict);
        txn.set_quick_repair(strict);
        Ok(txn)
    }

    /// Never waits, because whoever has the turn and no group is the only one who may begin.
    fn try_begin(&self) -> Option<Result<WriteTransaction, redb::TransactionError>> {
        self.open.read().as_ref().map(|open| open.db.begin_write())
    }

    fn end_turn(&self, mut turn: MutexGuard<'_, Turn>) {
        if let Some(group) = self.queue.take_ripe(&mut turn) {
            self.finish(&mut turn, group);
        }
        // The plain unlock would let this thread take the next turn as well, past those who wait.
        MutexGuard::unlock_fair(turn);
    }

    fn finish(&self, turn: &mut Turn, group: Group) {
        match group.close() {
            Closed::Unchanged(pledge) => pledge.settle(Fate::Durable),
            Closed::Broken(pledge) => {
                // The next call tries again if this fails.
                drop(self.reopen(turn));
                pledge.settle(Fate::Lost("a batch of the same group could not be written".to_owned()));
            }
            Closed::Changed(txn, pledge) => pledge.settle(self.commit(turn, *txn)),
        }
    }

    fn commit(&self, turn: &mut Turn, txn: WriteTransaction) -> Fate {
        let token = turn.mint.token();
        if let Err(error) = format::sign(&txn, &token) {
            return Fate::Lost(error.to_string());
        }
        match txn.commit() {
            Ok(()) => {
                turn.token = token;
                self.publish();
                Fate::Durable
            }
            Err(error) => self.find_out(turn, &token, &error.to_string()),
        }
    }

    /// Lets readers see the commit that has just become durable.
    fn publish(&self) {
        let newest = match &*self.open.read() {
            Some(open) => Newest::of(&open.db).inspect_err(|_| open.newest.fail()),
            None => return,
        };
        if let (Ok(mut newest), Some(open)) = (newest, &mut *self.open.write()) {
            std::mem::swap(&mut open.newest, &mut newest);
        }
    }

    /// Opens the database again to see whether a commit that failed is in it.
    fn find_out(&self, turn: &mut Turn, token: &Token, reason: &str) -> Fate {
        let before = turn.token.clone();
        match self.reopen(turn) {
            Ok(()) if turn.token == *token => Fate::Durable,
            Ok(()) if turn.token == before => Fate::Lost(reason.to_owned()),
            Ok(()) => Fate::Unknown(format!("{reason}; another process has written since")),
            Err(error) => Fate::Unknown(format!("{reason}; {}", error.reason())),
        }
    }

    /// Closes the database and opens it again. Snapshots of the closed one are unavailable from then on.
    fn reopen(&self, turn: &mut Turn) -> Result<(), OpenError> {
        let before = self.open.write().take();
        // Closed before it is opened, since the file is locked until then.
        drop(before);
        let (open, token) = self.source.open(Content::Expected)?;
        turn.token = token;
        *self.open.write() = Some(open);
        Ok(())
    }

    fn newest(&self) -> Result<Arc<Newest>, StoreError> {
        if let Some(newest) = self.sound() {
            return Ok(newest);
        }
        // A reader waits for no writer: whoever has the turn will open the store again, or leave it to a later call.
        let mut turn = self.queue.try_turn().filter(|turn| turn.group.is_none()).ok_or_else(closed)?;
        if let Some(newest) = self.sound() {
            return Ok(newest);
        }
        self.reopen(&mut turn).map_err(unavailable)?;
        self.sound().ok_or_else(closed)
    }

    fn sound(&self) -> Option<Arc<Newest>> {
        self.open.read().as_ref().map(|open| &open.newest).filter(|newest| newest.is_sound()).cloned()
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
        let mut turn = self.queue.take_turn();
        // A panic is carried past the end of the turn, for others may depend on this thread to commit their writes.
        let member = panic::catch_unwind(AssertUnwindSafe(|| self.admit(&mut turn, tenant, build)));
        self.end_turn(turn);
        member.unwrap_or_else(|payload| panic::resume_unwind(payload))?.answer()
    }
}

/// Makes an empty file where there is none; a file that is there must hold something.
fn create(path: &Path) -> io::Result<Content> {
    match fs::OpenOptions::new().read(true).write(true).create_new(true).open(path) {
        Ok(_) => sync_folder(path).map(|()| Content::MayBeMissing),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Content::Expected),
        Err(error) => Err(error),
    }
}

/// A new file's name must be as durable as what is in it.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn unavailable(error: OpenError) -> StoreError {
    StoreError::Unavailable { reason: error.reason() }
}

fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is being opened again after a failure".to_owned() }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

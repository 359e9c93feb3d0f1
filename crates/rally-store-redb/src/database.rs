use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use rally_core::{
    TenantId,
    store::{Abort, Batch, CommitOutcome, Condition, GroupCommit, Snapshot, StoreError},
};
use redb::{ReadableTable, StorageError, Table, WriteTransaction};

use crate::{
    Durability, OpenError,
    disk::Disk,
    error::{is_full, store_error},
    format::{self, DATA, Mint, Token},
    snapshot::{Newest, View, full_key},
    source::{Open, Source},
    watch::Watch,
};

/// The database, which is opened again after a failure.
#[derive(Debug)]
pub(crate) struct Database {
    source: Source,
    /// Held only as long as it takes to begin a transaction or to swap what is in it; `None` once it is closed.
    open: RwLock<Option<Open>>,
    /// Set for good: what is closed on purpose is not opened again.
    is_closed: AtomicBool,
}

/// State that only the writer whose turn it is may touch.
#[derive(Debug)]
pub(crate) struct Head {
    /// The token that the last durable commit left in the file.
    token: Token,
    mint: Mint,
    /// The moment at which a commit found no space, unless one that made some has succeeded since.
    full_since: Option<Instant>,
}

/// A transaction that several writes share.
pub(crate) struct Transaction {
    inner: WriteTransaction,
    began: Instant,
    disk: Arc<Disk>,
    state: State,
    /// Set when there is little space left on the disk.
    is_low: bool,
    /// Set when a batch that makes no space would find none.
    is_full: bool,
    /// Set while no batch has put more bytes than it has removed.
    only_makes_space: bool,
}

/// The state of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Sound,
    /// A batch is being applied, or has been in part: it must never be committed.
    Broken,
    /// redb has panicked in it, so that its database cannot be trusted any more.
    Unusable,
}

impl Database {
    /// Opens the database for the first time.
    pub(crate) fn open(source: Source) -> Result<(Self, Head), OpenError> {
        let (open, token) = source.open()?;
        let database = Self { source, open: RwLock::new(Some(open)), is_closed: AtomicBool::new(false) };
        Ok((database, Head { token, mint: Mint::new(), full_since: None }))
    }

    /// The newest durable state, unless reading it has failed or it is being opened again.
    pub(crate) fn newest(&self) -> Option<Arc<Newest>> {
        self.open.read().as_ref().map(|open| &open.newest).filter(|newest| newest.is_sound()).cloned()
    }

    /// Says that nothing can be read or written while the file is not in its place.
    pub(crate) fn look_for_file(&self) -> Result<(), StoreError> {
        match self.source.watch().and_then(Watch::look_sometimes) {
            Some(reason) => Err(StoreError::Unavailable { reason }),
            None => Ok(()),
        }
    }

    /// Opens the database again. Readers go on with what they had until it is open; snapshots of it are unavailable
    /// from then on.
    pub(crate) fn reopen(&self, head: &mut Head) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable { reason: "the store has been closed".to_owned() });
        }
        if let Some(open) = &*self.open.read() {
            // From here on another one writes, of which this one does not know.
            open.disk.freeze(io::Error::other("it is being opened again"));
        }
        let (open, token) = self.source.open().map_err(unavailable)?;
        head.token = token;
        let before = self.open.write().replace(open);
        // Its readers are ended before the new one, which knows nothing of them, reuses what they read. It ends in a state
        // that the disk has failed to keep, so that a panic of redb says nothing of the new one.
        drop(panic::catch_unwind(AssertUnwindSafe(|| drop(before))));
        Ok(())
    }

    /// Closes the database for good, so that opening the file needs no recovery. Snapshots are unavailable from then on.
    ///
    /// Only the writer whose turn it is may do this, as a transaction would keep the database open.
    pub(crate) fn close(&self, _: &mut Head) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        let Some(Open { newest, db, disk }) = self.open.write().take() else { return Ok(()) };
        drop(newest);
        db.close().map_err(|error| unavailable(self.source.failed(error)))?;
        if let Some(error) = disk.failure() {
            return Err(self.write_failed(&error));
        }
        self.source.storage().close().map_err(|error| self.write_failed(&error))
    }

    /// Never waits, because the writer whose turn it is, and who has no transaction, is the only one who may begin.
    fn try_begin(&self) -> Option<(WriteTransaction, Arc<Disk>)> {
        let open = self.open.read();
        let open = open.as_ref().filter(|open| open.disk.failure().is_none())?;
        Some((open.db.begin_write().ok()?, open.disk.clone()))
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

    /// The outcome of a commit that has failed. Nobody needs to look for one that has left no trace.
    fn outcome(&self, head: &mut Head, disk: &Disk, token: &Token, error: StoreError) -> CommitOutcome {
        if disk.has_no_trace() {
            return CommitOutcome::lost(error);
        }
        let before = head.token.clone();
        match self.reopen(head) {
            Ok(()) if head.token == *token => CommitOutcome::Durable,
            Ok(()) if head.token == before => CommitOutcome::lost(error),
            Ok(()) => CommitOutcome::Unknown(format!("{error}; another process has written since")),
            Err(reopening) => CommitOutcome::Unknown(format!("{error}; {reopening}")),
        }
    }

    fn try_run(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        let mut table = transaction.inner.open_table(DATA).map_err(store_error)?;
        let batch = build(&View::new(&table, tenant))?;
        if transaction.is_low || transaction.is_full {
            let makes_space = makes_space(&table, tenant, &batch).map_err(store_error)?;
            if transaction.is_full && !makes_space {
                let reason = "the disk is full; free some space, or delete records".to_owned();
                return Err(StoreError::Unavailable { reason }.into());
            }
            transaction.only_makes_space &= makes_space;
        }
        transaction.state = State::Broken;
        // A damaged page makes redb panic in places. What it has left half done is abandoned.
        let applied = panic::catch_unwind(AssertUnwindSafe(|| apply(&mut table, tenant, &batch)));
        let Ok(applied) = applied else {
            transaction.state = State::Unusable;
            return Err(
                StoreError::Corrupt { what: "a page of the tree cannot be changed".to_owned() }.into()
            );
        };
        applied.map_err(store_error)?;
        transaction.state = State::Sound;
        Ok(())
    }

    /// Commits, and gives the outcome without regard to what has become of the file.
    fn try_commit(&self, head: &mut Head, transaction: Transaction) -> CommitOutcome {
        let token = head.mint.token();
        if let Err(error) = format::sign(&transaction.inner, &token) {
            return CommitOutcome::lost(store_error(error));
        }
        let disk = transaction.disk;
        disk.begin_commit();
        let committed = transaction.inner.commit();
        let error = match (disk.failure(), committed) {
            (None, Ok(())) => {
                head.token = token;
                self.publish();
                head.note_space();
                return CommitOutcome::Durable;
            }
            (Some(error), _) => {
                if is_full(&error) {
                    head.note_full(self.source.place());
                }
                self.write_failed(&error)
            }
            (None, Err(error)) => store_error(error),
        };
        self.outcome(head, &disk, &token, error)
    }

    fn write_failed(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable { reason: format!("{} cannot be written: {error}", self.source.place()) }
    }

    fn is_low_on_space(&self) -> bool {
        self.source.space().free_bytes().is_some_and(|free| free < self.source.options().low_space_bytes)
    }
}

impl Head {
    /// Remembers that a commit has found no space.
    fn note_full(&mut self, place: &str) {
        if self.full_since.replace(Instant::now()).is_none() {
            tracing::error!(
                "the disk of {place} is full; what is there can be read, and records can be deleted; free some space"
            );
        }
    }

    /// Remembers that a commit has found space, or has made some.
    fn note_space(&mut self) {
        if self.full_since.take().is_some() {
            tracing::info!("there is space for writing again");
        }
    }

    fn is_full(&self, pause: Duration) -> bool {
        self.full_since.is_some_and(|since| since.elapsed() < pause)
    }
}

#[cfg(test)]
impl Head {
    /// The number of commits that were tried.
    pub(crate) fn commits(&self) -> usize {
        self.mint.made()
    }
}

impl GroupCommit for Database {
    type Transaction = Transaction;
    type State = Head;

    fn begin(&self, head: &mut Head, _: TenantId) -> Result<Transaction, StoreError> {
        if let Some(reason) = self.source.watch().and_then(Watch::look) {
            return Err(StoreError::Unavailable { reason });
        }
        let (mut inner, disk) = match self.try_begin() {
            Some(begun) => begun,
            None => {
                self.reopen(head)?;
                self.try_begin().ok_or_else(closed)?
            }
        };
        let is_low = self.is_low_on_space();
        let leaves_map = is_low || self.source.options().durability == Durability::Strict;
        inner.set_two_phase_commit(leaves_map);
        inner.set_quick_repair(leaves_map);
        let is_full = head.is_full(self.source.options().full_disk_pause);
        Ok(Transaction {
            inner,
            disk,
            began: Instant::now(),
            state: State::Sound,
            is_low,
            is_full,
            only_makes_space: true,
        })
    }

    fn run(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        let ran = self.try_run(transaction, tenant, build);
        if let Some(error) = transaction.disk.failure() {
            // Even a refusal may rest on pages that could not be written.
            transaction.state = transaction.state.max(State::Broken);
            return Err(self.write_failed(&error).into());
        }
        ran
    }

    fn condition(&self, transaction: &Transaction) -> Condition {
        if transaction.state == State::Sound { Condition::Sound } else { Condition::Broken }
    }

    fn age(&self, transaction: &Transaction) -> Duration {
        transaction.began.elapsed()
    }

    fn commit(&self, head: &mut Head, transaction: Transaction) -> CommitOutcome {
        let is_low = transaction.is_low;
        if is_low && transaction.only_makes_space {
            self.source.space().release();
        }
        let outcome = self.try_commit(head, transaction);
        if is_low {
            self.source.space().hold_back();
        }
        match self.source.watch().and_then(Watch::look) {
            Some(reason) if matches!(outcome, CommitOutcome::Durable) => CommitOutcome::Unknown(reason),
            _ => outcome,
        }
    }

    fn abandon(&self, head: &mut Head, transaction: Transaction) {
        let state = transaction.state;
        drop(transaction);
        if state == State::Unusable {
            // The next call tries again if this fails.
            drop(self.reopen(head));
        }
    }
}

fn apply(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    tenant: TenantId,
    batch: &Batch,
) -> Result<(), StorageError> {
    for (key, value) in batch.iter() {
        let key = full_key(tenant, key);
        match value {
            Some(value) => drop(table.insert(key.as_slice(), value.as_ref())?),
            None => drop(table.remove(key.as_slice())?),
        }
    }
    Ok(())
}

/// True for a batch that removes at least as many bytes as it puts.
fn makes_space(
    table: &Table<'_, &'static [u8], &'static [u8]>,
    tenant: TenantId,
    batch: &Batch,
) -> Result<bool, StorageError> {
    let (mut put, mut removed) = (0usize, 0usize);
    for (key, value) in batch.iter() {
        let key = full_key(tenant, key);
        if let Some(old) = table.get(key.as_slice())? {
            removed = removed.saturating_add(key.len()).saturating_add(old.value().len());
        }
        if let Some(value) = value {
            put = put.saturating_add(key.len()).saturating_add(value.len());
        }
    }
    Ok(removed >= put)
}

fn unavailable(error: OpenError) -> StoreError {
    StoreError::Unavailable { reason: error.reason() }
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is being opened again after a failure".to_owned() }
}

use std::{
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
use redb::{StorageError, Table, WriteTransaction};

use crate::{
    Durability, OpenError,
    error::store_error,
    format::{self, DATA, Mint, Token},
    snapshot::{Newest, View, full_key},
    source::{Content, Open, Source},
};

/// The database, which is opened again after a failure.
#[derive(Debug)]
pub(crate) struct Database {
    source: Source,
    /// Held only as long as it takes to begin a transaction or to swap what is in it; `None` while it is opened again.
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
}

/// A transaction that several writes share.
pub(crate) struct Transaction {
    inner: WriteTransaction,
    began: Instant,
    /// Set while a batch is being applied: one that is applied in part must never be committed.
    is_broken: bool,
}

impl Database {
    /// Opens the database for the first time.
    pub(crate) fn open(source: Source, content: Content) -> Result<(Self, Head), OpenError> {
        let (open, token) = source.open(content)?;
        let database = Self { source, open: RwLock::new(Some(open)), is_closed: AtomicBool::new(false) };
        Ok((database, Head { token, mint: Mint::new() }))
    }

    /// The newest durable state, unless reading it has failed or it is being opened again.
    pub(crate) fn newest(&self) -> Option<Arc<Newest>> {
        self.open.read().as_ref().map(|open| &open.newest).filter(|newest| newest.is_sound()).cloned()
    }

    /// Closes the database and opens it again. Snapshots of the closed one are unavailable from then on.
    pub(crate) fn reopen(&self, head: &mut Head) -> Result<(), StoreError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable { reason: "the store has been closed".to_owned() });
        }
        let before = self.open.write().take();
        // Closed before it is opened, since the file is locked until then.
        drop(before);
        let (open, token) = self.source.open(Content::Expected).map_err(unavailable)?;
        head.token = token;
        *self.open.write() = Some(open);
        Ok(())
    }

    /// Closes the database for good, so that opening the file needs no recovery. Snapshots are unavailable from then on.
    ///
    /// Only the writer whose turn it is may do this, as a transaction would keep the database open.
    pub(crate) fn close(&self, _: &mut Head) -> Result<(), StoreError> {
        self.is_closed.store(true, Ordering::Release);
        let Some(Open { newest, db }) = self.open.write().take() else { return Ok(()) };
        drop(newest);
        db.close().map_err(|error| unavailable(self.source.failed(error)))
    }

    /// Never waits, because the writer whose turn it is, and who has no transaction, is the only one who may begin.
    fn try_begin(&self) -> Option<Result<WriteTransaction, redb::TransactionError>> {
        self.open.read().as_ref().map(|open| open.db.begin_write())
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
    fn find_out(&self, head: &mut Head, token: &Token, error: redb::Error) -> CommitOutcome {
        let before = head.token.clone();
        match self.reopen(head) {
            Ok(()) if head.token == *token => CommitOutcome::Durable,
            Ok(()) if head.token == before => CommitOutcome::lost(store_error(error)),
            Ok(()) => CommitOutcome::Unknown(format!("{error}; another process has written since")),
            Err(reopening) => CommitOutcome::Unknown(format!("{error}; {reopening}")),
        }
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
        let mut inner = match self.try_begin() {
            Some(Ok(begun)) => begun,
            Some(Err(_)) | None => {
                self.reopen(head)?;
                self.try_begin().ok_or_else(closed)?.map_err(store_error)?
            }
        };
        let is_strict = self.source.options().durability == Durability::Strict;
        inner.set_two_phase_commit(is_strict);
        inner.set_quick_repair(is_strict);
        Ok(Transaction { inner, began: Instant::now(), is_broken: false })
    }

    fn run(
        &self,
        transaction: &mut Transaction,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        let mut table = transaction.inner.open_table(DATA).map_err(store_error)?;
        let batch = build(&View::new(&table, tenant))?;
        transaction.is_broken = true;
        apply(&mut table, tenant, &batch).map_err(store_error)?;
        transaction.is_broken = false;
        Ok(())
    }

    fn condition(&self, transaction: &Transaction) -> Condition {
        if transaction.is_broken { Condition::Broken } else { Condition::Sound }
    }

    fn age(&self, transaction: &Transaction) -> Duration {
        transaction.began.elapsed()
    }

    fn commit(&self, head: &mut Head, transaction: Transaction) -> CommitOutcome {
        let token = head.mint.token();
        if let Err(error) = format::sign(&transaction.inner, &token) {
            return CommitOutcome::lost(store_error(error));
        }
        match transaction.inner.commit() {
            Ok(()) => {
                head.token = token;
                self.publish();
                CommitOutcome::Durable
            }
            Err(error) => self.find_out(head, &token, error.into()),
        }
    }

    fn abandon(&self, head: &mut Head, transaction: Transaction) {
        drop(transaction);
        // The next call tries again if this fails.
        drop(self.reopen(head));
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

fn unavailable(error: OpenError) -> StoreError {
    StoreError::Unavailable { reason: error.reason() }
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is being opened again after a failure".to_owned() }
}

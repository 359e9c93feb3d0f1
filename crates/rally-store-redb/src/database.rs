use std::{
    collections::HashMap,
    io, mem,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use rally_core::{
    TenantId,
    store::{Abort, Batch, Changes, CommitOutcome, Condition, GroupCommit, Snapshot, StoreError},
};

use crate::{
    OpenError, Options,
    error::is_full,
    figures::Watched,
    folder::Signal,
    full::Full,
    journal::{Failure, Journal, Mark},
    layers::{Delta, Layer, Layers},
    pace::Pace,
    record::Record,
    snapshot::State,
    source::{Open, Replayed, Source},
    transaction::Transaction,
    watch::Watch,
};

/// The database, which is opened again after a failure.
///
/// Three locks are taken in this order: the turn of the writers, `folding`, `open`.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) source: Source,
    /// Held only as long as it takes to begin a transaction, to swap what is in it, or to put a few changes in; `None` once it
    /// is closed.
    pub(crate) open: RwLock<Option<Open>>,
    /// Held by whoever changes the tree, and never while waiting for the turn.
    pub(crate) folding: Mutex<()>,
    pub(crate) signal: Signal,
    /// The place in the journal up to which it is folded.
    pub(crate) tail: AtomicU64,
    pub(crate) tree_full: Full,
    journal_full: Full,
    pub(crate) pace: Pace,
    pub(crate) watched: Watched,
    /// Set for good: what is closed on purpose is not opened again.
    is_closed: AtomicBool,
}

/// State that only the writer whose turn it is may touch.
#[derive(Debug)]
pub(crate) struct Head {
    journal: Journal,
    /// The number of commits that were tried.
    commits: usize,
}

impl Database {
    /// Opens the database for the first time.
    pub(crate) fn open(source: Source) -> Result<(Self, Head), OpenError> {
        let (open, Replayed { journal, folded }) = source.open()?;
        let database = Self {
            source,
            open: RwLock::new(None),
            folding: Mutex::new(()),
            signal: Signal::default(),
            tail: AtomicU64::new(folded.at),
            tree_full: Full::default(),
            journal_full: Full::default(),
            pace: Pace::default(),
            watched: Watched::default(),
            is_closed: AtomicBool::new(false),
        };
        database.put_in_place(open);
        Ok((database, Head { journal, commits: 0 }))
    }

    /// Puts what has just been opened in the place of what was open before.
    fn put_in_place(&self, open: Open) -> Option<Open> {
        let mut place = self.open.write();
        self.signal.note_folded();
        if !open.layers.active.is_empty() {
            self.signal.note_change();
        }
        place.replace(open)
    }

    pub(crate) fn options(&self) -> &Options {
        self.source.options()
    }

    /// The newest durable state of a tenant, unless reading has failed or the database is being opened again.
    pub(crate) fn newest(&self, tenant: TenantId) -> Option<State> {
        let open = self.open.read();
        let Open { tree, layers, .. } = open.as_ref().filter(|open| open.tree.is_sound())?;
        Some(State::new(tenant, tree, layers))
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
        let _folding = self.folding.lock();
        let (open, Replayed { journal, folded }) = self.source.open().map_err(unavailable)?;
        head.journal = journal;
        self.tail.store(folded.at, Ordering::Release);
        let before = self.put_in_place(open);
        // Its readers are ended before the new one, which knows nothing of them, reuses what they read. It ends in a state
        // that the disk has failed to keep, so that a panic of redb says nothing of the new one.
        drop(panic::catch_unwind(AssertUnwindSafe(|| drop(before))));
        Ok(())
    }

    /// Opens the database again if nobody can read or write it as it is, or fold.
    pub(crate) fn heal(&self, head: &mut Head) -> Result<(), StoreError> {
        let is_well = self.open.read().as_ref().is_some_and(|open| !open.disk.has_failed());
        if is_well && self.is_sound() { Ok(()) } else { self.reopen(head) }
    }

    /// True while reading and appending work.
    fn is_sound(&self) -> bool {
        !self.source.storage().is_doubtful()
            && self.open.read().as_ref().is_some_and(|open| open.tree.is_sound())
    }

    /// Closes the database for good, so that opening the file needs no recovery. Snapshots are unavailable from then on.
    ///
    /// Only the writer whose turn it is may do this.
    pub(crate) fn close(&self, head: &mut Head) -> Result<(), StoreError> {
        if self.open.read().is_none() {
            return Ok(());
        }
        let folded = self.fold_all(head);
        self.is_closed.store(true, Ordering::Release);
        let _folding = self.folding.lock();
        let Some(Open { tree, layers, db, disk }) = self.open.write().take() else { return folded };
        drop((tree, layers));
        db.close().map_err(|error| unavailable(self.source.failed(error)))?;
        if let Some(error) = disk.failure() {
            return Err(self.write_failed(&error));
        }
        if folded.is_ok() {
            self.source.give_back_journal();
        }
        self.source.storage().close().map_err(|error| self.write_failed(&error))?;
        folded
    }

    /// Puts all that is in the journal into the tree.
    pub(crate) fn fold_all(&self, head: &mut Head) -> Result<(), StoreError> {
        self.heal(head)?;
        while self.open.read().as_ref().is_some_and(|open| !open.layers.is_empty()) {
            self.freeze();
            self.fold_frozen()?;
        }
        Ok(())
    }

    /// Sets the active layer aside to be folded, unless one is already. Only in a turn, as writers build on it.
    pub(crate) fn freeze(&self) {
        if let Some(open) = &mut *self.open.write() {
            self.freeze_layer(&mut open.layers);
        }
    }

    fn freeze_layer(&self, layers: &mut Layers) {
        layers.freeze();
        if layers.frozen.is_some() {
            self.signal.note_frozen();
        }
    }

    /// Adds the changes of a commit to the active layer, one tenant after the other.
    fn publish(&self, deltas: HashMap<TenantId, Delta>, bytes: usize, end: Mark) {
        for (tenant, delta) in deltas {
            self.add_to_active(tenant, delta.into_batch());
        }
        let mut open = self.open.write();
        let Some(Open { layers, .. }) = &mut *open else { return };
        layers.active.bytes = layers.active.bytes.saturating_add(bytes);
        layers.active.end = end;
        if layers.active.bytes >= self.fold_bytes() && layers.frozen.is_none() {
            self.freeze_layer(layers);
        } else {
            self.signal.note_change();
        }
    }

    /// Adds changes of a tenant to the active layer, for which no reader waits longer than it takes to put a few of them in
    /// their places. Only in a turn.
    fn add_to_active(&self, tenant: TenantId, batch: Batch) {
        let prepared = self.active(tenant).prepare(batch);
        let outcome = match &mut *self.open.write() {
            Some(Open { layers, .. }) => layers.active.tenants.entry(tenant).or_default().put_few(prepared),
            None => return,
        };
        if let Err(prepared) = outcome {
            let mut copy = self.active(tenant);
            let replaced = copy.put(prepared);
            let before =
                self.open.write().as_mut().map(|open| open.layers.active.tenants.insert(tenant, copy));
            drop((before, replaced));
        }
    }

    /// The changes of a tenant in the active layer.
    fn active(&self, tenant: TenantId) -> Changes {
        self.open.read().as_ref().map(|open| open.layers.active.of(tenant)).unwrap_or_default()
    }

    /// The memory of the active layer from which on it is folded.
    fn fold_bytes(&self) -> usize {
        let journal = usize::try_from(self.source.layout().journal_bytes()).unwrap_or(usize::MAX);
        journal.min(self.options().journal_memory_bytes) / 4
    }

    /// Makes room for a commit by folding, if it must.
    fn make_room(&self, head: &mut Head, transaction: &Transaction, bytes: usize) -> Result<(), StoreError> {
        loop {
            let has_room = head.journal.has_room(self.tail.load(Ordering::Acquire), bytes);
            let (is_empty, is_freezable, active_bytes) = match &*self.open.read() {
                Some(Open { layers, .. }) => (layers.is_empty(), layers.is_freezable(), layers.active.bytes),
                None => return Err(closed()),
            };
            let fits =
                active_bytes == 0 || active_bytes.saturating_add(transaction.bytes) <= self.most_active();
            match (has_room, fits || is_empty) {
                (true, true) => return Ok(()),
                (true, false) if is_freezable => self.freeze(),
                (false, true) if is_empty => return Err(closed()),
                _ => {
                    self.heal(head)?;
                    self.freeze();
                    self.fold_frozen()?;
                }
            }
        }
    }

    /// The memory of the active layer from which on writers wait until the other one is in the tree.
    pub(crate) fn most_active(&self) -> usize {
        self.options().journal_memory_bytes / 2
    }

    /// The time that a writer of so many bytes is to wait, so that those who come next need not.
    pub(crate) fn pause(&self, bytes: usize) -> Duration {
        match &*self.open.read() {
            Some(Open { layers, .. }) if layers.frozen.is_some() => {
                self.pace.pause(bytes, layers.active.bytes, self.most_active())
            }
            _ => Duration::ZERO,
        }
    }

    fn append(&self, head: &mut Head, transaction: Transaction, record: Record) -> CommitOutcome {
        if let Err(error) = self.make_room(head, &transaction, record.len()) {
            return CommitOutcome::lost(error);
        }
        let (storage, tail) = (self.source.storage(), self.tail.load(Ordering::Acquire));
        match head.journal.append(storage, tail, record, self.options().durability) {
            Ok(()) => {
                self.publish(transaction.deltas, transaction.bytes, head.journal.end());
                self.journal_full.note_space();
                CommitOutcome::Durable
            }
            Err(Failure { error, has_trace }) => {
                if is_full(&error) {
                    self.journal_full.note_full(self.source.place());
                }
                let before = head.journal.end().number;
                let error = self.write_failed(&error);
                if has_trace { self.outcome(head, before, error) } else { CommitOutcome::lost(error) }
            }
        }
    }

    /// Commits what does not go into the journal: it goes into the tree with all that is in the journal.
    fn put_at_once(&self, head: &mut Head, transaction: Transaction) -> CommitOutcome {
        if let Err(error) = self.heal(head).and_then(|()| self.fold_frozen()) {
            return CommitOutcome::lost(error);
        }
        let folding = self.folding.lock();
        let before = head.journal.end();
        let end = Mark { number: before.number + 1, ..before };
        let mut layer = match &*self.open.read() {
            Some(open) => open.layers.active.clone(),
            None => return CommitOutcome::lost(closed()),
        };
        for (tenant, delta) in transaction.deltas {
            layer.apply(tenant, delta.into_batch());
        }
        match self.put_in_tree(&layer, end) {
            Ok(folded) => {
                head.journal.skip_to(end);
                self.journal_full.note_space();
                self.replace(folded, end, |layers| {
                    mem::replace(&mut layers.active, Layer { end, ..Layer::default() })
                });
                CommitOutcome::Durable
            }
            Err(failed) if failed.has_trace => {
                drop(folding);
                self.outcome(head, before.number, failed.error)
            }
            Err(failed) => CommitOutcome::lost(failed.error),
        }
    }

    /// The outcome of a commit that has failed, of which something may be there: what the file says once it is open again.
    fn outcome(&self, head: &mut Head, before: u64, error: StoreError) -> CommitOutcome {
        match self.reopen(head) {
            Ok(()) if head.journal.end().number == before => CommitOutcome::lost(error),
            Ok(()) => CommitOutcome::Durable,
            Err(reopening) => CommitOutcome::Unknown(format!("{error}; {reopening}")),
        }
    }

    fn try_commit(&self, head: &mut Head, mut transaction: Transaction) -> CommitOutcome {
        head.commits += 1;
        match transaction.record.take() {
            Some(record) => self.append(head, transaction, record),
            None => self.put_at_once(head, transaction),
        }
    }

    pub(crate) fn write_failed(&self, error: &io::Error) -> StoreError {
        StoreError::Unavailable { reason: format!("{} cannot be written: {error}", self.source.place()) }
    }

    pub(crate) fn is_low_on_space(&self) -> bool {
        self.source.space().free_bytes().is_some_and(|free| free < self.options().low_space_bytes)
    }
}

#[cfg(test)]
impl Head {
    /// The number of commits that were tried.
    pub(crate) fn commits(&self) -> usize {
        self.commits
    }
}

impl GroupCommit for Database {
    type Transaction = Transaction;
    type State = Head;

    fn begin(&self, head: &mut Head, _: TenantId) -> Result<Transaction, StoreError> {
        if let Some(reason) = self.source.watch().and_then(Watch::look) {
            return Err(StoreError::Unavailable { reason });
        }
        if !self.is_sound() {
            self.reopen(head)?;
        }
        let pause = self.options().full_disk_pause;
        let (is_low, is_full) = (
            self.is_low_on_space() || self.tree_full.is_noted(),
            self.journal_full.is_recent(pause) || self.tree_full.is_recent(pause),
        );
        Ok(Transaction {
            deltas: HashMap::new(),
            bytes: 0,
            writes: 0,
            // What is in the journal must find a place in the tree, which is sure only where there is space.
            record: if is_low { None } else { Some(Record::new()) },
            began: Instant::now(),
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
        // Whatever is folded meanwhile, the state is the same but for where it is read.
        let state = self.newest(tenant).ok_or_else(closed)?;
        let state = match transaction.deltas.get_mut(&tenant) {
            Some(delta) => state.with(delta.changes().clone()),
            None => state,
        };
        let batch = build(&state)?;
        if !batch.is_empty() {
            transaction.look_at(&state, &batch)?;
            drop(state);
            transaction.add(tenant, batch, Journal::most_bytes(self.source.layout()));
        }
        Ok(())
    }

    /// Sound always: nothing of a write that fails gets into it.
    fn condition(&self, _: &Transaction) -> Condition {
        Condition::Sound
    }

    fn age(&self, transaction: &Transaction) -> Duration {
        transaction.began.elapsed()
    }

    fn commit(&self, head: &mut Head, transaction: Transaction) -> CommitOutcome {
        let is_low = transaction.is_low;
        if is_low && transaction.only_makes_space {
            self.source.space().release();
        }
        let (began, writes) = (Instant::now(), transaction.writes);
        let outcome = self.try_commit(head, transaction);
        self.watched.commits.add(began.elapsed(), writes);
        if is_low {
            self.source.space().hold_back();
        }
        match self.source.watch().and_then(Watch::look) {
            Some(reason) if matches!(outcome, CommitOutcome::Durable) => CommitOutcome::Unknown(reason),
            _ => outcome,
        }
    }
}

fn unavailable(error: OpenError) -> StoreError {
    StoreError::Unavailable { reason: error.reason() }
}

pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable { reason: "the store is being opened again after a failure".to_owned() }
}

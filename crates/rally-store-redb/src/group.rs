//! Writers that share a commit.
//!
//! A writer takes its turn, runs its `build` against whatever the group has changed so far, and adds its batch. If
//! others wait for a turn it leaves the transaction to the next of them; the last one commits for all. Nobody who has
//! seen or added anything that is not durable answers before it is.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::{Mutex, MutexGuard};
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Fate, Limits, Outcome, Pledge, Snapshot, StoreError},
};
use redb::{StorageError, Table, WriteTransaction};

use crate::{
    error::store_error,
    format::{DATA, Mint, Token},
    snapshot::{View, full_key},
};

/// How many writes share a commit at most, so that the first of them is not kept waiting by an endless stream.
const MOST_MEMBERS: usize = 128;
/// After how many bytes a group commits whoever waits, since they are all held in memory until then.
const MOST_BYTES: usize = 64 << 20;

/// The turn to write, and how many wait for it.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: AtomicUsize,
    turn: Mutex<Turn>,
}

/// What belongs to whoever has the turn.
#[derive(Default)]
pub(crate) struct Turn {
    /// Open only while somebody waits who will see to it: whoever ends a turn with nobody waiting leaves none.
    pub(crate) group: Option<Group>,
    /// What the last durable commit left in the file.
    pub(crate) token: Token,
    pub(crate) mint: Mint,
}

/// A transaction that several writes share.
pub(crate) struct Group {
    txn: WriteTransaction,
    pledge: Pledge,
    members: usize,
    bytes: usize,
    changed: bool,
    /// A batch may have been applied in part, so the transaction must never be committed.
    broken: bool,
}

/// What is left of a group when it takes no more members.
pub(crate) enum Closed {
    /// Nothing was changed, so there is nothing to commit.
    Unchanged(Pledge),
    /// It must not be committed.
    Broken(Pledge),
    /// It is to be committed.
    Changed(Box<WriteTransaction>, Pledge),
}

/// A write that has had its turn.
pub(crate) struct Member {
    verdict: Result<Commit, StoreError>,
    /// The group whose outcome the verdict rests on.
    rests_on: Option<Arc<Outcome>>,
    /// Whether the verdict is about a change of its own.
    changed: bool,
}

impl Queue {
    /// Waits for the turn to write.
    pub(crate) fn take_turn(&self) -> MutexGuard<'_, Turn> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let turn = self.turn.lock();
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        turn
    }

    /// Takes the turn if nobody has it.
    pub(crate) fn try_turn(&self) -> Option<MutexGuard<'_, Turn>> {
        self.turn.try_lock()
    }

    /// Takes the group from the turn if it must be closed before the turn ends.
    pub(crate) fn take_ripe(&self, turn: &mut Turn) -> Option<Group> {
        turn.group.take_if(|group| group.is_full() || self.waiting() == 0)
    }

    /// How many threads wait for the turn, or are about to get it.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

impl Default for Mint {
    fn default() -> Self {
        Self::new()
    }
}

impl Group {
    pub(crate) fn new(txn: WriteTransaction) -> Self {
        Self { txn, pledge: Pledge::default(), members: 0, bytes: 0, changed: false, broken: false }
    }

    /// Runs one write within the group.
    pub(crate) fn admit(
        &mut self,
        tenant: TenantId,
        limits: Limits,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Member {
        let bytes_before = self.bytes;
        let verdict = self.run(tenant, limits, build);
        let rests_on = self.changed.then(|| self.pledge.outcome());
        Member { verdict, rests_on, changed: self.bytes != bytes_before }
    }

    fn run(
        &mut self,
        tenant: TenantId,
        limits: Limits,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.members += 1;
        let mut table = self.txn.open_table(DATA).map_err(store_error)?;
        let batch = match build(&View::new(&table, tenant)) {
            Ok(batch) => batch,
            Err(Abort::Refused) => return Ok(Commit::Refused),
            Err(Abort::Store(error)) => return Err(error),
        };
        limits.check(&batch)?;
        if batch.is_empty() {
            return Ok(Commit::Applied);
        }
        self.changed = true;
        self.broken = true;
        self.bytes += apply(&mut table, tenant, &batch).map_err(store_error)?;
        self.broken = false;
        Ok(Commit::Applied)
    }

    fn is_full(&self) -> bool {
        self.broken || self.members >= MOST_MEMBERS || self.bytes >= MOST_BYTES
    }

    pub(crate) fn close(self) -> Closed {
        match self {
            Self { broken: true, pledge, .. } => Closed::Broken(pledge),
            Self { changed: false, pledge, .. } => Closed::Unchanged(pledge),
            Self { txn, pledge, .. } => Closed::Changed(Box::new(txn), pledge),
        }
    }
}

/// Writes a batch and says how many bytes that is, one at least.
fn apply(
    table: &mut Table<'_, &'static [u8], &'static [u8]>,
    tenant: TenantId,
    batch: &Batch,
) -> Result<usize, StorageError> {
    let mut bytes = 0;
    for (key, value) in batch.iter() {
        let key = full_key(tenant, key);
        match value {
            Some(value) => drop(table.insert(key.as_slice(), value.as_ref())?),
            None => drop(table.remove(key.as_slice())?),
        }
        bytes += key.len() + value.map_or(0, |value| value.len());
    }
    Ok(bytes)
}

impl Member {
    /// Waits until what the verdict rests on is durable, and answers.
    pub(crate) fn answer(self) -> Result<Commit, StoreError> {
        let fate = self.rests_on.map_or(Fate::Durable, |outcome| outcome.wait());
        match (self.verdict, fate) {
            (verdict, Fate::Durable) => verdict,
            (Err(error), _) => Err(error),
            (Ok(_), Fate::Unknown(reason)) if self.changed => Err(StoreError::CommitUnknown { reason }),
            (Ok(_), Fate::Unknown(reason) | Fate::Lost(reason)) => Err(StoreError::Unavailable { reason }),
        }
    }
}

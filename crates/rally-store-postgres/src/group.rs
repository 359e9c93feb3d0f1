//! Writers of one tenant that share a commit.
//!
//! A writer takes its turn, runs its `build` on the state that the group will make, and adds its batch. If others wait
//! for a turn it leaves the transaction to the next of them; the last one commits for all. So one writer of a tenant
//! holds a connection and the lock, the others wait here and hold nothing. Nobody who has seen or added anything that is
//! not durable answers before it is.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{ArcMutexGuard, Mutex, RawMutex};
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Fate, Limits, Outcome, Overlay, Pledge, Snapshot, StoreError},
};

use crate::{error::unavailable, transaction::Transaction};

/// How many writes share a commit at most, so that the first of them is not kept waiting by an endless stream.
const MOST_MEMBERS: usize = 128;
/// After how many bytes a group commits whoever waits.
const MOST_BYTES: usize = 16 << 20;

/// The turns of each tenant.
#[derive(Default)]
pub(crate) struct Queue(Mutex<HashMap<TenantId, Arc<Lane>>>);

#[derive(Default)]
struct Lane {
    waiting: AtomicUsize,
    turn: Arc<Mutex<Option<Group>>>,
}

/// A tenant's turn to write.
pub(crate) struct Turn<'q> {
    queue: &'q Queue,
    tenant: TenantId,
    lane: Arc<Lane>,
    /// The group is open only while somebody waits who will see to it: whoever ends a turn with nobody waiting leaves
    /// none.
    group: Option<ArcMutexGuard<RawMutex, Option<Group>>>,
}

/// A transaction that several writes share.
pub(crate) struct Group {
    pub(crate) transaction: Transaction,
    pub(crate) pending: Batch,
    pub(crate) pledge: Pledge,
    members: usize,
    bytes: usize,
}

/// A write that has had its turn.
pub(crate) struct Member {
    verdict: Result<Commit, StoreError>,
    /// Whether nothing but the moment was against it.
    again: bool,
    /// The group whose outcome the verdict rests on.
    rests_on: Option<Arc<Outcome>>,
    /// Whether the verdict is about a change of its own.
    changed: bool,
}

/// What came of running a write once.
pub(crate) enum Attempt {
    /// That is the answer.
    Done(Commit),
    /// Nothing was applied, and running it again may go well.
    Again(StoreError),
}

impl Queue {
    /// Waits for a turn. Whoever gets it too late is to give it up: see [`Turn::is_late`].
    pub(crate) fn take_turn(&self, tenant: TenantId) -> Turn<'_> {
        let lane = Arc::clone(self.0.lock().entry(tenant).or_default());
        lane.waiting.fetch_add(1, Ordering::AcqRel);
        let group = lane.turn.lock_arc();
        lane.waiting.fetch_sub(1, Ordering::AcqRel);
        Turn { queue: self, tenant, lane, group: Some(group) }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self, tenant: TenantId) -> usize {
        self.0.lock().get(&tenant).map_or(0, |lane| lane.waiting.load(Ordering::Acquire))
    }
}

impl Turn<'_> {
    /// Whether the database has kept the writers before this one so long that it should not be asked once more.
    pub(crate) fn is_late(&self, since: Instant, wait: Duration) -> bool {
        self.group.as_ref().is_some_and(|group| group.is_none()) && since.elapsed() > wait
    }

    /// Runs one write in the open group, or in a new one.
    pub(crate) fn admit(
        &mut self,
        begin: impl FnOnce() -> Transaction,
        limits: Limits,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Option<Member> {
        let group = self.group.as_mut()?.get_or_insert_with(|| Group::new(begin()));
        Some(group.admit(limits, build))
    }

    /// Takes the group if it must be committed before the turn ends.
    pub(crate) fn take_ripe(&mut self) -> Option<Group> {
        let nobody_waits = self.lane.waiting.load(Ordering::Acquire) == 0;
        self.group.as_mut()?.take_if(|group| group.is_full() || nobody_waits)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // The plain unlock would let this thread take the next turn as well, past those who wait.
        if let Some(group) = self.group.take() {
            ArcMutexGuard::unlock_fair(group);
        }
        let mut lanes = self.queue.0.lock();
        // The queue and this turn have it, so nobody waits or is about to.
        if Arc::strong_count(&self.lane) == 2 {
            lanes.remove(&self.tenant);
        }
    }
}

impl Group {
    fn new(transaction: Transaction) -> Self {
        Self { transaction, pending: Batch::new(), pledge: Pledge::default(), members: 0, bytes: 0 }
    }

    fn admit(
        &mut self,
        limits: Limits,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Member {
        self.members += 1;
        let bytes_before = self.bytes;
        let verdict = self.run(limits, build);
        let again = self.transaction.may_run_again();
        let rests_on = (self.bytes > 0).then(|| self.pledge.outcome());
        Member { verdict, again, rests_on, changed: self.bytes != bytes_before }
    }

    fn run(
        &mut self,
        limits: Limits,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let newest = Overlay::new(&self.transaction, std::mem::take(&mut self.pending));
        let built = panic::catch_unwind(AssertUnwindSafe(|| build(&newest)));
        // What others have added outlives a panic.
        self.pending = newest.into_batch();
        let batch = match built.unwrap_or_else(|payload| panic::resume_unwind(payload)) {
            Ok(batch) => batch,
            Err(Abort::Refused) => return Ok(Commit::Refused),
            Err(Abort::Store(error)) => return Err(error),
        };
        limits.check(&batch)?;
        self.bytes += bytes_of(&batch);
        self.pending.append(batch);
        Ok(Commit::Applied)
    }

    /// Whether it takes no more members. After a statement has failed the transaction can only be undone.
    fn is_full(&self) -> bool {
        self.transaction.has_failed() || self.members >= MOST_MEMBERS || self.bytes >= MOST_BYTES
    }
}

fn bytes_of(batch: &Batch) -> usize {
    batch.iter().map(|(key, value)| key.as_bytes().len() + value.map_or(0, |value| value.len())).sum()
}

impl Member {
    /// Waits until what the verdict rests on is durable, and answers.
    pub(crate) fn answer(self) -> Result<Attempt, StoreError> {
        if self.again {
            let reason = "the connection was lost while the write was put together".to_owned();
            return Ok(Attempt::Again(unavailable(reason)));
        }
        match self.rests_on.map_or(Fate::Durable, |outcome| outcome.wait()) {
            Fate::Durable => self.verdict.map(Attempt::Done),
            Fate::Unknown(reason) if self.changed => Err(StoreError::CommitUnknown { reason }),
            // What it was decided on may never have been.
            Fate::Unknown(reason) | Fate::Lost(reason) => Ok(Attempt::Again(unavailable(reason))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_tenants_turns() {
        let queue = Queue::default();
        let tenants = [1, 2].map(|number| TenantId::from_uuid(uuid::Uuid::from_u128(number)));
        let turns = tenants.map(|tenant| queue.take_turn(tenant));
        assert_eq!(queue.0.lock().len(), 2);
        drop(turns);
        assert!(queue.0.lock().is_empty());
    }
}

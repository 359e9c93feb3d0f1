//! Group commit: writers that wait while another one commits share the next commit.
//!
//! A writer takes its turn, runs its `build` on what its group has changed so far, and adds its batch. If others wait
//! for the turn, the writer leaves the transaction to the next of them; the last one commits for all. A lone writer
//! waits for nobody. Tenants take turns, so that one with many writers delays another by one of them at most.

use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    Abort, Batch, Commit, CommitOutcome, Limits, Snapshot, StoreError,
    promise::{CommitHandle, CommitPromise},
    turns::Turns,
};
use crate::base::TenantId;

/// The part of a group commit that a backend does itself. All of it runs in the turn of one writer.
pub trait GroupCommit {
    /// A transaction that the writers of a group share.
    type Transaction;
    /// State that only the writer whose turn it is may touch, with or without an open group.
    type State;

    /// Begins the transaction of a new group.
    ///
    /// # Errors
    /// Any; it is returned to the writer that would have opened the group.
    fn begin(&self, state: &mut Self::State, tenant: TenantId) -> Result<Self::Transaction, StoreError>;

    /// Runs `build` on what the group has made of the newest state, and adds the batch, which is within the limits.
    ///
    /// To be correct:
    /// - `build` sees the batches that earlier writers of the group have added;
    /// - after an error or a panic those batches are still there and nothing is added to them, or the transaction is no
    ///   longer [`Sound`](Condition::Sound).
    ///
    /// # Errors
    /// The error that `build` aborted with, or the one that kept its batch from being added.
    fn run(
        &self,
        transaction: &mut Self::Transaction,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort>;

    /// The condition of a transaction after a `build`.
    fn condition(&self, transaction: &Self::Transaction) -> Condition;

    /// The time since a transaction began, by a clock that does not step.
    fn age(&self, transaction: &Self::Transaction) -> Duration;

    /// Commits a sound transaction that holds at least one change, and determines its outcome.
    fn commit(&self, state: &mut Self::State, transaction: Self::Transaction) -> CommitOutcome;

    /// Undoes a transaction that is not sound.
    fn abandon(&self, state: &mut Self::State, transaction: Self::Transaction) {
        let _ = state;
        drop(transaction);
    }
}

/// The condition of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It takes more writes, and can be committed.
    Sound,
    /// It can only be undone, for a reason that may have passed: the write that met it is retried.
    Interrupted,
    /// It can only be undone, and the write that broke it fails.
    Broken,
}

/// The bounds of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupOptions {
    /// The sizes that each batch keeps to.
    pub limits: Limits,
    /// The number of writes after which a group commits, so that an endless stream does not keep the first one waiting.
    pub members: usize,
    /// The bytes after which a group commits, since they are all held in memory until then.
    pub bytes: usize,
    /// The age at which a group commits, so that slow writers do not keep the others of it waiting. Tenants that wait and
    /// have had no turn in it have one before.
    pub time: Duration,
    /// Attempts at a write, at most, while nothing of it is applied and another attempt may help.
    pub attempts: usize,
}

impl GroupOptions {
    /// The members of a group, unless a backend has a reason for another number.
    pub const MEMBERS: usize = 128;
    /// The time of a group, unless a backend has a reason for another one: a few syncs of a disk.
    pub const TIME: Duration = Duration::from_millis(20);
}

/// The turn to write, which tenants take in a circle; the writers of one tenant keep the order of their arrival.
pub struct GroupQueue<T, S> {
    options: GroupOptions,
    turns: Turns,
    /// Locked only by the thread that has the turn.
    turn: Mutex<Turn<T, S>>,
}

struct Turn<T, S> {
    state: S,
    /// Open only while a writer waits who will commit it or leave it to the next.
    group: Option<Group<T>>,
}

/// The writers that share a transaction.
struct Group<T> {
    transaction: T,
    promise: CommitPromise,
    members: usize,
    bytes: usize,
}

/// A write that has had its turn.
struct Member {
    verdict: Result<Commit, StoreError>,
    /// The commit without which the verdict is not true.
    rests_on: Option<CommitHandle>,
    has_changes: bool,
    was_interrupted: bool,
}

/// The end of one attempt at a write.
enum Attempt {
    Done(Result<Commit, StoreError>),
    /// Nothing was applied, and running the write again may help.
    Again(StoreError),
}

impl<T, S> GroupQueue<T, S> {
    /// A queue in which nobody waits.
    #[must_use]
    pub fn new(options: GroupOptions, state: S) -> Self {
        Self { options, turns: Turns::default(), turn: Mutex::new(Turn { state, group: None }) }
    }

    /// The bounds of its groups.
    #[must_use]
    pub fn options(&self) -> &GroupOptions {
        &self.options
    }

    /// The number of writers of a tenant that wait for the turn.
    #[must_use]
    pub fn waiting(&self, tenant: TenantId) -> usize {
        self.turns.waiting(tenant)
    }

    /// Does some work on the state if nobody has the turn and no group is open; otherwise gives `None` at once.
    pub fn try_idle<R>(&self, work: impl FnOnce(&mut S) -> R) -> Option<R> {
        let _taken = self.turns.try_take()?;
        let mut turn = self.turn.lock();
        if turn.group.is_some() {
            return None;
        }
        Some(work(&mut turn.state))
    }

    /// Waits for the turn, commits the group that is open, if there is one, and does some work on the state.
    pub fn in_turn<B: GroupCommit<Transaction = T, State = S>, R>(
        &self,
        backend: &B,
        work: impl FnOnce(&mut S) -> R,
    ) -> R {
        // It is for the store as a whole, as the directory is.
        let _taken = self.turns.take(TenantId::DIRECTORY);
        let mut turn = self.turn.lock();
        if let Some(group) = turn.group.take() {
            group.finish(backend, &mut turn.state);
        }
        self.turns.end_group();
        work(&mut turn.state)
    }

    /// Does [`Store::write`](super::Store::write) by group commit.
    ///
    /// To be correct:
    /// - writers that wait share one commit, and each `build` sees what the group has added before it;
    /// - all writers that share a commit hear the same outcome of it;
    /// - an answer that rests on changes is given only once they are durable: that of the writer that made them, and a
    ///   refusal or an error of a writer that saw them. If they are lost, such a write runs again, and after its last
    ///   attempt is told why the commit was lost;
    /// - if the outcome of a commit is unknown, only the writers that changed something in it are told so; a writer
    ///   that only saw its changes runs again, and after its last attempt finds the store unavailable;
    /// - an answer that rests on no change of the group stands, even if the commit fails;
    /// - no group is left open when nobody waits for the turn;
    /// - writers of different tenants take turns: one waits for one write of each other tenant at most, however many wait;
    /// - a group takes at most `members` writes, and no more once it has `bytes`, or once it is as old as `time` and each
    ///   tenant that waits has had a turn in it;
    /// - a panic in `build` reaches its caller, and loses no other batch of the group;
    /// - a transaction that is not sound is never committed; the writer that met the reason is told it;
    /// - a group that changes nothing is not committed at all.
    ///
    /// # Errors
    /// Those of [`Store::write`](super::Store::write).
    pub fn write<B: GroupCommit<Transaction = T, State = S>>(
        &self,
        backend: &B,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let mut attempt = 1;
        loop {
            match self.take_part(backend, tenant, build) {
                Attempt::Done(answer) => return answer,
                Attempt::Again(error) if attempt >= self.options.attempts => return Err(error),
                Attempt::Again(_) => attempt += 1,
            }
        }
    }

    fn take_part<B: GroupCommit<Transaction = T, State = S>>(
        &self,
        backend: &B,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Attempt {
        let taken = self.turns.take(tenant);
        let mut turn = self.turn.lock();
        // A panic is carried past the end of the turn, since others may depend on this thread to commit their writes.
        let member =
            panic::catch_unwind(AssertUnwindSafe(|| turn.admit(backend, &self.options, tenant, build)));
        self.turns.note_in_group(tenant);
        if let Some(group) = turn.group.take_if(|group| self.is_ripe(backend, group)) {
            group.finish(backend, &mut turn.state);
        }
        if turn.group.is_none() {
            self.turns.end_group();
        }
        drop(turn);
        drop(taken);
        match member.unwrap_or_else(|payload| panic::resume_unwind(payload)) {
            Ok(member) => member.answer(),
            Err(error) => Attempt::Done(Err(error)),
        }
    }

    /// True when a group must be finished before the turn ends.
    fn is_ripe<B: GroupCommit<Transaction = T, State = S>>(&self, backend: &B, group: &Group<T>) -> bool {
        self.turns.is_last()
            || group.members >= self.options.members
            || group.bytes >= self.options.bytes
            || backend.age(&group.transaction) >= self.options.time && self.turns.is_round_over()
            || backend.condition(&group.transaction) != Condition::Sound
    }
}

impl<T, S> Turn<T, S> {
    /// Runs one write in the open group, or in a new one.
    fn admit<B: GroupCommit<Transaction = T, State = S>>(
        &mut self,
        backend: &B,
        options: &GroupOptions,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Member, StoreError> {
        let group = match self.group.take() {
            Some(group) => group,
            None => Group::new(backend.begin(&mut self.state, tenant)?),
        };
        Ok(self.group.insert(group).admit(backend, options.limits, tenant, build))
    }
}

impl<T> Group<T> {
    fn new(transaction: T) -> Self {
        Self { transaction, promise: CommitPromise::default(), members: 0, bytes: 0 }
    }

    fn has_changes(&self) -> bool {
        self.bytes > 0
    }

    fn admit<B: GroupCommit<Transaction = T>>(
        &mut self,
        backend: &B,
        limits: Limits,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Member {
        self.members += 1;
        let mut bytes = 0;
        let ran = backend.run(&mut self.transaction, tenant, &mut |newest| {
            let batch = build(newest)?;
            // A key is a byte at least, so a batch of none changes nothing.
            bytes = limits.measure(&batch)?;
            Ok(batch)
        });
        let verdict = match ran {
            Ok(()) => Ok(Commit::Applied),
            Err(Abort::Refused) => Ok(Commit::Refused),
            Err(Abort::Store(error)) => Err(error),
        };
        let has_changes = bytes > 0 && matches!(verdict, Ok(Commit::Applied));
        if has_changes {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        let condition = backend.condition(&self.transaction);
        // The reason why a transaction broke stays true although it is never committed.
        let is_the_reason = condition == Condition::Broken && verdict.is_err();
        let rests_on = if self.has_changes() && !is_the_reason { Some(self.promise.handle()) } else { None };
        Member { verdict, rests_on, has_changes, was_interrupted: condition == Condition::Interrupted }
    }

    fn finish<B: GroupCommit<Transaction = T>>(self, backend: &B, state: &mut B::State) {
        let has_changes = self.has_changes();
        let Self { transaction, promise, .. } = self;
        let outcome = match backend.condition(&transaction) {
            Condition::Sound if has_changes => backend.commit(state, transaction),
            Condition::Sound => CommitOutcome::Durable,
            Condition::Interrupted | Condition::Broken => {
                backend.abandon(state, transaction);
                let reason = "another write of the same commit has broken the transaction".to_owned();
                CommitOutcome::lost(StoreError::Unavailable { reason })
            }
        };
        promise.settle(outcome);
    }
}

impl Member {
    /// Waits until what the verdict rests on is durable or is not, and ends the attempt.
    fn answer(self) -> Attempt {
        if self.was_interrupted {
            let reason = "the transaction was interrupted".to_owned();
            return Attempt::Again(self.verdict.err().unwrap_or(StoreError::Unavailable { reason }));
        }
        match self.rests_on.map_or(CommitOutcome::Durable, |commit| commit.wait()) {
            CommitOutcome::Durable => Attempt::Done(self.verdict),
            CommitOutcome::Lost(why) => Attempt::Again(why.retold()),
            CommitOutcome::Unknown(reason) if self.has_changes => {
                Attempt::Done(Err(StoreError::CommitUnknown { reason }))
            }
            CommitOutcome::Unknown(reason) => Attempt::Again(StoreError::Unavailable { reason }),
        }
    }
}

impl<T, S> fmt::Debug for GroupQueue<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupQueue")
            .field("options", &self.options)
            .field("turns", &self.turns)
            .finish_non_exhaustive()
    }
}

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Figures, Incarnation, Key, KeyRange, Limits, Snapshot, Store,
        StoreError,
    },
};

use crate::Random;

/// A store that fails where it is told to and otherwise does as the inner one.
///
/// Taking a snapshot and each read of one, within `build` too, is a read; each call of `write` is a write. Both are
/// counted from the next one, which is number 0.
#[derive(Debug)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
}

/// Failure of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFault {
    /// With [`StoreError::Unavailable`].
    Unavailable,
    /// With [`StoreError::Corrupt`].
    Corrupt,
}

/// Failure of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// Before anything is done, with [`StoreError::Unavailable`].
    Unavailable,
    /// Before anything is applied, but after `build` has run, with [`StoreError::Conflict`].
    Conflict,
    /// No failure for the caller: the store meets a conflict, and runs `build` again.
    BuiltTwice,
    /// After the batch was applied, with [`StoreError::CommitUnknown`].
    AnswerLost,
    /// Before anything is applied, but after `build` has run, with [`StoreError::CommitUnknown`].
    CommitLost,
}

#[derive(Debug, Default)]
struct Plan {
    reads: Faults<ReadFault>,
    writes: Faults<WriteFault>,
}

/// The faults of one sort of operation: some at given numbers, others at random.
#[derive(Debug)]
struct Faults<F> {
    next: usize,
    planned: BTreeMap<usize, F>,
    random: Option<(Random, usize, Vec<F>)>,
}

struct FaultySnapshot<'a, P> {
    inner: P,
    store: &'a FaultyStore,
}

impl WriteFault {
    /// Every way in which a write fails.
    pub const ALL: [WriteFault; 5] =
        [Self::Unavailable, Self::Conflict, Self::BuiltTwice, Self::AnswerLost, Self::CommitLost];
}

impl FaultyStore {
    /// A store that has no faults yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// Makes a read fail, `0` for the next one.
    pub fn fail_read(&self, number: usize, fault: ReadFault) {
        self.plan.lock().reads.plan(number, fault);
    }

    /// Makes a write fail, `0` for the next one.
    pub fn fail_write(&self, number: usize, fault: WriteFault) {
        self.plan.lock().writes.plan(number, fault);
    }

    /// Makes one read in `once_in` unavailable, chosen by a seed; none for zero.
    pub fn fail_reads_at_random(&self, seed: u64, once_in: usize) {
        self.plan.lock().reads.random = Some((Random::new(seed), once_in, vec![ReadFault::Unavailable]));
    }

    /// Makes one write in `once_in` fail in one of these ways, chosen by a seed; none for zero.
    pub fn fail_writes_at_random(&self, seed: u64, once_in: usize, faults: &[WriteFault]) {
        self.plan.lock().writes.random = Some((Random::new(seed), once_in, faults.to_vec()));
    }

    /// Drops all faults that have not occurred yet.
    pub fn heal(&self) {
        *self.plan.lock() = Plan::default();
    }

    fn read(&self) -> Result<(), StoreError> {
        let fault = self.plan.lock().reads.take();
        match fault {
            None => Ok(()),
            Some(ReadFault::Unavailable) => Err(unavailable()),
            Some(ReadFault::Corrupt) => Err(StoreError::Corrupt { what: "a fault on purpose".to_owned() }),
        }
    }

    /// Runs `build` on the newest state and forgets its batch; true when it refused to make one.
    fn build_in_vain(&self, tenant: TenantId, build: &mut Build<'_>) -> Result<bool, StoreError> {
        let mut refused = false;
        let _ = self.inner.write(tenant, &mut |inner| {
            let batch = build(&FaultySnapshot { inner, store: self });
            refused = batch.is_err();
            self.limits().check(&batch?)?;
            Err(Abort::Refused)
        })?;
        Ok(refused)
    }
}

type Build<'a> = dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort> + 'a;

fn unavailable() -> StoreError {
    StoreError::Unavailable { reason: "a fault on purpose".to_owned() }
}

fn unknown() -> StoreError {
    StoreError::CommitUnknown { reason: "a fault on purpose".to_owned() }
}

#[deny(clippy::missing_trait_methods)]
impl Store for FaultyStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.read()?;
        self.inner.ready()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.read()?;
        Ok(Box::new(FaultySnapshot { inner: self.inner.snapshot(tenant)?, store: self }))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let fault = self.plan.lock().writes.take();
        if fault == Some(WriteFault::Unavailable) {
            return Err(unavailable());
        }
        if let Some(WriteFault::Conflict | WriteFault::CommitLost | WriteFault::BuiltTwice) = fault
            && self.build_in_vain(tenant, build)?
        {
            return Ok(Commit::Refused);
        }
        match fault {
            Some(WriteFault::Conflict) => return Err(StoreError::Conflict),
            Some(WriteFault::CommitLost) => return Err(unknown()),
            _ => {}
        }
        let commit = self.inner.write(tenant, &mut |inner| build(&FaultySnapshot { inner, store: self }))?;
        let lost = fault == Some(WriteFault::AnswerLost) && commit == Commit::Applied;
        if lost { Err(unknown()) } else { Ok(commit) }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<'a, P: Deref<Target = dyn Snapshot + 'a>> Snapshot for FaultySnapshot<'_, P> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.store.read()?;
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.store.read()?;
        self.inner.get_many(keys)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.store.read()?;
        self.inner.prefetch(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.store.read()?;
        self.inner.scan(range, direction, limit)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        self.inner.incarnation()
    }
}

impl<F: Copy> Faults<F> {
    fn plan(&mut self, number: usize, fault: F) {
        self.planned.insert(self.next.saturating_add(number), fault);
    }

    fn take(&mut self) -> Option<F> {
        let planned = self.planned.remove(&self.next);
        self.next = self.next.saturating_add(1);
        let random = self
            .random
            .as_mut()
            .and_then(|(random, once_in, faults)| random.once_in(*once_in).then(|| random.one_of(faults)));
        planned.or(random)
    }
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self { next: 0, planned: BTreeMap::new(), random: None }
    }
}

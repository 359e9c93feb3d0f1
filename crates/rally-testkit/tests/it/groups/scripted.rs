use std::{
    collections::BTreeMap,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, CommitOutcome, Condition, Figures, GroupCommit, GroupOptions, GroupQueue,
        Limits, MemoryStore, Overlay, Snapshot, Store, StoreError,
    },
};
use rally_testkit::properties::{GroupFault, Grouped};

/// The age of every group.
const AGE: Duration = Duration::from_secs(1);

/// A store in memory that commits in groups and meets the faults that it is told to.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub(crate) backend: Backend,
    pub(crate) queue: GroupQueue<Pending, ()>,
}

#[derive(Debug, Default)]
pub(crate) struct Backend {
    pub(crate) durable: MemoryStore,
    pub(crate) commits: AtomicUsize,
    fault: Mutex<Option<GroupFault>>,
}

/// The batches of a group.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) batches: BTreeMap<TenantId, Batch>,
    pub(crate) condition: Condition,
}

impl Scripted {
    pub(crate) fn new(options: GroupOptions) -> Self {
        Self { backend: Backend::default(), queue: GroupQueue::new(options, ()) }
    }
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self { batches: BTreeMap::new(), condition: Condition::Sound }
    }
}

impl Backend {
    pub(crate) fn fail(&self, fault: GroupFault) {
        *self.fault.lock().unwrap() = Some(fault);
    }

    fn take_fault(&self, wanted: &[GroupFault]) -> Option<GroupFault> {
        self.fault.lock().unwrap().take_if(|fault| wanted.contains(fault))
    }
}

impl GroupCommit for Backend {
    type Transaction = Pending;
    type State = ();

    fn begin(&self, (): &mut (), _: TenantId) -> Result<Pending, StoreError> {
        Ok(Pending::new())
    }

    fn run(
        &self,
        pending: &mut Pending,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        let before = self.durable.snapshot(tenant)?;
        let added = pending.batches.entry(tenant).or_default();
        let newest = Overlay::new(&*before, mem::take(added));
        let built = catch_unwind(AssertUnwindSafe(|| build(&newest)));
        *added = newest.into_batch();
        let batch = built.unwrap_or_else(|panic| resume_unwind(panic))?;
        let faults = [GroupFault::BreakTransaction, GroupFault::InterruptTransaction];
        match self.take_fault(&faults) {
            None => {}
            Some(GroupFault::InterruptTransaction) => pending.condition = Condition::Interrupted,
            Some(_) => pending.condition = Condition::Broken,
        }
        if pending.condition != Condition::Sound {
            return Err(StoreError::Backend { source: "on purpose".into() }.into());
        }
        added.append(batch);
        Ok(())
    }

    fn condition(&self, pending: &Pending) -> Condition {
        pending.condition
    }

    fn age(&self, _: &Pending) -> Duration {
        AGE
    }

    fn commit(&self, (): &mut (), pending: Pending) -> CommitOutcome {
        self.commits.fetch_add(1, Ordering::SeqCst);
        let reason = "on purpose".to_owned();
        match self.take_fault(&[GroupFault::LoseCommit, GroupFault::DoubtCommit]) {
            None => {}
            Some(GroupFault::LoseCommit) => return CommitOutcome::lost(StoreError::Unavailable { reason }),
            Some(_) => return CommitOutcome::Unknown(reason),
        }
        for (tenant, batch) in pending.batches {
            let commit = self.durable.write(tenant, &mut |_| Ok(batch.clone()));
            assert_eq!(commit.unwrap(), Commit::Applied);
        }
        CommitOutcome::Durable
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Scripted {
    fn limits(&self) -> Limits {
        self.queue.options().limits
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.backend.durable.ready()
    }

    fn figures(&self) -> Figures {
        self.backend.durable.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.backend.durable.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.queue.write(&self.backend, tenant, build)
    }
}

impl Grouped for Scripted {
    fn store(&self) -> &dyn Store {
        self
    }

    fn options(&self) -> GroupOptions {
        *self.queue.options()
    }

    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped> {
        Arc::new(Self::new(GroupOptions { time, ..self.options() }))
    }

    fn waiting(&self, tenant: TenantId) -> usize {
        self.queue.waiting(tenant)
    }

    fn commits(&self) -> usize {
        self.backend.commits.load(Ordering::SeqCst)
    }

    fn fail(&self, fault: GroupFault) -> bool {
        self.backend.fail(fault);
        true
    }

    fn heal(&self) {}
}

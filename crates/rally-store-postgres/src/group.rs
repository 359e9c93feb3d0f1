//! Writers of one tenant that share a commit. One of them holds a connection and the tenant's lock; the others wait in
//! this process and hold nothing.

use std::{
    collections::HashMap,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, CommitOutcome, Condition, GroupCommit, GroupOptions, GroupQueue, Overlay,
        Snapshot, StoreError,
    },
};

use crate::{
    error::unavailable,
    store::Database,
    transaction::{Failure, Purpose, Transaction},
};

/// The queues of the tenants that are being written.
pub(crate) struct Queues {
    options: GroupOptions,
    tenants: Mutex<HashMap<TenantId, Arc<Queue>>>,
}

type Queue = GroupQueue<Pending, ()>;

/// A transaction that several writes share, and what they have added to it so far.
pub(crate) struct Pending {
    transaction: Transaction,
    batch: Batch,
    /// The writes that have added to it.
    writes: usize,
    began: Instant,
}

/// A place in a tenant's queue, which is gone with the last writer.
struct Place<'q> {
    queues: &'q Queues,
    tenant: TenantId,
    queue: Arc<Queue>,
}

/// The backend of a write that has waited since an instant.
struct Writer<'s> {
    database: &'s Arc<Database>,
    since: Instant,
}

impl Queues {
    pub(crate) fn new(options: GroupOptions) -> Self {
        Self { options, tenants: Mutex::default() }
    }

    /// Writes with the others of the tenant.
    pub(crate) fn write(
        &self,
        database: &Arc<Database>,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let place = self.place(tenant);
        place.queue.write(&Writer { database, since: Instant::now() }, tenant, build)
    }

    fn place(&self, tenant: TenantId) -> Place<'_> {
        let mut tenants = self.tenants.lock();
        let queue = tenants.entry(tenant).or_insert_with(|| Arc::new(Queue::new(self.options, ())));
        Place { queues: self, tenant, queue: Arc::clone(queue) }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self, tenant: TenantId) -> usize {
        self.tenants.lock().get(&tenant).map_or(0, |queue| queue.waiting(tenant))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut tenants = self.queues.tenants.lock();
        // The map and this place have it, so nobody else waits or is about to.
        if Arc::strong_count(&self.queue) == 2 {
            tenants.remove(&self.tenant);
        }
    }
}

impl GroupCommit for Writer<'_> {
    type Transaction = Pending;
    type State = ();

    /// # Errors
    /// `Unavailable` when the database has kept the writers before this one so long that it is not asked once more.
    fn begin(&self, (): &mut (), tenant: TenantId) -> Result<Pending, StoreError> {
        if self.since.elapsed() > self.database.options().wait {
            return Err(unavailable("the writes of this tenant before it take too long".to_owned()));
        }
        let transaction = Transaction::new(self.database, tenant, Purpose::Writing);
        Ok(Pending { transaction, batch: Batch::new(), writes: 0, began: Instant::now() })
    }

    fn run(
        &self,
        pending: &mut Pending,
        _: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<(), Abort> {
        let newest = Overlay::new(&pending.transaction, std::mem::take(&mut pending.batch));
        let built = panic::catch_unwind(AssertUnwindSafe(|| build(&newest)));
        // What others have added outlives a panic.
        pending.batch = newest.into_batch();
        let batch = built.unwrap_or_else(|payload| panic::resume_unwind(payload))?;
        pending.writes += usize::from(!batch.is_empty());
        pending.batch.append(batch);
        Ok(())
    }

    fn condition(&self, pending: &Pending) -> Condition {
        match pending.transaction.failure() {
            None => Condition::Sound,
            Some(Failure::Passing) => Condition::Interrupted,
            Some(Failure::Lasting) => Condition::Broken,
        }
    }

    fn age(&self, pending: &Pending) -> Duration {
        pending.began.elapsed()
    }

    fn commit(&self, (): &mut (), pending: Pending) -> CommitOutcome {
        let began = Instant::now();
        let outcome = pending.transaction.commit(&pending.batch);
        self.database.commits.add(began.elapsed(), pending.writes);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_queue_is_left_when_nobody_writes() {
        let queues = Queues::new(crate::store::groups(&crate::Options::default()));
        let tenants = [1, 2].map(|number| TenantId::from_uuid(uuid::Uuid::from_u128(number)));
        let places = tenants.map(|tenant| queues.place(tenant));
        assert_eq!(queues.tenants.lock().len(), 2);
        drop(places);
        assert!(queues.tenants.lock().is_empty());
    }
}

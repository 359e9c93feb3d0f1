use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Figures, Incarnation, Key, KeyRange, Limits, Snapshot, Space,
        Store, StoreError,
    },
};

/// A store whose database fails over to a standby when a test says so: another incarnation begins, in which a tenant may be as it
/// was before.
///
/// ```
/// use std::sync::Arc;
/// use rally_core::{TenantId, store::{MemoryStore, Store}};
/// use rally_testkit::FailoverStore;
///
/// let store = FailoverStore::new(Arc::new(MemoryStore::new()));
/// let kept = store.rows(TenantId::DIRECTORY);
/// // What is written here is lost.
/// store.fail_over(&[(TenantId::DIRECTORY, kept)]);
/// # let _ = store.snapshot(TenantId::DIRECTORY);
/// ```
#[derive(Debug)]
pub struct FailoverStore {
    inner: Arc<dyn Store>,
    incarnation: AtomicU64,
}

impl FailoverStore {
    /// A store in its first incarnation, which is not [`Incarnation::ONLY`].
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, incarnation: AtomicU64::new(1) }
    }

    /// All rows of a tenant.
    ///
    /// # Panics
    ///
    /// Panics if the store does not answer.
    #[must_use]
    pub fn rows(&self, tenant: TenantId) -> Vec<Entry> {
        let snapshot = self.inner.snapshot(tenant).expect("the store answers");
        let rows = |space| {
            let all = KeyRange::prefix(&Key::new(Space(space)));
            snapshot.scan(&all, Direction::Forward, usize::MAX).expect("the store answers")
        };
        (0..=u8::MAX).flat_map(rows).collect()
    }

    /// Begins another incarnation, in which these tenants have only the rows given, and all others what they have now.
    ///
    /// # Panics
    ///
    /// Panics if the store does not answer.
    pub fn fail_over(&self, kept: &[(TenantId, Vec<Entry>)]) {
        for (tenant, rows) in kept {
            let mut batch = Batch::new();
            self.rows(*tenant).into_iter().for_each(|row| batch.delete(row.key));
            rows.iter().for_each(|row| batch.put(row.key.clone(), row.value.clone()));
            let written = self.inner.write(*tenant, &mut |_| Ok(batch.clone()));
            assert_eq!(written.expect("the store answers"), Commit::Applied);
        }
        self.incarnation.fetch_add(1, Ordering::Relaxed);
    }

    fn incarnation(&self) -> Incarnation {
        Incarnation::from_number(self.incarnation.load(Ordering::Relaxed).into())
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for FailoverStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let inner = self.inner.snapshot(tenant)?;
        Ok(Box::new(IncarnateSnapshot { inner, incarnation: self.incarnation() }))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.inner
            .write(tenant, &mut |inner| build(&IncarnateSnapshot { inner, incarnation: self.incarnation() }))
    }
}

/// A snapshot in an incarnation.
struct IncarnateSnapshot<P> {
    inner: P,
    incarnation: Incarnation,
}

#[deny(clippy::missing_trait_methods)]
impl<'a, P: Deref<Target = dyn Snapshot + 'a>> Snapshot for IncarnateSnapshot<P> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.get_many(keys)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.inner.prefetch(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(range, direction, limit)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        Ok(self.incarnation)
    }
}

use std::{cell::RefCell, collections::HashSet, ops::Deref, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Figures, Incarnation, Key, KeyRange, Limits, Snapshot, Store,
        StoreError,
    },
};

/// A store that counts what it is asked, for tests that say what an operation costs.
#[derive(Debug)]
pub struct CountingStore {
    inner: Arc<dyn Store>,
    counts: Mutex<Counts>,
}

/// Counts of the calls to a store. Reads within `build` count like those of a snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls of `ready`.
    pub readies: usize,
    /// Snapshots taken.
    pub snapshots: usize,
    /// Calls of `get`.
    pub gets: usize,
    /// Calls of `get_many`.
    pub get_manys: usize,
    /// Keys that those calls asked for.
    pub keys_asked: usize,
    /// Calls of `prefetch`.
    pub prefetches: usize,
    /// Calls of `scan`.
    pub scans: usize,
    /// Entries that those calls returned.
    pub entries: usize,
    /// Reads that a store behind a network goes for: all but those of keys that were announced by `prefetch`.
    pub round_trips: usize,
    /// Calls of `write`.
    pub writes: usize,
    /// Runs of `build`.
    pub builds: usize,
    /// Keys of the batches that were applied.
    pub changes: usize,
}

struct CountingSnapshot<'a, P> {
    inner: P,
    counts: &'a Mutex<Counts>,
    /// Keys that were announced.
    announced: RefCell<HashSet<Key>>,
}

impl CountingStore {
    /// A store that counts from zero and otherwise does as `inner` does.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, counts: Mutex::default() }
    }

    /// Counts since it was made or reset.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        *self.counts.lock() = Counts::default();
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for CountingStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn ready(&self) -> Result<(), StoreError> {
        self.counts.lock().readies += 1;
        self.inner.ready()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.counts.lock().snapshots += 1;
        let inner = self.inner.snapshot(tenant)?;
        Ok(Box::new(CountingSnapshot::over(inner, &self.counts)))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.counts.lock().writes += 1;
        let mut changes = 0;
        let commit = self.inner.write(tenant, &mut |inner| {
            self.counts.lock().builds += 1;
            let batch = build(&CountingSnapshot::over(inner, &self.counts))?;
            changes = batch.len();
            Ok(batch)
        })?;
        if commit == Commit::Applied {
            self.counts.lock().changes += changes;
        }
        Ok(commit)
    }
}

impl<'c, P> CountingSnapshot<'c, P> {
    fn over(inner: P, counts: &'c Mutex<Counts>) -> Self {
        Self { inner, counts, announced: RefCell::default() }
    }

    /// A round trip, unless all keys were announced.
    fn round_trips(&self, keys: &[Key]) -> usize {
        let announced = self.announced.borrow();
        usize::from(keys.iter().any(|key| !announced.contains(key)))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<'a, P: Deref<Target = dyn Snapshot + 'a>> Snapshot for CountingSnapshot<'_, P> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let mut counts = self.counts.lock();
        counts.gets += 1;
        counts.round_trips += self.round_trips(std::slice::from_ref(key));
        drop(counts);
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut counts = self.counts.lock();
        counts.get_manys += 1;
        counts.keys_asked += keys.len();
        counts.round_trips += self.round_trips(keys);
        drop(counts);
        self.inner.get_many(keys)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let mut counts = self.counts.lock();
        counts.prefetches += 1;
        counts.round_trips += self.round_trips(keys);
        drop(counts);
        self.announced.borrow_mut().extend(keys.iter().cloned());
        self.inner.prefetch(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let entries = self.inner.scan(range, direction, limit)?;
        let mut counts = self.counts.lock();
        counts.scans += 1;
        counts.round_trips += 1;
        counts.entries += entries.len();
        Ok(entries)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        self.inner.incarnation()
    }
}

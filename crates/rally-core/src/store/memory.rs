use std::{collections::HashMap, fmt, ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::{Mutex, RwLock};

use super::{Abort, Batch, Commit, Direction, Entry, Key, KeyRange, Limits, Snapshot, Store, StoreError};
use crate::base::TenantId;

/// A store in memory, for tests, fakes and caches that may be lost.
///
/// Each tenant's state is one persistent map. A snapshot is a reference to it, so taking one costs the same for a
/// tenant of any size. No reader waits while a write is built, only for the few microseconds in which a small finished
/// batch is put in place. Nothing is durable.
#[derive(Default)]
pub struct MemoryStore {
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
}

type Map = OrdMap<Key, Bytes>;

/// A batch of at most this many changes is put in place while readers wait, for a few microseconds: that is much less
/// work than copying what it touches. A larger one is put into a copy.
const SMALL: usize = 32;

/// After this many keys that did not follow the one before, keys are taken to be scattered.
const SCATTERED: usize = 2;

#[derive(Default)]
struct Tenant {
    /// Held for the whole of a write, so that no other comes between.
    writer: Mutex<()>,
    /// Held only as long as it takes to copy a reference or to put a small batch in.
    newest: RwLock<Map>,
}

struct MemorySnapshot(Map);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tenant(&self, tenant: TenantId) -> Arc<Tenant> {
        if let Some(known) = self.tenants.read().get(&tenant) {
            return Arc::clone(known);
        }
        Arc::clone(self.tenants.write().entry(tenant).or_default())
    }
}

impl Store for MemoryStore {
    fn limits(&self) -> Limits {
        Limits { key_bytes: 8 << 10, value_bytes: 16 << 20, batch_bytes: 256 << 20 }
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let newest = self.tenants.read().get(&tenant).map(|known| known.newest.read().clone());
        Ok(Box::new(MemorySnapshot(newest.unwrap_or_default())))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        let tenant = self.tenant(tenant);
        let _writing = tenant.writer.lock();
        // The snapshot is gone before the batch is applied, so that a map that nobody else holds is changed in place.
        let batch = match build(&MemorySnapshot(tenant.newest.read().clone())) {
            Ok(batch) => batch,
            Err(Abort::Refused) => return Ok(Commit::Refused),
            Err(Abort::Store(error)) => return Err(error),
        };
        self.limits().check(&batch)?;
        if batch.len() <= SMALL {
            apply(batch, &mut tenant.newest.write());
        } else {
            let mut next = tenant.newest.read().clone();
            apply(batch, &mut next);
            let before = std::mem::replace(&mut *tenant.newest.write(), next);
            drop(before);
        }
        Ok(Commit::Applied)
    }
}

fn apply(batch: Batch, map: &mut Map) {
    for (key, value) in batch.into_changes() {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

impl Snapshot for MemorySnapshot {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        // Keys that are asked for together often stand together; the next entry is then cheaper than a search.
        let mut ahead = self.0.range::<_, Key>(..).peekable();
        let mut missed = 0;
        let find = |key: &Key| {
            if let Some((_, value)) = ahead.next_if(|(next, _)| *next == key) {
                return Some(value.clone());
            }
            missed += 1;
            if missed > SCATTERED {
                return self.0.get(key).cloned();
            }
            ahead = self.0.range::<_, Key>(key..).peekable();
            ahead.next_if(|(next, _)| *next == key).map(|(_, value)| value.clone())
        };
        Ok(keys.iter().map(find).collect())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let upper = range.end().map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.0.range::<_, Key>((Bound::Included(range.start()), upper));
        let entry = |(key, value): (&Key, &Bytes)| Entry { key: key.clone(), value: value.clone() };
        Ok(match direction {
            Direction::Forward => found.take(limit).map(entry).collect(),
            Direction::Backward => found.rev().take(limit).map(entry).collect(),
        })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tenants", &self.tenants.read().len()).finish_non_exhaustive()
    }
}

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::{
    Abort, Batch, Commit, Direction, Entry, Key, KeyRange, Limits, Snapshot, Store, StoreError,
    tree::{Deletions, Tree},
};
use crate::base::TenantId;

/// A store in memory, for tests, fakes and caches that may be lost.
///
/// Each tenant's state is one persistent map. A snapshot is a reference to it, so taking one costs the same for a
/// tenant of any size. No reader waits while a write is built, only for the microseconds in which what it has made is put in
/// place. Nothing is durable.
#[derive(Default)]
pub struct MemoryStore {
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
}

#[derive(Default)]
struct Tenant {
    /// Held for the whole of a write, so that no other comes between.
    writer: Mutex<()>,
    /// Held only as long as it takes to copy a reference or to put a few leaves in.
    newest: RwLock<Tree>,
}

struct MemorySnapshot(Tree);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store with the same state as this one has now, which goes its own way from then on. The two share what neither
    /// has changed, so a fork costs the same for tenants of any size.
    ///
    /// ```
    /// # use rally_core::*;
    /// use std::sync::Arc;
    ///
    /// let store = Arc::new(store::MemoryStore::new());
    /// let engine = Engine::with(store.clone(), Environment::system(), Config::default());
    /// engine.create_tenant(&TenantDraft::new("acme"))?;
    /// let kept = store.fork();
    /// engine.create_tenant(&TenantDraft::new("looms"))?;
    /// assert_eq!((engine.tenants()?.len(), Engine::new(kept).tenants()?.len()), (2, 1));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn fork(&self) -> Self {
        let tenants = self.tenants.read();
        let forked = tenants.iter().map(|(id, tenant)| (*id, Arc::new(Tenant::of(tenant.newest()))));
        Self { tenants: RwLock::new(forked.collect()) }
    }

    /// Replaces the state of the tenant `own` by that which `tenant` has in another store now. The two share it as those
    /// of a [fork](Self::fork) do.
    ///
    /// Texts in it that name the other tenant go on doing so: keys that were made there, and bodies of events that have
    /// happened there.
    pub fn adopt(&self, own: TenantId, from: &Self, tenant: TenantId) {
        let adopted = from.tenants.read().get(&tenant).map(|known| known.newest()).unwrap_or_default();
        let own = self.tenant(own);
        let _writing = own.writer.lock();
        let before = std::mem::replace(&mut *own.newest.write(), adopted);
        drop(before);
    }

    fn tenant(&self, tenant: TenantId) -> Arc<Tenant> {
        if let Some(known) = self.tenants.read().get(&tenant) {
            return Arc::clone(known);
        }
        Arc::clone(self.tenants.write().entry(tenant).or_default())
    }
}

impl Tenant {
    fn of(newest: Tree) -> Self {
        Self { writer: Mutex::default(), newest: RwLock::new(newest) }
    }

    fn newest(&self) -> Tree {
        self.newest.read().clone()
    }

    /// Applies a batch. Only whoever holds `writer` may do this.
    fn apply(&self, batch: Batch) {
        let mut changes: Vec<_> = batch.into_changes().collect();
        if changes.is_empty() {
            return;
        }
        let prepared = self.newest().prepare(&mut changes, Deletions::TakenOut);
        let mut newest = self.newest.write();
        let outcome = newest.put_few(prepared);
        drop(newest);
        if let Err(prepared) = outcome {
            let mut next = self.newest();
            let replaced = next.put(prepared);
            let before = std::mem::replace(&mut *self.newest.write(), next);
            drop((before, replaced));
        }
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
        let newest = self.tenants.read().get(&tenant).map(|known| known.newest());
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
        let batch = match build(&MemorySnapshot(tenant.newest())) {
            Ok(batch) => batch,
            Err(Abort::Refused) => return Ok(Commit::Refused),
            Err(Abort::Store(error)) => return Err(error),
        };
        self.limits().check(&batch)?;
        tenant.apply(batch);
        Ok(Commit::Applied)
    }
}

impl Snapshot for MemorySnapshot {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.get(key).flatten())
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        Ok(self.0.get_many(keys).map(Option::flatten).collect())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        Ok(self.0.scan(range, direction, limit))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("tenants", &self.tenants.read().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::{
        Space,
        tree::{FEW, FEWER},
    };

    type Model = BTreeMap<Key, Bytes>;

    const TENANT: TenantId = TenantId::DIRECTORY;

    /// A key of each leaf, and as many between as fill it.
    const APART: u32 = 32;

    fn key(number: u32) -> Key {
        Key::new(Space(7)).bytes(&number.to_be_bytes())
    }

    fn write(
        store: &MemoryStore,
        model: &mut Model,
        changes: impl Iterator<Item = (u32, Option<&'static [u8]>)>,
    ) {
        let mut batch = Batch::new();
        for (number, value) in changes {
            match value {
                Some(value) => {
                    batch.put(key(number), value);
                    model.insert(key(number), Bytes::from_static(value));
                }
                None => {
                    batch.delete(key(number));
                    model.remove(&key(number));
                }
            }
        }
        let commit = store.write(TENANT, &mut |_| Ok(batch.clone()));
        assert_eq!(commit.unwrap(), Commit::Applied);
    }

    #[track_caller]
    fn check(snapshot: &dyn Snapshot, model: &Model) {
        let all = KeyRange::prefix(&Key::new(Space(7)));
        let entries = snapshot.scan(&all, Direction::Forward, usize::MAX).unwrap();
        assert!(entries.into_iter().map(|entry| (entry.key, entry.value)).eq(model.clone()));
    }

    #[test]
    fn a_snapshot_stays_as_it_is_and_the_next_one_shows_all_whatever_the_size_of_a_batch() {
        let sizes = [1, FEWER, FEWER + 1, FEW, FEW + 1, 2 * FEW].map(|leaves| u32::try_from(leaves).unwrap());
        for leaves in sizes {
            for is_kept in [false, true] {
                let (store, mut model) = (MemoryStore::new(), Model::new());
                let count = 3 * u32::try_from(FEW).unwrap() * APART;
                write(&store, &mut model, (0..count).map(|number| (number, Some(&b"first"[..]))));
                let kept = is_kept.then(|| (store.snapshot(TENANT).unwrap(), model.clone()));
                let change =
                    |leaf: u32| (leaf * APART, if leaf % 3 == 2 { None } else { Some(&b"second"[..]) });
                write(&store, &mut model, (0..leaves).map(change));
                check(&*store.snapshot(TENANT).unwrap(), &model);
                if let Some((snapshot, model)) = kept {
                    check(&*snapshot, &model);
                }
            }
        }
    }
}

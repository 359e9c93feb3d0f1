//! The changes that the journal has and the tree has not, in memory.

use std::{collections::HashMap, mem, ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;
use rally_core::{
    TenantId,
    store::{Batch, Direction, Entry, Key, KeyRange, Snapshot, StoreError, scan_changed},
};

use crate::journal::Mark;

/// The newest change of each key; `None` is its deletion. A copy is a reference.
pub(crate) type Changes = OrdMap<Key, Option<Bytes>>;

/// The memory that a change takes beside the bytes of its key and its value, at most.
const CHANGE_BYTES: usize = 128;

/// The changes of all tenants from one moment of the journal to another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    pub(crate) tenants: HashMap<TenantId, Changes>,
    /// The memory that they take, at most.
    pub(crate) bytes: usize,
    /// The last record that is in it.
    pub(crate) end: Mark,
}

/// The layers: one that grows with each commit, one that is on its way into the tree, and under them what finds no place
/// there as that is damaged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    pub(crate) active: Layer,
    pub(crate) frozen: Option<Arc<Layer>>,
    pub(crate) aside: Arc<Layer>,
}

/// The changes of a tenant in a transaction, in their order: those of a map come before those of the batches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delta {
    changes: Changes,
    batches: Vec<Batch>,
}

/// A snapshot with some changes over it.
pub(crate) struct Over<'s> {
    pub(crate) below: &'s dyn Snapshot,
    pub(crate) changes: &'s Changes,
}

impl Layer {
    /// The changes of all tenants.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TenantId, &Key, &Option<Bytes>)> {
        let tenants = self.tenants.iter();
        tenants.flat_map(|(tenant, changes)| changes.iter().map(|(key, value)| (*tenant, key, value)))
    }

    pub(crate) fn has(&self, tenant: TenantId, key: &Key) -> bool {
        self.tenants.get(&tenant).is_some_and(|changes| changes.contains_key(key))
    }

    /// A layer of some changes.
    pub(crate) fn of_rows(rows: &[(TenantId, &Key, &Option<Bytes>)]) -> Self {
        let mut layer = Self::default();
        for (tenant, key, value) in rows {
            layer.put(*tenant, (*key).clone(), (*value).clone());
        }
        layer
    }

    /// Takes a change out.
    pub(crate) fn remove(&mut self, tenant: TenantId, key: &Key) {
        let Some(changes) = self.tenants.get_mut(&tenant) else { return };
        if let Some(value) = changes.remove(key) {
            self.bytes = self.bytes.saturating_sub(change_bytes(key, value.as_ref()));
        }
        if changes.is_empty() {
            self.tenants.remove(&tenant);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Changes {
        self.tenants.get(&tenant).cloned().unwrap_or_default()
    }

    /// Puts one change in, in place of an earlier one.
    pub(crate) fn put(&mut self, tenant: TenantId, key: Key, value: Option<Bytes>) {
        self.bytes = self.bytes.saturating_add(change_bytes(&key, value.as_ref()));
        self.tenants.entry(tenant).or_default().insert(key, value);
    }
}

impl Layers {
    /// Sets the active layer aside, so that it can be folded; only if there is none yet.
    pub(crate) fn freeze(&mut self) {
        if self.is_freezable() {
            let next = Layer { end: self.active.end, ..Layer::default() };
            self.frozen = Some(Arc::new(mem::replace(&mut self.active, next)));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.active.is_empty() && self.frozen.is_none()
    }

    /// True if there is something to set aside, and a place for it.
    pub(crate) fn is_freezable(&self) -> bool {
        !self.active.is_empty() && self.frozen.is_none()
    }
}

impl Delta {
    /// Adds a batch behind the others.
    pub(crate) fn add(&mut self, batch: Batch) {
        self.batches.push(batch);
    }

    /// The newest change of each key.
    pub(crate) fn changes(&mut self) -> &Changes {
        for batch in self.batches.drain(..) {
            self.changes.extend(batch.into_changes());
        }
        &self.changes
    }

    /// The number of changes, those that replace one another among them.
    pub(crate) fn len(&self) -> usize {
        self.batches.iter().map(Batch::len).fold(self.changes.len(), usize::saturating_add)
    }

    /// Puts the changes over others.
    pub(crate) fn apply(self, onto: &mut Changes) {
        onto.extend(self.changes);
        for batch in self.batches {
            onto.extend(batch.into_changes());
        }
    }
}

/// The memory that a batch takes in a layer, at most.
pub(crate) fn batch_bytes(batch: &Batch) -> usize {
    batch.iter().map(|(key, value)| change_bytes(key, value)).fold(0, usize::saturating_add)
}

fn change_bytes(key: &Key, value: Option<&Bytes>) -> usize {
    CHANGE_BYTES + key.as_bytes().len() + value.map_or(0, Bytes::len)
}

impl Snapshot for Over<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(key) {
            Some(changed) => Ok(changed.clone()),
            None => self.below.get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        if self.changes.is_empty() {
            return self.below.get_many(keys);
        }
        let changed: Vec<_> = keys.iter().map(|key| self.changes.get(key)).collect();
        let missing = keys.iter().zip(&changed).filter(|(_, changed)| changed.is_none());
        let missing: Vec<Key> = missing.map(|(key, _)| key.clone()).collect();
        let mut below = self.below.get_many(&missing)?.into_iter();
        Ok(changed
            .into_iter()
            .map(|changed| changed.map_or_else(|| below.next().flatten(), Clone::clone))
            .collect())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() || self.changes.is_empty() {
            return self.below.scan(range, direction, limit);
        }
        let end = range.end().map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.changes.range::<_, Key>((Bound::Included(range.start()), end));
        match direction {
            Direction::Forward => scan_changed(self.below, found, range, direction, limit),
            Direction::Backward => scan_changed(self.below, found.rev(), range, direction, limit),
        }
    }
}

//! The changes that the journal has and the tree has not, in memory.

use std::{collections::HashMap, mem, sync::Arc};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Batch, Changes, Direction, Entry, Key, KeyRange, Snapshot, StoreError, scan_changed},
};

use crate::journal::Mark;

/// A change of a tenant's key: its new value, or its deletion.
pub(crate) type TenantChange = (TenantId, Key, Option<Bytes>);

/// The memory that a change takes beside the bytes of its key and its value, at most.
const CHANGE_BYTES: usize = 128;

/// The memory that the first change of a tenant takes beside that.
const LEAF_BYTES: usize = 512;

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

/// The changes of a tenant in a transaction, in their order: those that a writer has seen come before the other batches.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    seen: Changes,
    batches: Vec<Batch>,
}

/// A layer that changes are put in one by one, which come to their places many at once.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    layer: Layer,
    batches: HashMap<TenantId, Batch>,
    /// The changes that have come since some went to their places.
    count: usize,
}

/// The changes that come to their places at once, at most.
const AT_ONCE: usize = 4_096;

/// A snapshot with some changes over it.
pub(crate) struct Over<'s> {
    pub(crate) below: &'s dyn Snapshot,
    pub(crate) changes: &'s Changes,
}

impl Layer {
    /// The changes of all tenants.
    pub(crate) fn iter(&self) -> impl Iterator<Item = TenantChange> {
        let tenants = self.tenants.iter();
        tenants.flat_map(|(tenant, changes)| changes.iter().map(|(key, value)| (*tenant, key, value)))
    }

    pub(crate) fn has(&self, tenant: TenantId, key: &Key) -> bool {
        self.tenants.get(&tenant).is_some_and(|changes| changes.get(key).is_some())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    pub(crate) fn of(&self, tenant: TenantId) -> Changes {
        self.tenants.get(&tenant).cloned().unwrap_or_default()
    }

    /// Puts changes in, in place of earlier ones.
    pub(crate) fn apply(&mut self, tenant: TenantId, batch: Batch) {
        self.bytes = self.bytes.saturating_add(batch_bytes(&batch));
        self.tenants.entry(tenant).or_default().apply(batch);
    }
}

impl Filling {
    /// Puts one change in, in place of an earlier one.
    pub(crate) fn put(&mut self, tenant: TenantId, key: Key, value: Option<Bytes>) {
        self.batches.entry(tenant).or_default().extend([(key, value)]);
        self.count += 1;
        if self.count == AT_ONCE {
            self.settle();
        }
    }

    /// The layer with all of the changes.
    pub(crate) fn finish(mut self) -> Layer {
        self.settle();
        self.layer
    }

    fn settle(&mut self) {
        for (tenant, batch) in self.batches.drain() {
            self.layer.apply(tenant, batch);
        }
        self.count = 0;
    }
}

impl FromIterator<TenantChange> for Layer {
    fn from_iter<I: IntoIterator<Item = TenantChange>>(changes: I) -> Self {
        let mut filling = Filling::default();
        changes.into_iter().for_each(|(tenant, key, value)| filling.put(tenant, key, value));
        filling.finish()
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
        self.batches.drain(..).for_each(|batch| self.seen.apply(batch));
        &self.seen
    }

    /// All changes as one batch.
    pub(crate) fn into_batch(self) -> Batch {
        let mut batches = self.batches.into_iter();
        let mut all = if self.seen.is_empty() {
            batches.next().unwrap_or_default()
        } else {
            self.seen.iter().collect()
        };
        batches.for_each(|batch| all.append(batch));
        all
    }
}

/// The memory that a batch takes in a layer, at most.
pub(crate) fn batch_bytes(batch: &Batch) -> usize {
    batch.iter().map(|(key, value)| change_bytes(key, value)).fold(LEAF_BYTES, usize::saturating_add)
}

fn change_bytes(key: &Key, value: Option<&Bytes>) -> usize {
    CHANGE_BYTES + key.as_bytes().len() + value.map_or(0, Bytes::len)
}

impl Snapshot for Over<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(key) {
            Some(changed) => Ok(changed),
            None => self.below.get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        if self.changes.is_empty() {
            return self.below.get_many(keys);
        }
        let changed: Vec<_> = self.changes.get_many(keys).collect();
        let missing = keys.iter().zip(&changed).filter(|(_, changed)| changed.is_none());
        let missing: Vec<Key> = missing.map(|(key, _)| key.clone()).collect();
        let mut below = self.below.get_many(&missing)?.into_iter();
        Ok(changed.into_iter().map(|changed| changed.unwrap_or_else(|| below.next().flatten())).collect())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() || self.changes.is_empty() {
            return self.below.scan(range, direction, limit);
        }
        scan_changed(self.below, self.changes.range(range, direction), range, direction, limit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rally_core::store::Space;

    use super::*;

    #[test]
    fn a_layer_that_was_filled_has_the_last_change_of_each_key() {
        let key = |number: usize| Key::new(Space(1)).bytes(&(number % 3_000).to_be_bytes());
        let value = |number: usize| {
            if number.is_multiple_of(7) { None } else { Some(Bytes::from(number.to_string())) }
        };
        for count in [0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE] {
            let tenant = TenantId::DIRECTORY;
            let layer: Layer = (0..count).map(|number| (tenant, key(number), value(number))).collect();
            let model: BTreeMap<Key, Option<Bytes>> =
                (0..count).map(|number| (key(number), value(number))).collect();
            assert!(layer.of(tenant).iter().eq(model), "{count}");
        }
    }

    #[test]
    fn the_batches_of_a_transaction_are_one_in_their_order() {
        let key = |number: u8| Key::new(Space(1)).byte(number);
        for seen in 0..4 {
            let mut delta = Delta::default();
            for number in 0..4 {
                delta.add(
                    [(key(number), None), (key(3), Some(Bytes::from(vec![number])))].into_iter().collect(),
                );
                if number + 1 == seen {
                    assert_eq!(delta.changes().get(&key(3)), Some(Some(Bytes::from(vec![number]))));
                }
            }
            let expected: Batch = [0, 1, 2]
                .map(|number| (key(number), None))
                .into_iter()
                .chain([(key(3), Some(Bytes::from(vec![3])))])
                .collect();
            assert_eq!(delta.into_batch(), expected, "{seen} were seen");
        }
    }
}

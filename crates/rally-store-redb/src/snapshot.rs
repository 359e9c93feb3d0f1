use std::sync::Arc;

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Changes, Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};

use crate::{
    layers::{Layers, Over},
    tree::{Part, Tree},
};

/// One tenant's part of a state: what is in the tree, under the layers that are not.
///
/// It holds on to all of them for as long as it lives, however far they have moved on.
#[derive(Clone)]
pub(crate) struct State {
    part: Part,
    aside: Changes,
    frozen: Changes,
    active: Changes,
    /// The changes of an open transaction.
    delta: Changes,
}

impl State {
    pub(crate) fn new(tenant: TenantId, tree: &Arc<Tree>, layers: &Layers) -> Self {
        Self {
            part: Part::new(Arc::clone(tree), tenant),
            aside: layers.aside.of(tenant),
            frozen: layers.frozen.as_ref().map(|layer| layer.of(tenant)).unwrap_or_default(),
            active: layers.active.of(tenant),
            delta: Changes::default(),
        }
    }

    /// The state with the changes of an open transaction over it.
    pub(crate) fn with(self, delta: Changes) -> Self {
        Self { delta, ..self }
    }

    fn read<R>(&self, read: impl FnOnce(&dyn Snapshot) -> R) -> R {
        let aside = Over { below: &self.part, changes: &self.aside };
        let frozen = Over { below: &aside, changes: &self.frozen };
        let active = Over { below: &frozen, changes: &self.active };
        read(&Over { below: &active, changes: &self.delta })
    }
}

impl Snapshot for State {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.read(|state| state.get(key))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read(|state| state.get_many(keys))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(|state| state.scan(range, direction, limit))
    }
}

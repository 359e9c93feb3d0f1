use std::sync::Arc;

use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Figures, Limits, Snapshot, Store, StoreError},
};

/// A store that says it is shared by several servers and otherwise does as the inner one. Engines over clones of one
/// `Arc` of it are those servers.
#[derive(Debug)]
pub struct SharedStore {
    inner: Arc<dyn Store>,
}

impl SharedStore {
    /// A store that is shared.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for SharedStore {
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
        self.inner.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.inner.write(tenant, build)
    }
}

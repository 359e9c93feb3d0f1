use std::{fmt, sync::Arc};

use axum::Router;
use rally_core::Error;
use tokio::runtime::Handle;

use super::{
    delivery, dispatch,
    shared::{FakeOptions, Shared, TenantSetup},
    tenant::FakeTenant,
};

/// The tenants of a fake: each has records, a clock and keys of its own, and one router answers for all of them. Clones
/// share them.
///
/// The router finds the tenant of a request by its host, by its credential, or by the body of a login, and has the
/// control plane under `/_fake`.
#[derive(Clone)]
pub struct FakeTenants(Arc<Shared>);

impl FakeTenants {
    /// A fake without tenants.
    #[must_use]
    pub fn new(options: FakeOptions) -> Self {
        Self(Arc::new(Shared::new(options)))
    }

    /// The router that answers for all tenants. What is due at webhooks is delivered on the tokio runtime that this is
    /// called on.
    ///
    /// # Panics
    /// Panics outside of a tokio runtime.
    pub fn router(&self) -> Router {
        if self.0.serve_on(Handle::current()) {
            delivery::watch(Arc::downgrade(&self.0));
        }
        dispatch::router(&self.0)
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// [`Code::Duplicate`](rally_core::Code::Duplicate) when another has the slug, and the refusals of the engine: of the
    /// slug, or of records to begin with.
    pub fn create(&self, setup: &TenantSetup) -> Result<FakeTenant, Error> {
        Ok(FakeTenant::new(self.0.create(setup)?, &self.0))
    }

    /// The tenant with a slug.
    #[must_use]
    pub fn find(&self, slug: &str) -> Option<FakeTenant> {
        self.0.find(slug).map(|world| FakeTenant::new(world, &self.0))
    }

    /// All tenants, by their slugs.
    #[must_use]
    pub fn all(&self) -> Vec<FakeTenant> {
        FakeTenant::all(&self.0)
    }

    /// Drops a tenant and all that it has; false if there is none of that name.
    pub fn drop_tenant(&self, slug: &str) -> bool {
        self.0.drop_tenant(slug)
    }
}

impl fmt::Debug for FakeTenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTenants")
            .field("url", &self.0.options.url)
            .field("tenants", &self.0.count())
            .finish()
    }
}

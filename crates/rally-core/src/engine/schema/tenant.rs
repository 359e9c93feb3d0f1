use super::{Model, Resource};
use crate::base::{Currency, Profile, TenantId};

/// What the engine must know of a tenant to serve it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantInfo {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name in host names.
    pub slug: String,
    /// How strictly its requests are read.
    pub profile: Profile,
    /// Its requests a minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// The currency of its deals that are created without one.
    pub default_currency: Currency,
}

impl TenantInfo {
    /// The members that the tenant's records of a type have.
    ///
    /// Whatever handles a tenant's records asks here and not the type: this is where members of a tenant's own come in.
    #[must_use]
    pub fn model<R: Resource>(&self) -> &'static Model {
        R::model()
    }
}

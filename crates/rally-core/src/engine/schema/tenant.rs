use super::{Model, Resource};
use crate::base::{Currency, Profile, TenantId};

/// Properties of a tenant that every request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantInfo {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name in host names.
    pub slug: String,
    /// Strictness of reading its requests.
    pub profile: Profile,
    /// Its requests a minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// The currency of its deals that are created without one.
    pub default_currency: Currency,
}

impl TenantInfo {
    /// The members that the tenant's records of a type have.
    ///
    /// Code that handles a tenant's records asks here and not the type, as a tenant may come to have members of its
    /// own.
    #[must_use]
    pub fn model<R: Resource>(&self) -> &'static Model {
        self.model_of(R::model())
    }

    /// [`model`](Self::model) where the type is known by its model alone.
    pub(crate) fn model_of(&self, of_type: &'static Model) -> &'static Model {
        of_type
    }
}

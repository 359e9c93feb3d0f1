//! The rooms: one file a resource, named as in its URL.

mod api_keys;
mod companies;
mod contacts;
mod sync;
mod tenants;
mod users;

pub use api_keys::{ApiKey, ApiKeyDraft, NewApiKey};
pub use companies::Company;
pub use contacts::{Contact, ContactChange, ContactDraft};
pub use sync::FeedFields;
pub use tenants::{Tenant, TenantChange, TenantDraft};
pub use users::User;

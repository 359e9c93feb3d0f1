//! The rooms: one file a resource, named as in its URL.

mod activities;
mod api_keys;
mod bant;
mod companies;
mod contacts;
mod deals;
mod forecast;
mod pipelines;
mod settings;
mod sync;
mod tenants;
mod users;

pub use activities::{Activity, ActivityChange, ActivityDraft};
pub use api_keys::{ApiKey, ApiKeyDraft, NewApiKey};
pub use bant::{Bant, BantChange, Criterion, CriterionChange};
pub use companies::{Company, CompanyChange, CompanyDraft};
pub use contacts::{Contact, ContactChange, ContactDraft};
pub use deals::{Deal, DealChange, DealDraft};
pub use forecast::{CurrencySum, Forecast, StageForecast, Sum};
pub use pipelines::{Pipeline, PipelineChange, PipelineDraft, PipelineStage, PipelineStageDraft};
pub use settings::{Settings, SettingsChange};
pub use sync::FeedFields;
pub use tenants::{Tenant, TenantChange, TenantDraft};
pub use users::{Password, User, UserChange, UserDraft};

use crate::{
    base::Kind,
    engine::{Link, Of},
};

/// The resources whose records may name others. Whoever is named and goes is taken out of them.
fn naming() -> [Of; 4] {
    [Of::resource::<Contact>(), Of::resource::<Company>(), Of::resource::<Deal>(), Of::resource::<Activity>()]
}

/// The members by which records of any resource may name one of a kind.
fn links_to(kind: Kind) -> Vec<Link> {
    naming().into_iter().flat_map(|of| of.links_to(kind)).collect()
}

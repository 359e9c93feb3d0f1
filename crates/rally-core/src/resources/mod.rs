//! The rooms: one file a resource, named as in its URL.

mod activities;
mod api_keys;
mod audit;
mod bant;
mod companies;
mod contacts;
mod credentials;
mod deals;
mod forecast;
mod pipelines;
mod secrets;
mod settings;
mod sync;
mod tenants;
mod users;

pub use activities::{Activity, ActivityChange, ActivityDraft};
pub use api_keys::{ApiKey, ApiKeyChange, ApiKeyDraft, MintedApiKey, NewApiKey};
pub use audit::AuditEntry;
pub use bant::{Bant, BantChange, Criterion, CriterionChange};
pub use companies::{Company, CompanyChange, CompanyDraft};
pub use contacts::{Contact, ContactChange, ContactDraft};
pub use deals::{Deal, DealChange, DealDraft};
pub use forecast::{CurrencySum, Forecast, StageForecast, Sum};
pub use pipelines::{Pipeline, PipelineChange, PipelineDraft, PipelineStage, PipelineStageDraft};
pub use secrets::SigningSecret;
pub use settings::{Settings, SettingsChange};
pub use sync::FeedFields;
pub use tenants::{Tenant, TenantChange, TenantDraft};
pub use users::{Password, User, UserChange, UserDraft};

use crate::{
    base::Kind,
    engine::{Link, Of},
};

/// All resources, one of each kind. Whoever is named and goes is taken out of the records of all of them.
const ALL: [fn() -> Of; Kind::ALL.len()] = [
    Of::resource::<Contact>,
    Of::resource::<Company>,
    Of::resource::<Deal>,
    Of::resource::<Activity>,
    Of::resource::<User>,
    Of::resource::<ApiKey>,
    Of::resource::<Tenant>,
    Of::resource::<Pipeline>,
    Of::resource::<AuditEntry>,
];

/// The members by which records of any resource may name one of a kind.
fn links_to(kind: Kind) -> Vec<Link> {
    ALL.iter().flat_map(|of| of().links_to(kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_resource() {
        assert_eq!(ALL.map(|of| of().kind), Kind::ALL);
    }

    #[test]
    fn whoever_can_be_named_is_found_by_those_who_name_it() {
        let named: Vec<(Kind, usize)> = Kind::ALL.map(|kind| (kind, links_to(kind).len())).into();
        let expected =
            [(Kind::Contact, 2), (Kind::Company, 3), (Kind::Deal, 1), (Kind::User, 4), (Kind::Pipeline, 1)];
        assert_eq!(named.into_iter().filter(|(_, links)| *links > 0).collect::<Vec<_>>(), expected);
    }
}

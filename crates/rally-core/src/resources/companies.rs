use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{User, links_to};
use crate::{
    base::{Decimal, Id, Kind, Patch, TenantId, Timestamp, limits},
    engine::{
        self, Bulkable, By, Change, Collection, Creatable, Draft, Editable, Link, Matching, Model, Resource,
        Rule, Session, Upsertable, fold_domain, stored,
    },
};

pub(super) const NAME: u8 = 0;
const DOMAIN: u8 = 1;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const COUNT: Rule = Rule::Integer { min: 0, max: limits::COUNT };

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        engine::tenant_id(),
        stored(NAME, "name", SHORT).required().searched(),
        stored(DOMAIN, "domain", Rule::Domain).natural_key(fold_domain).filtered().searched(),
        stored(2, "industry", SHORT).filtered(),
        stored(3, "description", Rule::LongText),
        stored(4, "employeeCount", COUNT),
        stored(5, "annualRevenue", Rule::Decimal),
        stored(6, "phone", SHORT),
        stored(7, "website", Rule::Url),
        stored(8, "linkedInUrl", Rule::Url),
        stored(9, "address", SHORT),
        stored(10, "city", SHORT),
        stored(11, "state", SHORT),
        stored(12, "country", SHORT),
        stored(13, "postalCode", SHORT),
        stored(14, "tags", Rule::Tags).filtered_as("tag"),
        stored(15, "notes", Rule::LongText),
        stored(16, "ownerId", Rule::Reference(Kind::User)).filtered(),
        engine::created_at(),
        engine::updated_at(),
    ])
});

/// An organisation that a tenant deals with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Company {
    /// The company's id.
    pub id: Id<Company>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// What it is called.
    pub name: String,
    /// Its domain, such as `acme.example`; unique in the tenant.
    pub domain: Option<String>,
    /// The business that it is in.
    pub industry: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// How many people work there.
    pub employee_count: Option<u64>,
    /// Revenue a year, in whatever currency the tenant reckons in.
    pub annual_revenue: Option<Decimal>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Its website.
    pub website: Option<String>,
    /// Profile on LinkedIn.
    pub linked_in_url: Option<String>,
    /// Street and number.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Country.
    pub country: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Tags.
    pub tags: Option<Vec<String>>,
    /// Free text.
    pub notes: Option<String>,
    /// The user responsible.
    pub owner_id: Option<Id<User>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates a [`Company`]; only the name is required. Where it updates one, a member that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Company`")]
pub struct CompanyDraft {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub industry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annual_revenue: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_in_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

/// What updates a [`Company`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Company`")]
pub struct CompanyChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub domain: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub industry: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub employee_count: Patch<u64>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub annual_revenue: Patch<Decimal>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub phone: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub website: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub linked_in_url: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub address: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub city: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub state: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub country: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub postal_code: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub tags: Patch<Vec<String>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub notes: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub owner_id: Patch<Id<User>>,
}

impl Session {
    /// The tenant's companies.
    #[must_use]
    pub fn companies(&self) -> Collection<'_, Company> {
        Collection::new(self)
    }
}

impl Resource for Company {
    const KIND: Kind = Kind::Company;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Company {
    type Change = CompanyChange;
}

impl Creatable for Company {
    type Draft = CompanyDraft;
}

impl Upsertable for Company {
    fn matched_by() -> Matching {
        Matching(By::NaturalKey(DOMAIN))
    }
}

impl Bulkable for Company {}

impl Draft<Company> for CompanyDraft {}

impl Change<Company> for CompanyChange {}

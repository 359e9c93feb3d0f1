use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use unicase::UniCase;

use super::{Company, User, links_to};
use crate::{
    base::{Id, Kind, Patch, TenantId, Timestamp, limits},
    engine::{
        self, Bulkable, By, Change, Collection, Creatable, Draft, Editable, Link, Matching, Model, Record,
        Resource, Rule, Session, Upsertable, computed, stored,
    },
};

const FIRST_NAME: u8 = 0;
const LAST_NAME: u8 = 1;
const EMAIL: u8 = 2;
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const STAGES: Rule = Rule::Choice(&["lead", "qualified", "opportunity", "customer", "evangelist"]);
const SCORE: Rule = Rule::Integer { min: 0, max: 100 };

static MODEL: LazyLock<Model> = LazyLock::new(|| {
    Model::new(&[
        engine::id(),
        engine::tenant_id(),
        stored(FIRST_NAME, "firstName", SHORT).required(),
        stored(LAST_NAME, "lastName", SHORT).required().searched(),
        computed("fullName", 2 * limits::SHORT_TEXT + 1, full_name).searched(),
        stored(EMAIL, "email", Rule::Email).required().natural_key(fold_email).filtered().searched(),
        stored(3, "phone", SHORT),
        stored(4, "mobile", SHORT),
        stored(5, "title", SHORT),
        stored(6, "department", SHORT),
        stored(7, "companyId", Rule::Reference(Kind::Company)).filtered(),
        stored(8, "lifecycleStage", STAGES).default("\"lead\"").filtered(),
        stored(9, "leadSource", SHORT).filtered(),
        stored(10, "leadScore", SCORE),
        stored(11, "tags", Rule::TagLine).filtered_as("tag"),
        stored(12, "linkedInUrl", Rule::Url),
        stored(13, "twitterHandle", SHORT),
        stored(14, "address", SHORT),
        stored(15, "city", SHORT),
        stored(16, "state", SHORT),
        stored(17, "country", SHORT),
        stored(18, "postalCode", SHORT),
        stored(19, "notes", Rule::LongText),
        stored(20, "ownerId", Rule::Reference(Kind::User)).filtered(),
        engine::created_at(),
        engine::updated_at(),
    ])
});

/// A person that a tenant deals with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Contact {
    /// The contact's id.
    pub id: Id<Contact>,
    /// The tenant that it belongs to.
    pub tenant_id: TenantId,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Both names, a space between them.
    pub full_name: String,
    /// E-mail address as it was typed; unique in the tenant, compared without regard to case.
    pub email: String,
    /// Telephone number.
    pub phone: Option<String>,
    /// Mobile number.
    pub mobile: Option<String>,
    /// Position held.
    pub title: Option<String>,
    /// Department worked in.
    pub department: Option<String>,
    /// The company worked for.
    pub company_id: Option<Id<Company>>,
    /// `lead`, `qualified`, `opportunity`, `customer` or `evangelist`.
    pub lifecycle_stage: String,
    /// Where the contact came from.
    pub lead_source: Option<String>,
    /// 0 to 100.
    pub lead_score: Option<u8>,
    /// Tags, separated by commas.
    pub tags: Option<String>,
    /// Profile on LinkedIn.
    pub linked_in_url: Option<String>,
    /// Name on Twitter.
    pub twitter_handle: Option<String>,
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
    /// Free text.
    pub notes: Option<String>,
    /// The user responsible.
    pub owner_id: Option<Id<User>>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What creates a [`Contact`]; only the two names and the e-mail address are required. Where it updates one, a member
/// that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Contact`")]
pub struct ContactDraft {
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<Id<Company>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_score: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_in_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twitter_handle: Option<String>,
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
    pub notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Id<User>>,
}

/// What updates a [`Contact`]; each member stays, is cleared or is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "each member is that of `Contact`")]
pub struct ContactChange {
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub first_name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub last_name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub email: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub phone: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub mobile: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub title: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub department: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub company_id: Patch<Id<Company>>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub lifecycle_stage: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub lead_source: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub lead_score: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub tags: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub linked_in_url: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub twitter_handle: Patch<String>,
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
    pub notes: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_keep")]
    pub owner_id: Patch<Id<User>>,
}

impl Session {
    /// The tenant's contacts.
    #[must_use]
    pub fn contacts(&self) -> Collection<'_, Contact> {
        Collection::new(self)
    }
}

impl Resource for Contact {
    const KIND: Kind = Kind::Contact;

    fn model() -> &'static Model {
        &MODEL
    }

    fn links() -> Vec<Link> {
        links_to(Self::KIND)
    }
}

impl Editable for Contact {
    type Change = ContactChange;
}

impl Creatable for Contact {
    type Draft = ContactDraft;
}

impl Upsertable for Contact {
    fn matched_by() -> Matching {
        Matching(By::NaturalKey(EMAIL))
    }
}

impl Bulkable for Contact {}

impl Draft<Contact> for ContactDraft {}

impl Change<Contact> for ContactChange {}

/// Both names are JSON strings; without the quotes between them, so is the whole.
pub(super) fn full_name(contact: &Record<'_>, out: &mut Vec<u8>) {
    let (first, last) = (contact.slot(FIRST_NAME), contact.slot(LAST_NAME));
    out.extend_from_slice(first.strip_suffix(b"\"").unwrap_or_default());
    out.push(b' ');
    out.extend_from_slice(last.strip_prefix(b"\"").unwrap_or_default());
}

/// Addresses are compared trimmed and case-folded (Unicode, full folding).
pub(super) fn fold_email(email: &str) -> Option<String> {
    (!email.is_empty()).then(|| UniCase::new(email).to_folded_case())
}

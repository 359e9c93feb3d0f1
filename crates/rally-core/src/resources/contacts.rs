use std::sync::LazyLock;

use super::{Company, User, define, webhooks::told};
use crate::{
    base::{Error, Id, Kind, Tags, TenantId, Timestamp, closed_set, limits},
    engine::{
        codec::Slot,
        schema::{self, Keyed, Model, Record, Resource, Row, Rule, Searchable, computed, fold_email, stored},
        session::resource,
        write::{Bulkable, Creatable, Definition, Editable, MatchedBy, Rules, Upsertable},
    },
    store::StoreError,
};

const FIRST_NAME: Slot = Slot::new(0);
const LAST_NAME: Slot = Slot::new(1);
const EMAIL: Slot = Slot::new(2);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const FULL: Rule = Rule::Text { characters: 2 * limits::SHORT_TEXT + 1 };
const SCORE: Rule = Rule::Integer { min: 0, max: 100 };

/// The member that an upsert finds its record by.
pub(super) const MATCHED_BY: MatchedBy = MatchedBy::natural_key(EMAIL);

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Contact, &Contact::members()));

closed_set! {
    /// Progress of a contact.
    pub enum LifecycleStage {
        /// Not yet examined.
        Lead = "lead",
        /// Worth an approach.
        Qualified = "qualified",
        /// In talks.
        Opportunity = "opportunity",
        /// Has bought.
        Customer = "customer",
        /// Recommends.
        Evangelist = "evangelist",
    }
}

resource! {
    /// A person that a tenant deals with.
    pub struct Contact;
    draft {
        /// Creates a [`Contact`].
        pub struct ContactDraft;
    }
    update {
        /// Updates a [`Contact`].
        pub struct ContactUpdate;
    }

    members {
        /// Identity of the contact.
        read id: Id<Contact> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// Given name.
        required first_name: String = stored(FIRST_NAME, "firstName", SHORT);
        /// Family name.
        required last_name: String = stored(LAST_NAME, "lastName", SHORT).searched();
        /// Both names, a space between them.
        read full_name: String = computed("fullName", FULL, full_name).searched();
        /// E-mail address as it was typed; unique in the tenant, where spellings of one mailbox are the same.
        required email: String =
            stored(EMAIL, "email", Rule::Email).natural_key(fold_email).filtered().searched(), filter EMAIL;
        /// Telephone number.
        optional phone: String = stored(Slot::new(3), "phone", SHORT);
        /// Mobile number.
        optional mobile: String = stored(Slot::new(4), "mobile", SHORT);
        /// Position held.
        optional title: String = stored(Slot::new(5), "title", SHORT);
        /// Department worked in.
        optional department: String = stored(Slot::new(6), "department", SHORT);
        /// The company worked for.
        optional company_id: Id<Company> =
            stored(Slot::new(7), "companyId", Rule::Reference(Kind::Company)).filtered(), filter COMPANY_ID;
        /// Progress of the contact; `lead` unless it is set.
        defaulted lifecycle_stage: LifecycleStage =
            stored(Slot::new(8), "lifecycleStage", Rule::Choice(LifecycleStage::SET))
                .default(LifecycleStage::Lead.json())
                .filtered(), filter LIFECYCLE_STAGE;
        /// Source of the contact.
        optional lead_source: String = stored(Slot::new(9), "leadSource", SHORT).filtered(), filter LEAD_SOURCE;
        /// 0 to 100.
        optional lead_score: u8 = stored(Slot::new(10), "leadScore", SCORE);
        /// Tags, at most 50, in the order in which they were given.
        list tags: Tags = stored(Slot::new(11), "tags", Rule::TagLine).filtered_as("tag"), filter TAG of String;
        /// Profile on LinkedIn.
        optional linked_in_url: String = stored(Slot::new(12), "linkedInUrl", Rule::Url);
        /// Name on Twitter.
        optional twitter_handle: String = stored(Slot::new(13), "twitterHandle", SHORT);
        /// Street and number.
        optional address: String = stored(Slot::new(14), "address", SHORT);
        /// City.
        optional city: String = stored(Slot::new(15), "city", SHORT);
        /// State or province.
        optional state: String = stored(Slot::new(16), "state", SHORT);
        /// Country.
        optional country: String = stored(Slot::new(17), "country", SHORT);
        /// Postal code.
        optional postal_code: String = stored(Slot::new(18), "postalCode", SHORT);
        /// Free text.
        optional notes: String = stored(Slot::new(19), "notes", Rule::LongText);
        /// The user responsible.
        optional owner_id: Id<User> =
            stored(Slot::new(20), "ownerId", Rule::Reference(Kind::User)).filtered(), filter OWNER_ID;
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
}

impl Resource for Contact {
    const KIND: Kind = Kind::Contact;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Contact {
    type Update = ContactUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

static RULES: Rules = Rules { events: |change| told::of_change(change, &MODEL), ..Rules::NONE };

impl Creatable for Contact {
    type Draft = ContactDraft;
}

impl Upsertable for Contact {
    fn matched_by() -> MatchedBy {
        MATCHED_BY
    }
}

impl Keyed for Contact {
    const KEY: &'static str = "email";
}

impl Bulkable for Contact {}

impl Searchable for Contact {}

/// Appends the full name. Both names are JSON strings; without the quotes between them, so is the whole.
pub(super) fn full_name(contact: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
    let damaged = || StoreError::Corrupt { what: "a contact's name".to_owned() };
    let first = contact.slot(FIRST_NAME).strip_suffix(b"\"").ok_or_else(damaged)?;
    let last = contact.slot(LAST_NAME).strip_prefix(b"\"").ok_or_else(damaged)?;
    out.extend_from_slice(first);
    out.push(b' ');
    out.extend_from_slice(last);
    Ok(())
}

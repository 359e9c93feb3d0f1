use std::sync::LazyLock;

use super::{User, define, webhooks::told};
use crate::{
    base::{Decimal, Error, Id, Kind, Tags, TenantId, Timestamp, limits},
    engine::{
        codec::Slot,
        schema::{self, Keyed, Model, Resource, Row, Rule, Searchable, fold_domain, stored},
        session::resource,
        write::{Bulkable, Creatable, Definition, Editable, MatchedBy, Rules, Upsertable},
    },
};

pub(super) const NAME: Slot = Slot::new(0);
const DOMAIN: Slot = Slot::new(1);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const COUNT: Rule = Rule::Integer { min: 0, max: limits::COUNT };

/// The member that an upsert finds its record by.
pub(super) const MATCHED_BY: MatchedBy = MatchedBy::natural_key(DOMAIN);

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Company, &Company::members()));

resource! {
    /// An organisation that a tenant deals with.
    pub struct Company;
    draft {
        /// Creates a [`Company`].
        pub struct CompanyDraft;
    }
    update {
        /// Updates a [`Company`].
        pub struct CompanyUpdate;
    }

    members {
        /// Identity of the company.
        read id: Id<Company> = schema::id();
        /// The tenant that it belongs to.
        read tenant_id: TenantId = schema::tenant_id();
        /// Name.
        required name: String = stored(NAME, "name", SHORT).searched();
        /// Domain, such as `acme.example`; unique in the tenant. A URL is reduced to its domain.
        optional domain: String =
            stored(DOMAIN, "domain", Rule::Domain).natural_key(fold_domain).filtered().searched(), filter DOMAIN;
        /// Line of business.
        optional industry: String = stored(Slot::new(2), "industry", SHORT).filtered(), filter INDUSTRY;
        /// Description in free text.
        optional description: String = stored(Slot::new(3), "description", Rule::LongText);
        /// Number of people who work there.
        optional employee_count: u64 = stored(Slot::new(4), "employeeCount", COUNT);
        /// Revenue a year, in the currency that the tenant reckons in.
        optional annual_revenue: Decimal = stored(Slot::new(5), "annualRevenue", Rule::Decimal);
        /// Telephone number.
        optional phone: String = stored(Slot::new(6), "phone", SHORT);
        /// Website.
        optional website: String = stored(Slot::new(7), "website", Rule::Url);
        /// Profile on LinkedIn.
        optional linked_in_url: String = stored(Slot::new(8), "linkedInUrl", Rule::Url);
        /// Street and number.
        optional address: String = stored(Slot::new(9), "address", SHORT);
        /// City.
        optional city: String = stored(Slot::new(10), "city", SHORT);
        /// State or province.
        optional state: String = stored(Slot::new(11), "state", SHORT);
        /// Country.
        optional country: String = stored(Slot::new(12), "country", SHORT);
        /// Postal code.
        optional postal_code: String = stored(Slot::new(13), "postalCode", SHORT);
        /// Tags, at most 50, in the order in which they were given.
        list tags: Tags = stored(Slot::new(14), "tags", Rule::Tags).filtered_as("tag"), filter TAG of String;
        /// Free text.
        optional notes: String = stored(Slot::new(15), "notes", Rule::LongText);
        /// The user responsible.
        optional owner_id: Id<User> =
            stored(Slot::new(16), "ownerId", Rule::Reference(Kind::User)).filtered(), filter OWNER_ID;
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The instant of its last change.
        read updated_at: Timestamp = schema::updated_at();
    }
}

impl Resource for Company {
    const KIND: Kind = Kind::Company;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Company {
    type Update = CompanyUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

static RULES: Rules = Rules { events: |change| told::of_change(change, &MODEL), ..Rules::NONE };

impl Creatable for Company {
    type Draft = CompanyDraft;
}

impl Upsertable for Company {
    fn matched_by() -> MatchedBy {
        MATCHED_BY
    }
}

impl Keyed for Company {
    const KEY: &'static str = "domain";
}

impl Bulkable for Company {}

impl Searchable for Company {}

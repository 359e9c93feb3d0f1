use std::fmt;

/// What a record is. The number is part of stored keys and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A person that a tenant deals with.
    Contact,
    /// An organisation.
    Company,
    /// An opportunity in a pipeline.
    Deal,
    /// A note, task, call or meeting.
    Activity,
    /// A person who works for the tenant.
    User,
    /// A key that a program authenticates with.
    ApiKey,
    /// A customer of this engine, in the directory of all of them.
    Tenant,
    /// The stages that deals go through.
    Pipeline,
    /// An administrative act that was noted.
    AuditEntry,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Kind; 9] = [
        Kind::Contact,
        Kind::Company,
        Kind::Deal,
        Kind::Activity,
        Kind::User,
        Kind::ApiKey,
        Kind::Tenant,
        Kind::Pipeline,
        Kind::AuditEntry,
    ];

    /// The kinds whose changes stand in the feed, in the order of their numbers.
    pub const IN_FEED: [Kind; 4] = [Kind::Contact, Kind::Company, Kind::Deal, Kind::Activity];

    /// The number that stored keys hold.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Kind::Contact => 1,
            Kind::Company => 2,
            Kind::Deal => 3,
            Kind::Activity => 4,
            Kind::User => 5,
            Kind::ApiKey => 6,
            Kind::Tenant => 7,
            Kind::Pipeline => 8,
            Kind::AuditEntry => 9,
        }
    }

    /// The kind with that number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// The singular noun: `contact`.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Kind::Contact => "contact",
            Kind::Company => "company",
            Kind::Deal => "deal",
            Kind::Activity => "activity",
            Kind::User => "user",
            Kind::ApiKey => "API key",
            Kind::Tenant => "tenant",
            Kind::Pipeline => "pipeline",
            Kind::AuditEntry => "audit entry",
        }
    }

    /// The plural noun, as in paths: `contacts`.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Kind::Contact => "contacts",
            Kind::Company => "companies",
            Kind::Deal => "deals",
            Kind::Activity => "activities",
            Kind::User => "users",
            Kind::ApiKey => "api-keys",
            Kind::Tenant => "tenants",
            Kind::Pipeline => "pipelines",
            Kind::AuditEntry => "audit",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn numbers_and_kinds_are_one_to_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(Kind::from_number(0), None);
    }
}

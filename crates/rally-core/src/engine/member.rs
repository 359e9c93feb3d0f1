use super::{Record, rule::Rule};

/// One member of a resource: its name, where its value comes from and what it can be.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The name in JSON.
    pub name: &'static str,
    /// Who may read and write it.
    pub access: Access,
    /// The values that it can have.
    pub rule: Rule,
    /// True when every record must have a value.
    pub required: bool,
    /// The JSON text of the value that a record has when none is given.
    pub default: Option<&'static str>,
    pub(crate) source: Source,
    pub(crate) natural_key: Option<Fold>,
}

/// Who may read and write a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Callers read and write it.
    Open,
    /// Callers read it; the engine writes it.
    ReadOnly,
    /// The engine alone knows it.
    Hidden,
}

/// Where a member's value comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    Id,
    TenantId,
    CreatedAt,
    UpdatedAt,
    /// The record, at a position that never changes and is never used again.
    Slot(u8),
    /// Other members of the same record; writes the JSON text.
    Computed(fn(&Record<'_>, &mut Vec<u8>)),
}

/// Brings the text of a natural key into the form in which it is compared; nothing if it then says nothing.
pub(crate) type Fold = fn(&str) -> Option<String>;

const fn read_only(name: &'static str, rule: Rule, source: Source) -> Member {
    Member { name, access: Access::ReadOnly, rule, required: true, default: None, source, natural_key: None }
}

/// The member `id`.
pub(crate) const fn id() -> Member {
    read_only("id", Rule::Text { characters: 36 }, Source::Id)
}

/// The member `tenantId`.
pub(crate) const fn tenant_id() -> Member {
    read_only("tenantId", Rule::Text { characters: 36 }, Source::TenantId)
}

/// The member `createdAt`.
pub(crate) const fn created_at() -> Member {
    read_only("createdAt", Rule::Instant, Source::CreatedAt)
}

/// The member `updatedAt`.
pub(crate) const fn updated_at() -> Member {
    read_only("updatedAt", Rule::Instant, Source::UpdatedAt)
}

/// A member that is made of others when it is read.
pub(crate) const fn computed(
    name: &'static str,
    characters: usize,
    write: fn(&Record<'_>, &mut Vec<u8>),
) -> Member {
    read_only(name, Rule::Text { characters }, Source::Computed(write))
}

/// A member that callers write, kept in a slot of its own.
pub(crate) const fn stored(slot: u8, name: &'static str, rule: Rule) -> Member {
    Member {
        name,
        access: Access::Open,
        rule,
        required: false,
        default: None,
        source: Source::Slot(slot),
        natural_key: None,
    }
}

impl Member {
    /// Every record must have a value, and text must not be empty.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// A record has this JSON text when no value is given.
    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }

    /// No two records of a tenant have values that fold to the same text; records without one are free.
    pub(crate) const fn natural_key(mut self, fold: Fold) -> Self {
        self.natural_key = Some(fold);
        self
    }

    /// Only the engine writes it.
    pub(crate) const fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Only the engine reads and writes it.
    pub(crate) const fn hidden(mut self) -> Self {
        self.access = Access::Hidden;
        self
    }

    pub(crate) const fn slot(&self) -> Option<u8> {
        match self.source {
            Source::Slot(slot) => Some(slot),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Id => f.write_str("Id"),
            Source::TenantId => f.write_str("TenantId"),
            Source::CreatedAt => f.write_str("CreatedAt"),
            Source::UpdatedAt => f.write_str("UpdatedAt"),
            Source::Slot(slot) => write!(f, "Slot({slot})"),
            Source::Computed(_) => f.write_str("Computed"),
        }
    }
}

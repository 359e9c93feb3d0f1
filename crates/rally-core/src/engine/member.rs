use super::{Record, join::Join, rule::Rule};

/// One member of a resource: its name, where its value comes from and what it can be.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The name in JSON.
    pub name: &'static str,
    /// Who may read and write it.
    pub access: Access,
    /// The values that it can have.
    pub rule: Rule,
    /// True when every record must be given a value.
    pub required: bool,
    /// True when every record has a value, given or not.
    pub always: bool,
    /// The JSON text of the value that a record has when none is given.
    pub default: Option<&'static str>,
    /// The parameter by which a list is asked for the records with one value.
    pub filter: Option<&'static str>,
    /// True when a list can be asked for what its values begin with.
    pub searched: bool,
    pub(crate) source: Source,
    pub(crate) natural_key: Option<Fold>,
    /// The number of its index, which never changes: that of its slot, or one that no slot has.
    pub(crate) index: Option<u8>,
    pub(crate) keeps_newest: bool,
}

/// Who may read and write a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Callers read and write it.
    Open,
    /// Callers read it; the engine writes it.
    ReadOnly,
    /// Callers write it and never read it.
    WriteOnly,
    /// The engine alone knows it.
    Hidden,
}

impl Access {
    /// Whether callers may read it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Access::Open | Access::ReadOnly)
    }

    /// Whether callers may write it.
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self, Access::Open | Access::WriteOnly)
    }
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
    /// Another row, read with the record; the place among the members of which this is so.
    Joined(u8, Join),
}

/// Brings the text of a natural key into the form in which it is compared; nothing if it then says nothing.
pub(crate) type Fold = fn(&str) -> Option<String>;

const fn member(name: &'static str, access: Access, rule: Rule, source: Source) -> Member {
    Member {
        name,
        access,
        rule,
        required: false,
        always: false,
        default: None,
        filter: None,
        searched: false,
        source,
        natural_key: None,
        index: None,
        keeps_newest: false,
    }
}

const fn read_only(name: &'static str, rule: Rule, source: Source) -> Member {
    member(name, Access::ReadOnly, rule, source).required()
}

/// The member `id`.
pub(crate) const fn id() -> Member {
    id_as("id")
}

/// The record's id under another name.
pub(crate) const fn id_as(name: &'static str) -> Member {
    read_only(name, Rule::Id, Source::Id)
}

/// The member `tenantId`.
pub(crate) const fn tenant_id() -> Member {
    read_only("tenantId", Rule::Id, Source::TenantId)
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

/// A number that is made of other members when it is read, or none.
pub(crate) const fn computed_integer(
    name: &'static str,
    min: i64,
    max: i64,
    write: fn(&Record<'_>, &mut Vec<u8>),
) -> Member {
    member(name, Access::ReadOnly, Rule::Integer { min, max }, Source::Computed(write))
}

/// What nobody sees and records are found by: made of other members, and kept in the index of this number.
pub(crate) const fn lookup(index: u8, write: fn(&Record<'_>, &mut Vec<u8>)) -> Member {
    let mut lookup =
        member("", Access::Hidden, Rule::Text { characters: usize::MAX }, Source::Computed(write));
    lookup.index = Some(index);
    lookup
}

/// A member that is read from another row when the record is; the first of a resource has the place 0.
pub(crate) const fn joined(place: u8, name: &'static str, rule: Rule, join: Join) -> Member {
    member(name, Access::ReadOnly, rule, Source::Joined(place, join))
}

/// A member that callers write, kept in a slot of its own.
pub(crate) const fn stored(slot: u8, name: &'static str, rule: Rule) -> Member {
    member(name, Access::Open, rule, Source::Slot(slot))
}

impl Member {
    /// Every record must have a value, and text must not be empty.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self.always()
    }

    /// Every record has a value, be it that of the engine.
    pub(crate) const fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// A record has this JSON text when no value is given.
    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self.always()
    }

    /// No two records of a tenant have values that fold to the same text; records without one are free.
    pub(crate) const fn natural_key(mut self, fold: Fold) -> Self {
        self.natural_key = Some(fold);
        self
    }

    /// A list can be asked for the records with one value, by the parameter of the member's name.
    pub(crate) const fn filtered(self) -> Self {
        let name = self.name;
        self.filtered_as(name)
    }

    /// A list can be asked for the records with one value, by this parameter.
    pub(crate) const fn filtered_as(mut self, parameter: &'static str) -> Self {
        self.filter = Some(parameter);
        if self.natural_key.is_none() { self.indexed() } else { self }
    }

    /// The records with one value are found without reading others.
    pub(crate) const fn indexed(mut self) -> Self {
        self.index = self.slot();
        self
    }

    /// For each record that this one may name, which was the last to be created of those that name it is kept.
    pub(crate) const fn keeping_newest(mut self) -> Self {
        self.keeps_newest = true;
        self
    }

    /// A list can be asked for what its values begin with.
    pub(crate) const fn searched(mut self) -> Self {
        self.searched = true;
        self
    }

    /// Callers write it, and never read it.
    pub(crate) const fn write_only(mut self) -> Self {
        self.access = Access::WriteOnly;
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

    /// A reference is indexed in any case: who is named must be able to go, and those who name it are told.
    pub(crate) const fn found_by_reference(self) -> Self {
        match self.rule {
            Rule::Reference(_) => self.indexed(),
            _ => self,
        }
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
            Source::Joined(place, _) => write!(f, "Joined({place})"),
        }
    }
}

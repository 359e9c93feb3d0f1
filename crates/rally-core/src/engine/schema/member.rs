use super::{Record, join::Join, rule::Rule};
use crate::{engine::codec::Slot, store::StoreError};

/// One member of a resource: its name, the source of its value and the values that it can have.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The name in JSON.
    pub name: &'static str,
    /// Access that callers have to it.
    pub access: Access,
    /// The values that it can have.
    pub rule: Rule,
    /// True when a draft must give it.
    pub required: bool,
    /// True when every record has a value, from the caller or the engine.
    pub always: bool,
    /// The JSON text of the value that a record has when none is given.
    pub default: Option<&'static str>,
    /// The name of the filter by which a list is reduced to the records with one value.
    pub filter: Option<&'static str>,
    /// True when a list can be searched by the beginnings of its values.
    pub searched: bool,
    /// True when only an update may give it.
    pub updated_only: bool,
    /// A phrase that says why no body gives it, for a member that callers take for one of their own.
    pub(crate) refusal: Option<&'static str>,
    /// The meaning, in documentation.
    pub description: &'static str,
    pub(crate) source: ValueSource,
    pub(crate) natural_key: Option<Fold>,
    pub(crate) index: Option<IndexNumber>,
    pub(crate) keeps_newest: bool,
    /// The name by which the history of a record tells of it, of a hidden member that is a part's own.
    pub(crate) told_as: Option<&'static str>,
    /// The slot that keeps the instant since which it has its value; empty since the creation of the record.
    pub(crate) since: Option<Slot>,
}

/// The number of an index in stored keys, which never changes: that of a member's slot, or one that no slot has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexNumber(u8);

impl IndexNumber {
    pub(crate) const fn of(slot: Slot) -> Self {
        Self(slot.number())
    }

    /// The number of an index that is made of several members.
    pub(crate) const fn beyond_slots(number: u8) -> Self {
        assert!(number >= 200, "lower numbers are for slots");
        Self(number)
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}

/// Access that callers have to a member.
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
    /// True when callers may read it.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self, Access::Open | Access::ReadOnly)
    }

    /// True when callers may write it.
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self, Access::Open | Access::WriteOnly)
    }
}

/// The source of a member's value.
#[derive(Clone, Copy)]
pub(crate) enum ValueSource {
    Id,
    TenantId,
    CreatedAt,
    UpdatedAt,
    /// The record itself.
    Slot(Slot),
    /// Other members of the same record; writes the JSON text.
    Computed(Compute),
    /// Another row, read with the record; the slot is its position among the joined members.
    Joined(Slot, Join),
}

impl ValueSource {
    /// True of a stored member whose slot comes right behind that of another.
    pub(super) fn is_slot_behind(self, before: Self) -> bool {
        matches!((before, self), (Self::Slot(before), Self::Slot(slot)) if slot.index() == before.index() + 1)
    }
}

/// Appends the JSON text that follows from other members of a record.
pub(crate) type Compute = fn(&Record<'_>, &mut Vec<u8>) -> Result<(), StoreError>;

/// Turns the text of a natural key into the form in which it is compared; `None` if that form is empty.
pub(crate) type Fold = fn(&str) -> Option<String>;

const fn member(name: &'static str, access: Access, rule: Rule, source: ValueSource) -> Member {
    Member {
        name,
        access,
        rule,
        required: false,
        always: false,
        default: None,
        filter: None,
        searched: false,
        updated_only: false,
        refusal: None,
        description: "",
        source,
        natural_key: None,
        index: None,
        keeps_newest: false,
        told_as: None,
        since: None,
    }
}

const fn read_only(name: &'static str, rule: Rule, source: ValueSource) -> Member {
    member(name, Access::ReadOnly, rule, source).required()
}

/// The member `id`.
pub(crate) const fn id() -> Member {
    id_as("id")
}

/// The record's id under another name.
pub(crate) const fn id_as(name: &'static str) -> Member {
    read_only(name, Rule::Id, ValueSource::Id)
}

/// The member `tenantId`.
pub(crate) const fn tenant_id() -> Member {
    read_only("tenantId", Rule::Id, ValueSource::TenantId)
}

/// The member `createdAt`.
pub(crate) const fn created_at() -> Member {
    read_only("createdAt", Rule::Instant, ValueSource::CreatedAt)
}

/// The member `updatedAt`.
pub(crate) const fn updated_at() -> Member {
    read_only("updatedAt", Rule::Instant, ValueSource::UpdatedAt)
}

/// A member that is made of others when it is read.
pub(crate) const fn computed(name: &'static str, rule: Rule, write: Compute) -> Member {
    read_only(name, rule, ValueSource::Computed(write))
}

/// A member that is made of others when it is read, and may have no value.
pub(crate) const fn computed_optional(name: &'static str, rule: Rule, write: Compute) -> Member {
    member(name, Access::ReadOnly, rule, ValueSource::Computed(write))
}

/// A hidden member that is made of others and indexed under a number of its own: records are found by it.
pub(crate) const fn lookup(index: IndexNumber, write: Compute) -> Member {
    let mut lookup =
        member("", Access::Hidden, Rule::Text { characters: usize::MAX }, ValueSource::Computed(write));
    lookup.index = Some(index);
    lookup
}

/// A member that is read from another row when the record is; the first of a resource has the place 0.
pub(crate) const fn joined(place: Slot, name: &'static str, rule: Rule, join: Join) -> Member {
    member(name, Access::ReadOnly, rule, ValueSource::Joined(place, join))
}

/// A member that callers write, kept in a slot of its own.
pub(crate) const fn stored(slot: Slot, name: &'static str, rule: Rule) -> Member {
    member(name, Access::Open, rule, ValueSource::Slot(slot))
}

impl Member {
    /// Makes it required: every record must have a value, and text must not be empty.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self.always()
    }

    /// Makes it always have a value, if need be one that the engine sets.
    pub(crate) const fn always(mut self) -> Self {
        self.always = true;
        self
    }

    /// Sets the JSON text of the value that a record has when none is given.
    pub(crate) const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self.always()
    }

    /// Makes it a natural key: no two records of a tenant have values that fold to the same text. Records without a
    /// value are not compared.
    pub(crate) const fn natural_key(mut self, fold: Fold) -> Self {
        self.natural_key = Some(fold);
        self
    }

    /// Lets lists be filtered by one value, under the member's name.
    pub(crate) const fn filtered(self) -> Self {
        let name = self.name;
        self.filtered_as(name)
    }

    /// Lets lists be filtered by one value, under this name.
    pub(crate) const fn filtered_as(mut self, name: &'static str) -> Self {
        self.filter = Some(name);
        if self.natural_key.is_none() { self.indexed() } else { self }
    }

    /// Indexes it: the records with one value are found without reading others.
    pub(crate) const fn indexed(mut self) -> Self {
        self.index = match self.slot() {
            Some(slot) => Some(IndexNumber::of(slot)),
            None => None,
        };
        self
    }

    /// Keeps for each record that is referred to the newest record that refers to it.
    pub(crate) const fn keeping_newest(mut self) -> Self {
        self.keeps_newest = true;
        self
    }

    /// Lets lists be searched by the beginnings of its values.
    pub(crate) const fn searched(mut self) -> Self {
        self.searched = true;
        self
    }

    /// Lets only an update give it.
    pub(crate) const fn updated_only(mut self) -> Self {
        self.updated_only = true;
        self
    }

    /// Says what it means.
    pub(crate) const fn described(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    /// Lets callers write it, and never read it.
    pub(crate) const fn write_only(mut self) -> Self {
        self.access = Access::WriteOnly;
        self
    }

    /// Lets only the engine write it.
    pub(crate) const fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Lets only the engine write it, and refuses bodies that give it, in any profile, with a phrase that says why.
    pub(crate) const fn refused(mut self, phrase: &'static str) -> Self {
        self.refusal = Some(phrase);
        self.read_only()
    }

    /// Lets only the engine read and write it.
    pub(crate) const fn hidden(mut self) -> Self {
        self.access = Access::Hidden;
        self
    }

    /// Lets the history of a record tell how long it had a value, by the instant that a slot keeps.
    pub(crate) const fn since(mut self, slot: Slot) -> Self {
        self.since = Some(slot);
        self
    }

    /// Indexes a reference in any case: deleting the record that it leads to has to find it.
    pub(crate) const fn found_by_reference(self) -> Self {
        match self.rule {
            Rule::Reference(_) => self.indexed(),
            _ => self,
        }
    }

    /// The name by which the history of a record tells of it.
    pub(crate) const fn told(&self) -> Option<&'static str> {
        match self.told_as {
            None if self.access.is_read() => Some(self.name),
            told_as => told_as,
        }
    }

    pub(crate) const fn slot(&self) -> Option<Slot> {
        match self.source {
            ValueSource::Slot(slot) => Some(slot),
            _ => None,
        }
    }
}

impl std::fmt::Debug for ValueSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ValueSource::Id => f.write_str("Id"),
            ValueSource::TenantId => f.write_str("TenantId"),
            ValueSource::CreatedAt => f.write_str("CreatedAt"),
            ValueSource::UpdatedAt => f.write_str("UpdatedAt"),
            ValueSource::Slot(slot) => slot.fmt(f),
            ValueSource::Computed(_) => f.write_str("Computed"),
            ValueSource::Joined(place, _) => write!(f, "Joined({})", place.number()),
        }
    }
}

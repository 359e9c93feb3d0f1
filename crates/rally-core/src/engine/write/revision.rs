use std::borrow::Cow;

use uuid::Uuid;

use super::{Definition, Transaction};
use crate::{
    base::{Code, Error, Faults, Timestamp},
    engine::{
        codec::{Bytes, RecordParts, Slot},
        schema::{Body, Model, Rule, Slots, reference_id},
    },
    store::StoreError,
};

/// The members of a record as a write is about to store them, while they are checked.
pub(crate) struct Revision<'a> {
    body: &'a Body<'a>,
    /// The record, unless it is a new one.
    pub(crate) id: Option<Uuid>,
    old: Slots<'a>,
    new: Slots<'a>,
    /// The instant of the change, if there is one.
    pub(crate) at: Timestamp,
    /// Faults of members.
    pub(crate) wrong: Faults,
    /// Faults of references to records that do not exist.
    pub(crate) unknown: Faults,
}

impl<'a> Revision<'a> {
    /// A new record with the members of a body.
    pub(crate) fn create(
        transaction: &Transaction<'_>,
        definition: Definition,
        body: &'a Body<'a>,
    ) -> Result<Self, Error> {
        Self::make(transaction, definition, None, Slots::default(), body)
    }

    /// A record with the members of a body in place of its own.
    pub(crate) fn update(
        transaction: &Transaction<'_>,
        definition: Definition,
        id: Uuid,
        record: &'a Bytes,
        body: &'a Body<'a>,
    ) -> Result<Self, Error> {
        Self::make(transaction, definition, Some(id), Slots::read(&RecordParts::read(record)?)?, body)
    }

    fn make(
        transaction: &Transaction<'_>,
        definition: Definition,
        id: Option<Uuid>,
        old: Slots<'a>,
        body: &'a Body<'a>,
    ) -> Result<Self, Error> {
        let (mut new, at) = (old.clone(), transaction.next_instant()?);
        let wrong = body.apply(definition.model, &mut new);
        let mut revision = Self { body, id, old, new, at, wrong, unknown: Faults::new() };
        (definition.rules.settle)(transaction, &mut revision)?;
        // After the rules, as these may set references of their own.
        let unknown = unknown_references(transaction, definition.model, &revision.old, &revision.new)?;
        revision.unknown.add_all("", unknown);
        Ok(revision)
    }

    /// The members before, and those after.
    ///
    /// # Errors
    /// Fails with all faults of the members.
    pub(crate) fn into_members(mut self) -> Result<(Slots<'a>, Slots<'a>), Error> {
        if !self.wrong.is_empty() {
            self.wrong.add_all("", self.unknown);
            return Err(self.wrong.into());
        }
        if self.unknown.is_empty() { Ok((self.old, self.new)) } else { Err(bad_reference(self.unknown)) }
    }

    /// The JSON text of a member after the write, empty without a value.
    pub(crate) fn text(&self, slot: Slot) -> &str {
        self.new.get(slot)
    }

    /// The JSON text of a member before the write.
    pub(crate) fn text_before(&self, slot: Slot) -> &str {
        self.old.get(slot)
    }

    /// True when a member gets another value.
    pub(crate) fn changes(&self, slot: Slot) -> bool {
        self.text(slot) != self.text_before(slot)
    }

    /// True when the body gives a member a value.
    pub(crate) fn gives(&self, slot: Slot) -> bool {
        self.body.value(slot).is_some()
    }

    /// Sets a member to the JSON text of a value; an empty text clears it.
    pub(crate) fn set(&mut self, slot: Slot, json: impl Into<Cow<'a, str>>) {
        self.new.set(slot, json);
    }
}

/// Changed references of a record that lead to no record.
fn unknown_references(
    transaction: &Transaction<'_>,
    model: &Model,
    old: &Slots<'_>,
    new: &Slots<'_>,
) -> Result<Faults, StoreError> {
    let mut unknown = Faults::new();
    for (slot, member) in model.stored() {
        let value = new.get(slot);
        // A reference that stays needs no look: deleting its target would have cleared it.
        if let Rule::Reference(kind) = member.rule
            && value != old.get(slot)
            && let Some(target) = reference_id(value.as_bytes())?
            && transaction.find(kind, target)?.is_none()
        {
            unknown.add(member.name, format!("names no {kind}"));
        }
    }
    Ok(unknown)
}

pub(super) fn bad_reference(unknown: Faults) -> Error {
    let names: Vec<&str> = unknown.by_member().keys().map(String::as_str).collect();
    let detail = format!("{} must name a record of this tenant", names.join(" and "));
    Error::new(Code::BadReference, detail).with_faults(unknown)
}

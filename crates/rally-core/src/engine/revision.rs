use std::borrow::Cow;

use uuid::Uuid;

use super::{
    Bytes,
    body::{Body, Slots},
    codec::RecordParts,
    stage::{Of, Stage, slots_of, text_of},
};
use crate::base::{Code, Error, Faults, Timestamp};

/// A record's members as a write would have them, while it is found out whether it may.
pub(crate) struct Revision<'a> {
    body: &'a Body<'a>,
    /// The record, unless it is a new one.
    pub(crate) id: Option<Uuid>,
    old: Slots<'a>,
    new: Slots<'a>,
    /// When the record will have changed, if it will.
    pub(crate) at: Timestamp,
    /// What is wrong with members.
    pub(crate) wrong: Faults,
    /// References that lead nowhere.
    pub(crate) unknown: Faults,
}

impl<'a> Revision<'a> {
    /// A new record of what a body gives.
    pub(crate) fn create(stage: &Stage<'_>, of: Of, body: &'a Body<'a>) -> Result<Self, Error> {
        Self::make(stage, of, None, Slots::default(), body)
    }

    /// A record with a body laid over it.
    pub(crate) fn update(
        stage: &Stage<'_>,
        of: Of,
        id: Uuid,
        record: &'a Bytes,
        body: &'a Body<'a>,
    ) -> Result<Self, Error> {
        Self::make(stage, of, Some(id), slots_of(&RecordParts::read(record)?)?, body)
    }

    fn make(
        stage: &Stage<'_>,
        of: Of,
        id: Option<Uuid>,
        old: Slots<'a>,
        body: &'a Body<'a>,
    ) -> Result<Self, Error> {
        let (mut new, at) = (old.clone(), stage.next_instant()?);
        let wrong = body.apply(of.model, &mut new);
        let mut revision = Self { body, id, old, new, at, wrong, unknown: Faults::new() };
        (of.model.rules.settle)(stage, &mut revision)?;
        let unknown = stage.unknown_references(of.model, &revision.old, &revision.new)?;
        revision.unknown.add_all("", unknown);
        Ok(revision)
    }

    /// The members that were, and those that are to be.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn into_members(mut self) -> Result<(Slots<'a>, Slots<'a>), Error> {
        if !self.wrong.is_empty() {
            self.wrong.add_all("", self.unknown);
            return Err(self.wrong.into());
        }
        if self.unknown.is_empty() { Ok((self.old, self.new)) } else { Err(bad_reference(self.unknown)) }
    }

    /// The JSON text of a member as it is to be, empty without a value.
    pub(crate) fn text(&self, slot: u8) -> &str {
        text_of(&self.new, slot)
    }

    /// The JSON text of a member as it was.
    pub(crate) fn text_before(&self, slot: u8) -> &str {
        text_of(&self.old, slot)
    }

    /// Whether a member is to be another than it was.
    pub(crate) fn changes(&self, slot: u8) -> bool {
        self.text(slot) != self.text_before(slot)
    }

    /// Whether the body gives a member a value.
    pub(crate) fn gives(&self, slot: u8) -> bool {
        self.body.value(slot).is_some()
    }

    /// Gives a member the JSON text of a value; an empty one is none.
    pub(crate) fn set(&mut self, slot: u8, json: impl Into<Cow<'a, str>>) {
        if let Some(value) = self.new.get_mut(usize::from(slot)) {
            *value = json.into();
        }
    }
}

fn bad_reference(unknown: Faults) -> Error {
    let names: Vec<&str> = unknown.by_member().keys().map(String::as_str).collect();
    let detail = format!("{} must name a record of this tenant", names.join(" and "));
    Error::new(Code::BadReference, detail).with_faults(unknown)
}

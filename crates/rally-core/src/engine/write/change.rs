use uuid::Uuid;

use super::Definition;
use crate::{
    base::{Action, RecordNumber, Timestamp},
    engine::{
        codec::{RecordHead, Slot},
        schema::{Access, Member, Record},
    },
    store::StoreError,
};

/// The version of a new record.
pub(super) const FIRST_VERSION: u32 = 1;

/// The version that the next change of a record makes.
pub(super) fn next_version(record: &RecordHead) -> Result<u32, StoreError> {
    let damaged = || StoreError::Corrupt { what: "the number of a record's version".to_owned() };
    record.version.checked_add(1).ok_or_else(damaged)
}

/// A change of a record: its state before and after. Everything that follows from a change follows from this value.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) definition: Definition,
    pub(crate) id: Uuid,
    /// The instant of the change.
    pub(crate) at: Timestamp,
    /// The record before; `None` if it is new.
    pub(crate) before: Option<Record<'a>>,
    /// The record after; `None` if it is deleted.
    pub(crate) after: Option<Record<'a>>,
    /// True when the record is on the list by last change no more: it has left it together with others.
    pub(crate) has_left_its_place: bool,
}

impl<'a> Change<'a> {
    /// The number of the record.
    pub(crate) fn number(&self) -> RecordNumber {
        RecordNumber::of(self.id)
    }

    /// The action that the feed and the audit trail tell of.
    pub(crate) fn action(&self) -> Action {
        match (&self.before, &self.after) {
            (None, _) => Action::Inserted,
            (Some(_), Some(_)) => Action::Updated,
            (Some(_), None) => Action::Deleted,
        }
    }

    /// True when a record stays at its version: only its bytes and keys change, without an entry in the feed or in the
    /// audit trail.
    pub(crate) fn is_silent(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => before.parts.head.updated_at == after.parts.head.updated_at,
            _ => false,
        }
    }

    /// The record's version that it makes; that of a deletion is one more than the record had.
    pub(super) fn version(&self) -> Result<u32, StoreError> {
        match (&self.before, &self.after) {
            (_, Some(after)) => Ok(after.parts.head.version),
            (Some(before), None) => next_version(&before.parts.head),
            (None, None) => Ok(FIRST_VERSION),
        }
    }

    /// Members that an update has changed, in the model's order.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static Member> + '_ {
        let model = self.definition.model;
        let is_changed = |slot| self.changed_slots().any(|changed| changed == slot);
        model.stored().filter_map(move |(slot, member)| if is_changed(slot) { Some(member) } else { None })
    }

    /// The slots of members that an update has changed, in their order.
    pub(super) fn changed_slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let states = self.before.as_ref().zip(self.after.as_ref());
        Slot::all()
            .filter(move |slot| states.is_some_and(|(before, after)| before.slot(*slot) != after.slot(*slot)))
    }

    /// The names of the changed members that callers know.
    pub(crate) fn changed_names(&self) -> Vec<&'static str> {
        self.changed().filter(|member| member.access != Access::Hidden).map(|member| member.name).collect()
    }
}

use uuid::Uuid;

use super::Definition;
use crate::{
    base::{Action, Timestamp},
    engine::schema::{Access, Member, Record},
};

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
            (Some(before), Some(after)) => before.parts.updated_at == after.parts.updated_at,
            _ => false,
        }
    }

    /// Members that an update has changed, in the model's order.
    pub(crate) fn changed(&self) -> impl Iterator<Item = &'static Member> + '_ {
        let states = self.before.as_ref().zip(self.after.as_ref());
        self.definition.model.stored().filter_map(move |(slot, member)| {
            let (before, after) = states?;
            if before.slot(slot) == after.slot(slot) { None } else { Some(member) }
        })
    }

    /// The names of the changed members that callers know.
    pub(crate) fn changed_names(&self) -> Vec<&'static str> {
        self.changed().filter(|member| member.access != Access::Hidden).map(|member| member.name).collect()
    }
}

//! The events that changes of records make: one of any change, and those of members that it leads to a value.

use smallvec::{SmallVec, smallvec};

use super::Event;
use crate::{
    base::{Action, Error, Kind},
    engine::{
        read::HistoryEntry,
        schema::{Model, Record},
        write::{Change, Events},
    },
    resources::{activities, deals},
};

/// An event of a member that a change leads to a value. A deletion makes none.
pub(in crate::resources) struct Move {
    pub(in crate::resources) event: Event,
    pub(in crate::resources) member: &'static str,
    /// The JSON text of the value; `None` for any other than before, of a record that is not new.
    pub(in crate::resources) to: Option<&'static str>,
}

/// The events of a change of a record with these members.
pub(in crate::resources) fn of_change(
    change: &Change<'_>,
    model: &'static Model,
) -> Result<Option<Events>, Error> {
    let Some(event) = Event::of_action(model.kind(), change.action()) else { return Ok(None) };
    let mut types: SmallVec<[_; 4]> = smallvec![event.as_type()];
    let moved = moves(model.kind()).iter().filter(|step| is_moved(change, model, step));
    types.extend(moved.map(|step| step.event.as_type()));
    Ok(Some(Events { model, types }))
}

/// The events of a change of the past.
pub(super) fn of_past(kind: Kind, entry: &HistoryEntry) -> Vec<Event> {
    let is_moved = |step: &&Move| {
        entry.change_of(step.member).is_some_and(|change| match step.to {
            Some(to) => entry.action != Action::Deleted && change.to_json() == to,
            None => entry.action == Action::Updated,
        })
    };
    let moved = moves(kind).iter().filter(is_moved).map(|step| step.event);
    Event::of_action(kind, entry.action).into_iter().chain(moved).collect()
}

fn moves(kind: Kind) -> &'static [Move] {
    match kind {
        Kind::Deal => &deals::MOVES,
        Kind::Activity => &activities::MOVES,
        _ => &[],
    }
}

fn is_moved(change: &Change<'_>, model: &Model, step: &Move) -> bool {
    let slot = model.stored().find(|(_, member)| member.name == step.member).map(|(slot, _)| slot);
    let (Some(slot), Some(after)) = (slot, &change.after) else { return false };
    let before = change.before.as_ref().map(|before: &Record<'_>| before.slot(slot));
    match step.to {
        Some(to) => after.slot(slot) == to.as_bytes() && before != Some(to.as_bytes()),
        None => before.is_some_and(|before| before != after.slot(slot)),
    }
}

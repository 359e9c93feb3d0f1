//! The events that changes of records make.

use smallvec::{SmallVec, smallvec};

use super::Event;
use crate::{
    base::{Action, Error},
    engine::{
        codec::Slot,
        schema::{Model, Record},
        write::{Change, Events},
    },
};

/// The event that every change of a record makes: created, updated or deleted.
pub(in crate::resources) fn of_change(
    change: &Change<'_>,
    model: &'static Model,
) -> Result<Option<Events>, Error> {
    let Some([created, updated, deleted]) = Event::of_kind(model.kind()) else { return Ok(None) };
    let event = match change.action() {
        Action::Inserted => created,
        Action::Updated => updated,
        Action::Deleted => deleted,
    };
    Ok(Some(Events { model, types: smallvec![event.as_type()] }))
}

/// Adds the events of members that a change leads to a value, each with the slot of the member and the JSON text of the
/// value; any other value for an event without one. A deletion makes none of them.
pub(in crate::resources) fn with_moves(
    events: Option<Events>,
    change: &Change<'_>,
    moves: &[(Event, Slot, Option<&str>)],
) -> Option<Events> {
    let mut events = events?;
    let types: SmallVec<[_; 4]> = moves
        .iter()
        .filter(|(_, slot, to)| is_moved(change, *slot, *to))
        .map(|(event, ..)| event.as_type())
        .collect();
    events.types.extend(types);
    Some(events)
}

fn is_moved(change: &Change<'_>, slot: Slot, to: Option<&str>) -> bool {
    let Some(after) = &change.after else { return false };
    let before = change.before.as_ref().map(|before: &Record<'_>| before.slot(slot));
    match to {
        Some(to) => after.slot(slot) == to.as_bytes() && before != Some(to.as_bytes()),
        None => before.is_some_and(|before| before != after.slot(slot)),
    }
}

use uuid::Uuid;

use crate::{
    base::{Error, Kind, Timestamp},
    engine::{
        keys::spaces,
        schema::{Resource, Row},
    },
    store::Key,
};

/// The place of a record in the order of a list. It stays where it is when the record changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition(InOrder);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum InOrder {
    /// By creation, which is the order of ids.
    Created(Uuid),
    /// By last change.
    Changed(Timestamp),
}

impl ListPosition {
    pub(super) const fn created(id: Uuid) -> Self {
        Self(InOrder::Created(id))
    }

    pub(super) const fn changed(instant: Timestamp) -> Self {
        Self(InOrder::Changed(instant))
    }

    /// The place of a record in a list by last change, or in one by creation.
    pub(super) fn of<R: Resource>(row: &Row<R>, is_by_change: bool) -> Result<Self, Error> {
        if is_by_change {
            Ok(Self::changed(row.updated_at()?))
        } else {
            Ok(Self::created(row.id().as_uuid()))
        }
    }

    pub(super) const fn is_by_change(self) -> bool {
        matches!(self.0, InOrder::Changed(_))
    }

    /// The first key behind this place in the list of a kind.
    pub(super) fn behind(self, kind: Kind) -> Key {
        match self.0 {
            InOrder::Created(id) => spaces::record(kind, id).successor(),
            InOrder::Changed(instant) => spaces::updated(kind, instant).successor(),
        }
    }
}

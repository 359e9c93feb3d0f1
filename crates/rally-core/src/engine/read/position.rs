use crate::{
    base::{Error, RecordNumber, Timestamp},
    engine::schema::{Resource, Row},
};

/// The place of a record in the order of a list. It stays where it is when the record changes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition(InOrder);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum InOrder {
    /// By creation, which is the order of numbers and of ids.
    Created(RecordNumber),
    /// By last change.
    Changed(Timestamp),
}

impl ListPosition {
    pub(super) const fn created(number: RecordNumber) -> Self {
        Self(InOrder::Created(number))
    }

    pub(super) const fn changed(instant: Timestamp) -> Self {
        Self(InOrder::Changed(instant))
    }

    /// The place of a record in a list by last change, or in one by creation.
    pub(super) fn of<R: Resource>(row: &Row<R>, is_by_change: bool) -> Result<Self, Error> {
        if is_by_change {
            Ok(Self::changed(row.updated_at()?))
        } else {
            Ok(Self::created(RecordNumber::of(row.id().as_uuid())))
        }
    }

    pub(super) const fn is_by_change(self) -> bool {
        matches!(self.0, InOrder::Changed(_))
    }

    /// The first number behind this place in a list by creation.
    pub(super) fn next_number(self) -> RecordNumber {
        match self.0 {
            InOrder::Created(number) => number.next(),
            InOrder::Changed(_) => RecordNumber::FIRST,
        }
    }

    /// The instant of this place in a list by last change.
    pub(super) const fn instant(self) -> Timestamp {
        match self.0 {
            InOrder::Created(_) => Timestamp::MIN,
            InOrder::Changed(instant) => instant,
        }
    }
}

//! The epoch of a feed, and whether a reader's position is still good in it.

use std::{fmt, str::FromStr};

use serde::Serialize;
use uuid::Uuid;

use super::feed::FeedPosition;
use crate::{
    base::{TenantId, limits},
    engine::{
        codec::{self, HeadV1, IncarnationV1},
        keys::{Breaks, spaces},
    },
    store::{Snapshot, StoreError},
};

/// The name of an uninterrupted feed. It changes when a tenant's state is put back from a copy, and when the database may
/// have lost its last commits, as by the failover to a standby that had not got them. Changes that were made last before are
/// gone then, and their numbers and instants are never given to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct FeedEpoch(Uuid);

impl FeedEpoch {
    /// Takes any UUID for an epoch, such as one that a reader has kept.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The plain UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }

    /// The epoch of a tenant with such a head: its own id until the first break of its feed.
    pub(super) fn of(tenant: TenantId, head: &HeadV1) -> Self {
        Self(head.epoch.map_or(tenant.as_uuid(), Uuid::from_bytes))
    }
}

impl fmt::Display for FeedEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for FeedEpoch {
    type Err = uuid::Error;

    /// Reads the hyphenated form in any letter case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::fmt::Hyphenated::from_str(text).map(|form| Self(form.into_uuid()))
    }
}

/// The state of a feed as far as it decides which positions are good.
pub(super) struct Standing {
    pub(super) head: HeadV1,
    pub(super) epoch: FeedEpoch,
    breaks: Breaks,
    /// True when nobody has written to the tenant in the present incarnation of the database. The next change is behind a break
    /// then.
    is_before_break: bool,
}

impl Standing {
    /// Reads it in one round trip.
    pub(super) fn read(snapshot: &dyn Snapshot, tenant: TenantId) -> Result<Self, StoreError> {
        let rows = snapshot.get_many(&[spaces::head(), spaces::breaks(), spaces::incarnation()])?;
        let mut rows = rows.iter().map(Option::as_ref);
        let mut row = || rows.next().flatten();
        let head: HeadV1 = row().map_or_else(|| Ok(HeadV1::default()), |row| codec::decode(row))?;
        let breaks = Breaks::read(row())?;
        let written: Option<IncarnationV1> = row().map(|row| codec::decode(row)).transpose()?;
        let present = snapshot.incarnation()?.number();
        Ok(Self {
            head,
            epoch: FeedEpoch::of(tenant, &head),
            breaks,
            is_before_break: written.is_some_and(|written| written.number != present),
        })
    }

    /// True when a number can only have been read where it is lost.
    fn is_ahead(&self, number: u64) -> bool {
        self.is_before_break && self.head.number < number && number < limits::FEED_END
    }

    /// True when a reader that names its position, and perhaps the epoch of that, may have read changes that are lost.
    pub(super) fn has_lost(&self, from: FeedPosition, known: Option<FeedEpoch>) -> bool {
        let is_known = known.is_none_or(|known| known == self.epoch);
        let end = || known.and_then(|known| self.breaks.end_of(known.as_uuid().into_bytes()));
        match from {
            FeedPosition::After(number) if self.breaks.lose(number) => true,
            FeedPosition::After(number) if self.is_ahead(number) => true,
            FeedPosition::After(number) => !is_known && end().is_none_or(|end| number > end.last),
            FeedPosition::Since(instant) if is_known => {
                let is_told = known.is_some() && self.is_before_break;
                is_told && instant.as_micros() > self.head.changed_at
            }
            FeedPosition::Since(instant) => end().is_none_or(|end| instant.as_micros() > end.last_at),
        }
    }
}

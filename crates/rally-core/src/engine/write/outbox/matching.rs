//! Events of a change, and who wants them.

use smallvec::SmallVec;
use uuid::Uuid;

use crate::{
    base::Kind,
    engine::{
        codec::{OnlyV1, Slot, SubscriptionV1},
        schema::{Model, Record},
    },
};

/// A type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventType {
    /// The number in stored keys, which never changes.
    pub(crate) number: u8,
    pub(crate) name: &'static str,
    /// True for one that every subscriber gets, whatever it subscribes to.
    pub(crate) is_for_all: bool,
}

/// The events of a change, in the order in which they are told.
pub(crate) struct Events {
    /// The members of the record that are told.
    pub(crate) model: &'static Model,
    pub(crate) types: SmallVec<[EventType; 4]>,
}

/// The record that an event is about, as far as subscriptions ask for it.
pub(crate) struct Matter<'m> {
    pub(crate) kind: Kind,
    pub(crate) id: Uuid,
    /// Names of the changed members.
    pub(crate) names: Vec<&'m str>,
    /// The record before and after, as far as it is known.
    pub(crate) states: [Option<&'m Record<'m>>; 2],
}

impl Matter<'_> {
    /// True when a subscription asks for an event about this record.
    pub(crate) fn concerns(&self, event: EventType, subscription: &SubscriptionV1) -> bool {
        if event.is_for_all {
            return subscription.subscriber != self.id.into_bytes();
        }
        let is_type = subscription.types & (1 << event.number) != 0;
        let changed = &subscription.changed;
        let is_changed =
            changed.is_empty() || self.names.iter().any(|name| changed.iter().any(|of| of == name));
        is_type && is_changed && subscription.only.as_ref().is_none_or(|only| self.has(only))
    }

    /// True when the record has a value, or has had it before.
    fn has(&self, only: &OnlyV1) -> bool {
        let has = |record: &&Record<'_>| {
            let slot = Slot::all().find(|slot| slot.number() == only.slot);
            slot.is_some_and(|slot| record.slot(slot) == only.value.as_bytes())
        };
        self.kind.number() == only.kind && self.states.iter().flatten().any(has)
    }
}

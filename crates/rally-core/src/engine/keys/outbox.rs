//! The families of keys of the outbox. The numbers are on disk and never change.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    base::{TenantId, Timestamp, instant_of, uuid_at},
    store::{Key, KeyRange, Space, read_instant, read_uuid},
};

/// All who subscribe to events: one row.
pub(super) const SUBSCRIPTIONS: Space = Space(0x40);
/// Events: place.
pub(super) const EVENT: Space = Space(0x41);
/// Deliveries: subscriber, place.
pub(super) const DELIVERY: Space = Space(0x42);
/// Deliveries that are going to be attempted: subscriber, instant, place.
pub(super) const DUE: Space = Space(0x43);
/// Deliveries that wait for one another: subscriber, line, place.
pub(super) const LINE: Space = Space(0x44);
/// The success that a subscriber has had: subscriber.
pub(super) const STANDING: Space = Space(0x45);
/// Work that is left to do: subscriber, instant.
pub(super) const TASK: Space = Space(0x46);
/// Tenants that have, or have had, subscribers, in the directory: tenant.
pub(super) const ENLISTED: Space = Space(0x47);

/// Bits of an id that are neither of its instant nor of the form of ids.
const LOW_BITS: u32 = 62;

/// A key of the outbox. Its rows are changed by whoever delivers, and no other rows are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OutboxKey(Key);

/// The place of an event in the outbox: the instant at which it was put there, which no change of the tenant shares,
/// and the number of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventPlace {
    pub(crate) instant: Timestamp,
    pub(crate) number: u8,
}

impl OutboxKey {
    pub(crate) fn key(&self) -> &Key {
        &self.0
    }

    pub(crate) fn into_key(self) -> Key {
        self.0
    }

    /// The keys that begin with this one.
    pub(crate) fn all(&self) -> KeyRange {
        KeyRange::prefix(&self.0)
    }

    /// A key of the same row.
    pub(crate) fn of(key: Key) -> Self {
        Self(key)
    }

    fn place(self, place: EventPlace) -> Self {
        Self(self.0.instant(place.instant).byte(place.number))
    }
}

impl EventPlace {
    /// The place at the end of a key.
    pub(crate) fn at_end(key: &Key) -> Option<Self> {
        let (number, rest) = key.as_bytes().split_last()?;
        let instant = rest.last_chunk::<8>()?;
        Some(Self { instant: read_instant(instant)?, number: *number })
    }

    /// The id of what has this place. Its instant and its number are in it, and the rest is a digest of them with the
    /// tenant and `of`, so that the same always has the same id.
    pub(crate) fn id(self, tenant: TenantId, of: &[u8]) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(tenant.as_uuid());
        hash.update(self.instant.as_micros().to_be_bytes());
        hash.update([self.number]);
        hash.update(of);
        let digest = hash.finalize();
        let mut low = [self.number; 8];
        low.iter_mut().skip(1).zip(digest).for_each(|(place, byte)| *place = byte);
        uuid_at(self.instant, low)
    }

    /// The place whose [`id`](Self::id) this may be.
    pub(crate) fn of_id(id: Uuid) -> Option<Self> {
        let low = id.as_u128() & ((1 << LOW_BITS) - 1);
        let number = u8::try_from(low >> (LOW_BITS - 8)).ok()?;
        if id.get_version_num() == 7 { Some(Self { instant: instant_of(id), number }) } else { None }
    }
}

pub(crate) fn subscriptions() -> OutboxKey {
    OutboxKey(Key::new(SUBSCRIPTIONS))
}

pub(crate) fn events() -> OutboxKey {
    OutboxKey(Key::new(EVENT))
}

/// Prefix of the events that were put in the outbox at an instant.
pub(crate) fn events_at(instant: Timestamp) -> OutboxKey {
    OutboxKey(Key::new(EVENT).instant(instant))
}

pub(crate) fn event(place: EventPlace) -> OutboxKey {
    events().place(place)
}

pub(crate) fn deliveries(subscriber: Uuid) -> OutboxKey {
    OutboxKey(Key::new(DELIVERY).uuid(subscriber))
}

pub(crate) fn delivery(subscriber: Uuid, place: EventPlace) -> OutboxKey {
    deliveries(subscriber).place(place)
}

/// Prefix of all deliveries.
pub(crate) fn all_deliveries() -> OutboxKey {
    OutboxKey(Key::new(DELIVERY))
}

/// Prefix of all deliveries that are due.
pub(crate) fn all_dues() -> OutboxKey {
    OutboxKey(Key::new(DUE))
}

/// Prefix of all lines.
pub(crate) fn every_line() -> OutboxKey {
    OutboxKey(Key::new(LINE))
}

/// The subscriber that the delivery of a key is to.
pub(crate) fn subscriber_of_delivery(key: &Key) -> Option<Uuid> {
    Some(Uuid::from_bytes(*key.after(&Key::new(DELIVERY))?.first_chunk::<16>()?))
}

/// The delivery that a key of a list of deliveries is of.
pub(crate) fn delivery_of(key: &Key) -> Option<Key> {
    let subscriber = key.as_bytes().get(1..)?.first_chunk::<16>()?;
    Some(delivery(Uuid::from_bytes(*subscriber), EventPlace::at_end(key)?).into_key())
}

pub(crate) fn dues(subscriber: Uuid) -> OutboxKey {
    OutboxKey(Key::new(DUE).uuid(subscriber))
}

/// Prefix of the deliveries that are due at an instant.
pub(crate) fn dues_at(subscriber: Uuid, instant: Timestamp) -> OutboxKey {
    OutboxKey(Key::new(DUE).uuid(subscriber).instant(instant))
}

pub(crate) fn due(subscriber: Uuid, instant: Timestamp, place: EventPlace) -> OutboxKey {
    dues_at(subscriber, instant).place(place)
}

/// The instant at which the delivery of a key is due.
pub(crate) fn read_due(key: &Key, subscriber: Uuid) -> Option<Timestamp> {
    read_instant(key.after(dues(subscriber).key())?.first_chunk::<8>()?)
}

pub(crate) fn all_lines(subscriber: Uuid) -> OutboxKey {
    OutboxKey(Key::new(LINE).uuid(subscriber))
}

pub(crate) fn line(subscriber: Uuid, line: Uuid) -> OutboxKey {
    OutboxKey(Key::new(LINE).uuid(subscriber).uuid(line))
}

pub(crate) fn in_line(subscriber: Uuid, of: Uuid, place: EventPlace) -> OutboxKey {
    line(subscriber, of).place(place)
}

pub(crate) fn standing(subscriber: Uuid) -> OutboxKey {
    OutboxKey(Key::new(STANDING).uuid(subscriber))
}

pub(crate) fn tasks() -> OutboxKey {
    OutboxKey(Key::new(TASK))
}

/// Prefix of the tasks of a subscriber.
pub(crate) fn tasks_of(subscriber: Uuid) -> OutboxKey {
    OutboxKey(Key::new(TASK).uuid(subscriber))
}

pub(crate) fn task(subscriber: Uuid, instant: Timestamp) -> OutboxKey {
    OutboxKey(Key::new(TASK).uuid(subscriber).instant(instant))
}

/// The subscriber that the task of a key is of.
pub(crate) fn subscriber_of_task(key: &Key) -> Option<Uuid> {
    let bytes = key.after(tasks().key())?;
    Some(Uuid::from_bytes(*bytes.first_chunk::<16>()?))
}

pub(crate) fn enlisted() -> OutboxKey {
    OutboxKey(Key::new(ENLISTED))
}

/// The tenant that a key of the list names.
pub(crate) fn read_enlisted(key: &Key) -> Option<TenantId> {
    read_uuid(key.after(enlisted().key())?).map(TenantId::from_uuid)
}

pub(crate) fn enlisted_tenant(tenant: TenantId) -> OutboxKey {
    OutboxKey(Key::new(ENLISTED).uuid(tenant.as_uuid()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_place(micros in 0i64..4_000_000_000_000_000, number: u8, of: [u8; 4]) {
            let place = EventPlace { instant: Timestamp::from_micros(micros), number };
            let id = place.id(TenantId::DIRECTORY, &of);
            prop_assert_eq!(EventPlace::of_id(id), Some(place));
            prop_assert_eq!(EventPlace::at_end(event(place).key()), Some(place));
            prop_assert_eq!(id, place.id(TenantId::DIRECTORY, &of));
            prop_assert_ne!(id, place.id(TenantId::DIRECTORY, b"another"));
        }
    }
}

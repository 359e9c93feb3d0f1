//! The parts of a tenant that are left out of a copy.

use crate::{
    base::Kind,
    engine::{
        codec::{self, Bytes, HeadV1, RecordParts, Slot, encode_record},
        keys::spaces::{self, Family},
        schema::Slots,
        write::Link,
    },
    store::{Entry, StoreError},
};

/// The part of the outbox that a copy has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutboxPart {
    /// All of it.
    #[default]
    All,
    /// Subscriptions and the state of their deliveries, without events and deliveries.
    Subscriptions,
    /// Nothing.
    None,
}

/// A choice among a tenant's rows. Everything is chosen by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Kinds without their records.
    pub(crate) without: Vec<Kind>,
    /// Members by which records refer to records that are left out: they have no value in the copy.
    pub(crate) cleared: Vec<Link>,
    pub(crate) outbox: OutboxPart,
    /// True when answers that were kept for idempotency keys are left out, which hold records of all kinds.
    pub(crate) without_answers: bool,
}

impl Selection {
    /// A row as the copy has it; `None` if it has none.
    pub(crate) fn pick(&self, entry: Entry) -> Result<Option<Entry>, StoreError> {
        let place = spaces::place(&entry.key);
        let is_out = match place.family {
            Family::Answers | Family::Ages => self.without_answers,
            Family::Subscriptions => self.outbox == OutboxPart::None,
            Family::Deliveries => self.outbox != OutboxPart::All,
            Family::Head if self.outbox == OutboxPart::None => return unsubscribed(entry).map(Some),
            _ => false,
        };
        let Some(kind) = place.kind else { return Ok(Some(entry).filter(|_| !is_out)) };
        if is_out || self.without.contains(&kind) {
            return Ok(None);
        }
        let slots: Vec<Slot> = self.cleared_of(kind).collect();
        match place.family {
            Family::Sets | Family::Newest if slots.iter().any(|slot| place.index == Some(slot.number())) => {
                Ok(None)
            }
            Family::Records if !slots.is_empty() => self.without_members(kind, &slots, entry).map(Some),
            _ => Ok(Some(entry)),
        }
    }

    fn cleared_of(&self, kind: Kind) -> impl Iterator<Item = Slot> {
        self.cleared.iter().filter(move |link| link.from.kind() == kind).map(|link| link.slot)
    }

    fn without_members(&self, kind: Kind, slots: &[Slot], entry: Entry) -> Result<Entry, StoreError> {
        let parts = RecordParts::read(&entry.value)?;
        if slots.iter().all(|slot| parts.slot(*slot).is_empty()) {
            return Ok(entry);
        }
        let mut members = Slots::read(&parts)?;
        slots.iter().for_each(|slot| members.set(*slot, ""));
        let model = self.cleared.iter().find(|link| link.from.kind() == kind).map(|link| link.from.model);
        let count = model.map_or(codec::MAX_SLOTS, |model| model.slot_count());
        let value: Bytes = encode_record(parts.head, members.first(count));
        Ok(Entry { key: entry.key, value })
    }
}

/// The head of a tenant to whose events nobody subscribes.
fn unsubscribed(entry: Entry) -> Result<Entry, StoreError> {
    let head: HeadV1 = codec::decode(&entry.value)?;
    Ok(Entry { key: entry.key, value: codec::encode(&HeadV1 { is_subscribed: false, ..head })? })
}

//! The families of keys within a tenant. The numbers are on disk and never change.

use crate::{
    base::{Kind, Timestamp},
    store::{Key, Space},
};

use uuid::Uuid;

/// The last change: its number and its instant.
const HEAD: Space = Space(0x01);
/// The open end of a sequence: kind, order. Every write changes it with the head, so the two stand together.
const SPINE: Space = Space(0x02);
/// Counts of the closed blocks of a sequence: kind, order, level, first key.
const NODE: Space = Space(0x03);
/// The instant of each 64th change: number ÷ 64.
const FEED_MARK: Space = Space(0x04);
/// What all servers together have taken of the tenant's requests of a minute.
const RATE: Space = Space(0x05);
/// Records: kind, id. Ids sort by creation, so this is the list in its order.
const RECORD: Space = Space(0x10);
/// Natural keys: kind, slot, folded text; the value is the id.
const UNIQUE: Space = Space(0x11);
/// Records by last change: kind, instant; the value is the id.
const UPDATED: Space = Space(0x12);
/// Changes: kind, instant.
const FEED: Space = Space(0x20);
/// Kept answers: idempotency key.
const ANSWER: Space = Space(0x30);
/// Kept answers by age: instant; the value is the idempotency key.
const ANSWER_AGE: Space = Space(0x31);

pub(crate) fn head() -> Key {
    Key::new(HEAD)
}

pub(crate) fn records(kind: Kind) -> Key {
    Key::new(RECORD).kind(kind)
}

pub(crate) fn record(kind: Kind, id: Uuid) -> Key {
    records(kind).uuid(id)
}

pub(crate) fn unique(kind: Kind, slot: u8, folded: &str) -> Key {
    Key::new(UNIQUE).kind(kind).byte(slot).bytes(folded.as_bytes())
}

pub(crate) fn all_updated(kind: Kind) -> Key {
    Key::new(UPDATED).kind(kind)
}

pub(crate) fn updated(kind: Kind, instant: Timestamp) -> Key {
    all_updated(kind).instant(instant)
}

pub(crate) fn spine(kind: Kind, order: u8) -> Key {
    Key::new(SPINE).kind(kind).byte(order)
}

pub(crate) fn nodes(kind: Kind, order: u8, level: u8) -> Key {
    Key::new(NODE).kind(kind).byte(order).byte(level)
}

pub(crate) fn feed_of(kind: Kind) -> Key {
    Key::new(FEED).kind(kind)
}

pub(crate) fn feed(kind: Kind, instant: Timestamp) -> Key {
    feed_of(kind).instant(instant)
}

pub(crate) fn feed_marks() -> Key {
    Key::new(FEED_MARK)
}

pub(crate) fn feed_mark(block: u64) -> Key {
    feed_marks().number(block)
}

pub(crate) fn rate() -> Key {
    Key::new(RATE)
}

pub(crate) fn answer(idempotency_key: &str) -> Key {
    Key::new(ANSWER).bytes(idempotency_key.as_bytes())
}

pub(crate) fn answer_ages() -> Key {
    Key::new(ANSWER_AGE)
}

pub(crate) fn answer_age(kept_at: Timestamp, idempotency_key: &str) -> Key {
    answer_ages().instant(kept_at).bytes(idempotency_key.as_bytes())
}

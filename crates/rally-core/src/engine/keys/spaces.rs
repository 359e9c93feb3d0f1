//! The families of keys within a tenant. The numbers are on disk and never change.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    base::{Kind, Timestamp},
    engine::{codec::Slot, schema::IndexNumber},
    store::{Key, Space},
};

/// The last change: its number and its instant.
const HEAD: Space = Space(0x01);
/// The open end of a sequence: kind, order. Every write changes it with the head, so the two stand together.
const SPINE: Space = Space(0x02);
/// Counts of the closed blocks of a sequence: kind, order, level, first key.
const NODE: Space = Space(0x03);
/// The instant of each 64th change: number ÷ 64.
const FEED_MARK: Space = Space(0x04);
/// Requests of a minute that all servers together have leased of the tenant's.
const RATE: Space = Space(0x05);
/// The secrets that tokens are signed with, in the directory.
const SECRETS: Space = Space(0x06);
/// Records: kind, id. Ids sort by creation, so this is the list in its order.
const RECORD: Space = Space(0x10);
/// Natural keys: kind, slot, folded text; the value is the id.
const UNIQUE: Space = Space(0x11);
/// Records by last change: kind, instant; the value is the id.
const UPDATED: Space = Space(0x12);
/// Records by the value of a member: kind, index, value, id.
const INDEX: Space = Space(0x13);
/// Records by the beginnings of their names: kind, folded text, a zero byte, id.
const SEARCH: Space = Space(0x14);
/// The newest record that refers to another: kind, index, id of the other; the value is the id of the newest.
const NEWEST: Space = Space(0x15);
/// Changes: kind, instant.
const FEED: Space = Space(0x20);
/// What records were before their changes: kind, id, version that the change made.
const FORMER: Space = Space(0x21);
/// Kept answers: idempotency key.
const ANSWER: Space = Space(0x30);
/// Kept answers by age: instant; the value is the idempotency key.
const ANSWER_AGE: Space = Space(0x31);

/// Changes from one noted instant to the next; the notes lead from the number of a change to its instant.
pub(crate) const MARK_EVERY: u64 = 64;

/// Versions of a record from one that is kept whole to the next; those between are kept by what the next change changed.
/// It bounds the rows that are read for a page of a history, wherever in the history it is.
pub(crate) const WHOLE_EVERY: u32 = 64;

/// A value as an index has it: an id, or a text in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexedValue([u8; 16]);

impl IndexedValue {
    pub(crate) const fn id(id: Uuid) -> Self {
        Self(id.into_bytes())
    }

    /// A text of at most 15 bytes stands for itself, its length behind it; a longer one is represented by the first 16
    /// bytes of its SHA-256 digest, so two of them are never taken for one.
    pub(crate) fn text(text: &str) -> Self {
        let mut value = [0; 16];
        match u8::try_from(text.len()) {
            Ok(length @ 0..=15) => {
                let all = text.bytes().chain(std::iter::repeat(0)).take(15).chain([length]);
                value.iter_mut().zip(all).for_each(|(place, byte)| *place = byte);
            }
            _ => value.iter_mut().zip(Sha256::digest(text)).for_each(|(place, byte)| *place = byte),
        }
        Self(value)
    }
}

pub(crate) fn head() -> Key {
    Key::new(HEAD)
}

pub(crate) fn records(kind: Kind) -> Key {
    Key::new(RECORD).kind(kind)
}

pub(crate) fn record(kind: Kind, id: Uuid) -> Key {
    records(kind).uuid(id)
}

pub(crate) fn unique(kind: Kind, slot: Slot, folded: &str) -> Key {
    Key::new(UNIQUE).kind(kind).byte(slot.number()).bytes(folded.as_bytes())
}

/// Prefix of the records whose indexed member has a value; the id follows it.
pub(crate) fn indexed(kind: Kind, index: IndexNumber, value: IndexedValue) -> Key {
    Key::new(INDEX).kind(kind).byte(index.number()).bytes(&value.0)
}

/// Prefix of the records with a name that begins with a text; the rest of the text, a zero byte and the id follow it.
pub(crate) fn search(kind: Kind, folded: &str) -> Key {
    Key::new(SEARCH).kind(kind).bytes(folded.as_bytes())
}

pub(crate) fn newest(kind: Kind, index: IndexNumber, target: Uuid) -> Key {
    Key::new(NEWEST).kind(kind).byte(index.number()).uuid(target)
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

pub(crate) fn former_of(kind: Kind, id: Uuid) -> Key {
    Key::new(FORMER).kind(kind).uuid(id)
}

pub(crate) fn former(kind: Kind, id: Uuid, version: u32) -> Key {
    former_of(kind, id).bytes(&version.to_be_bytes())
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

pub(crate) fn secrets() -> Key {
    Key::new(SECRETS)
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

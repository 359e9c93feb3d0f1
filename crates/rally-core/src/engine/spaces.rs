//! The families of keys within a tenant. The numbers are on disk and never change.

use crate::{
    base::{Kind, Timestamp},
    store::{Key, Space},
};

use sha2::{Digest, Sha256};
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
/// What tokens are signed with, in the directory.
const SECRETS: Space = Space(0x06);
/// Records: kind, id. Ids sort by creation, so this is the list in its order.
const RECORD: Space = Space(0x10);
/// Natural keys: kind, slot, folded text; the value is the id.
const UNIQUE: Space = Space(0x11);
/// Records by last change: kind, instant; the value is the id.
const UPDATED: Space = Space(0x12);
/// Records by the value of a member: kind, index, term, id.
const INDEX: Space = Space(0x13);
/// Records by what their names begin with: kind, folded text, a zero byte, id.
const SEARCH: Space = Space(0x14);
/// The newest record that names another: kind, index, id of the other; the value is the id of the newest.
const NEWEST: Space = Space(0x15);
/// Changes: kind, instant.
const FEED: Space = Space(0x20);
/// Kept answers: idempotency key.
const ANSWER: Space = Space(0x30);
/// Kept answers by age: instant; the value is the idempotency key.
const ANSWER_AGE: Space = Space(0x31);

/// What an index tells apart: an id, or a value in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term([u8; 16]);

impl Term {
    pub(crate) const fn id(id: Uuid) -> Self {
        Self(id.into_bytes())
    }

    /// A text of at most 15 bytes is its own term, its length behind it; of a longer one the term is what SHA-256 begins
    /// with, so two of them are never taken for one.
    pub(crate) fn text(text: &str) -> Self {
        let mut term = [0; 16];
        match u8::try_from(text.len()) {
            Ok(length @ 0..=15) => {
                let all = text.bytes().chain(std::iter::repeat(0)).take(15).chain([length]);
                term.iter_mut().zip(all).for_each(|(place, byte)| *place = byte);
            }
            _ => term.iter_mut().zip(Sha256::digest(text)).for_each(|(place, byte)| *place = byte),
        }
        Self(term)
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

pub(crate) fn unique(kind: Kind, slot: u8, folded: &str) -> Key {
    Key::new(UNIQUE).kind(kind).byte(slot).bytes(folded.as_bytes())
}

/// The records of which an indexed member has a term; behind it stands the id.
pub(crate) fn indexed(kind: Kind, index: u8, term: Term) -> Key {
    Key::new(INDEX).kind(kind).byte(index).bytes(&term.0)
}

/// The records of which a name begins with a text; behind it stand the rest of the text, a zero byte and the id.
pub(crate) fn search(kind: Kind, folded: &str) -> Key {
    Key::new(SEARCH).kind(kind).bytes(folded.as_bytes())
}

pub(crate) fn newest(kind: Kind, index: u8, target: Uuid) -> Key {
    Key::new(NEWEST).kind(kind).byte(index).uuid(target)
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

//! The families of keys within a tenant. The numbers are on disk and never change.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    base::{Kind, RecordNumber, TenantId, Timestamp, invariant},
    engine::{
        codec::{ChunkNumber, Slot},
        keys::outbox,
        schema::IndexNumber,
    },
    store::{Key, Space, read_uuid},
};

/// The last change: its number and its instant.
const HEAD: Space = Space(0x01);
/// The lists of a kind: kind. Every write changes it with the head, so the two stand together.
const LISTS: Space = Space(0x02);
/// Counts of the closed blocks of the list by last change: kind, level, first instant.
const NODE: Space = Space(0x03);
/// The instant of each 64th change: number ÷ 64.
const FEED_MARK: Space = Space(0x04);
/// Requests of a minute that all servers together have leased of the tenant's.
const RATE: Space = Space(0x05);
/// The secrets that tokens are signed with, in the directory.
const SECRETS: Space = Space(0x06);
/// The mark of a tenant that is being filled.
const FILLING: Space = Space(0x07);
/// Numbers of records that are gone: kind, chunk; the value is the chunk.
const GONE: Space = Space(0x08);
/// Counts of them: kind, level, place in the level.
const GONE_COUNT: Space = Space(0x09);
/// Tenants that are being filled because of this one: tenant.
const FILLED: Space = Space(0x0A);
/// The breaks of the feed.
const BREAKS: Space = Space(0x0B);
/// The incarnation of the store on which the tenant was last written.
const INCARNATION: Space = Space(0x0C);
/// The last backup of the store, in the directory.
const BACKUP: Space = Space(0x0D);
/// Records: kind, number. Numbers are in the order of creation, so this is the list in its order.
const RECORD: Space = Space(0x10);
/// Natural keys: kind, slot, folded text; the value is the record's number.
const UNIQUE: Space = Space(0x11);
/// Records by last change: kind, instant; the value is the record's number.
const UPDATED: Space = Space(0x12);
/// Records by the value of a member: kind, index, value, chunk; the value is the chunk of their numbers.
const INDEX: Space = Space(0x13);
/// Records by the beginnings of their names: kind, folded text, a zero byte, number.
const SEARCH: Space = Space(0x14);
/// Names of records of whole chunks: kind, first letter, chunk.
const NAMES: Space = Space(0x17);
/// The newest record that refers to another: kind, index, number of the other.
const NEWEST: Space = Space(0x15);
/// Sums of records: kind; behind it, those of a group.
const SUMS: Space = Space(0x16);
/// Changes: kind, instant.
const FEED: Space = Space(0x20);
/// Records before their changes: kind, id, version that the change made.
const FORMER: Space = Space(0x21);
/// Kept answers: idempotency key.
const ANSWER: Space = Space(0x30);
/// Kept answers by age: instant; the value is the idempotency key.
const ANSWER_AGE: Space = Space(0x31);

/// The number of the layout of all these keys: another one has another number.
pub(crate) const LAYOUT: u32 = 1;

/// The families whose rows are the same wherever a tenant is, in the order of their keys. All others are about the store
/// that it is in.
pub(crate) const FAMILIES: &[Space] = &[
    HEAD,
    LISTS,
    NODE,
    FEED_MARK,
    SECRETS,
    GONE,
    GONE_COUNT,
    BREAKS,
    RECORD,
    UNIQUE,
    UPDATED,
    INDEX,
    SEARCH,
    NEWEST,
    SUMS,
    NAMES,
    FEED,
    FORMER,
    ANSWER,
    ANSWER_AGE,
    outbox::SUBSCRIPTIONS,
    outbox::EVENT,
    outbox::DELIVERY,
    outbox::DUE,
    outbox::LINE,
    outbox::STANDING,
    outbox::TASK,
    outbox::ENLISTED,
];

/// The sort of a family of rows, for those who copy rows without knowing more of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// The head of the tenant.
    Head,
    /// Records themselves.
    Records,
    /// Natural keys.
    Unique,
    /// Sets of records by the value of a member.
    Sets,
    /// The newest record that refers to another.
    Newest,
    /// Names.
    Searched,
    /// Names in the order of records.
    Names,
    /// The list by last change.
    Updated,
    /// Numbers of records that are gone.
    Gone,
    /// Other rows of one kind of record that follow from its records.
    OfKind,
    /// Changes.
    Feed,
    /// Records before their changes.
    Former,
    /// The places of changes by their numbers.
    Marks,
    /// Answers that are kept.
    Answers,
    /// Kept answers by age.
    Ages,
    /// Subscriptions to events.
    Subscriptions,
    /// Events and their deliveries.
    Deliveries,
    /// All others.
    Other,
}

/// The place of a row among all rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowPlace {
    pub(crate) family: Family,
    /// The kind of record that it is about.
    pub(crate) kind: Option<Kind>,
    /// The number of the index that it belongs to.
    pub(crate) index: Option<u8>,
}

/// The place of the row with a key.
pub(crate) fn place(key: &Key) -> RowPlace {
    let family = match key.space() {
        HEAD => Family::Head,
        RECORD => Family::Records,
        UNIQUE => Family::Unique,
        INDEX => Family::Sets,
        NEWEST => Family::Newest,
        SEARCH => Family::Searched,
        NAMES => Family::Names,
        UPDATED => Family::Updated,
        GONE => Family::Gone,
        LISTS | NODE | GONE_COUNT | SUMS => Family::OfKind,
        FEED => Family::Feed,
        FORMER => Family::Former,
        FEED_MARK => Family::Marks,
        ANSWER => Family::Answers,
        ANSWER_AGE => Family::Ages,
        outbox::SUBSCRIPTIONS | outbox::STANDING => Family::Subscriptions,
        outbox::EVENT | outbox::DELIVERY | outbox::DUE | outbox::LINE | outbox::TASK => Family::Deliveries,
        _ => Family::Other,
    };
    let byte = |at: usize| key.as_bytes().get(at).copied();
    let is_of_kind = !matches!(
        family,
        Family::Head
            | Family::Marks
            | Family::Answers
            | Family::Ages
            | Family::Subscriptions
            | Family::Deliveries
            | Family::Other
    );
    let kind = byte(1).filter(|_| is_of_kind).and_then(Kind::from_number);
    let is_indexed = matches!(family, Family::Sets | Family::Newest);
    RowPlace { family, kind, index: byte(2).filter(|_| is_indexed) }
}

impl Family {
    /// True when its rows follow from those of others.
    pub(crate) const fn is_derived(self) -> bool {
        match self {
            Family::Head
            | Family::Unique
            | Family::Sets
            | Family::Newest
            | Family::Searched
            | Family::Names
            | Family::Updated
            | Family::Gone
            | Family::OfKind
            | Family::Marks
            | Family::Ages => true,
            Family::Records
            | Family::Feed
            | Family::Former
            | Family::Answers
            | Family::Subscriptions
            | Family::Deliveries
            | Family::Other => false,
        }
    }

    /// The rows of a family that follow from records, for people.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Family::Unique => "natural keys",
            Family::Sets => "members of indexes",
            Family::Newest => "newest records that refer to another",
            Family::Searched => "names to be searched",
            Family::Names => "names in the order of records",
            Family::Updated => "places in the list by last change",
            Family::Gone => "numbers that are gone",
            _ => "rows",
        }
    }
}

/// Changes from one noted instant to the next; the notes lead from the number of a change to its instant.
pub(crate) const MARK_EVERY: u64 = 64;

/// Versions of a record from one that is kept whole to the next; those between are kept by what the next change changed.
/// It bounds the rows that are read for a page of a history, wherever in the history it is.
pub(crate) const WHOLE_EVERY: u32 = 64;

/// A value as an index has it: an id, or a text in at most 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexedValue {
    length: u8,
    bytes: [u8; 16],
}

impl IndexedValue {
    pub(crate) const fn id(id: Uuid) -> Self {
        Self { length: 16, bytes: id.into_bytes() }
    }

    /// A text of at most 15 bytes stands for itself; a longer one is represented by the first 16 bytes of its SHA-256
    /// digest, so two of them are never taken for one.
    pub(crate) fn text(text: &str) -> Self {
        let mut bytes = [0; 16];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length @ 0..=15), Some(places)) => {
                places.copy_from_slice(text.as_bytes());
                Self { length, bytes }
            }
            _ => {
                bytes.iter_mut().zip(Sha256::digest(text)).for_each(|(place, byte)| *place = byte);
                Self { length: 16, bytes }
            }
        }
    }
}

pub(crate) fn head() -> Key {
    Key::new(HEAD)
}

pub(crate) fn breaks() -> Key {
    Key::new(BREAKS)
}

pub(crate) fn backup() -> Key {
    Key::new(BACKUP)
}

pub(crate) fn incarnation() -> Key {
    Key::new(INCARNATION)
}

pub(crate) fn records(kind: Kind) -> Key {
    Key::new(RECORD).kind(kind)
}

/// The record with an id, if there is one: another may have its number.
pub(crate) fn record(kind: Kind, id: Uuid) -> Key {
    numbered(kind, RecordNumber::of(id))
}

/// The record with a number.
pub(crate) fn numbered(kind: Kind, number: RecordNumber) -> Key {
    records(kind).bytes(&number.to_bytes())
}

pub(crate) fn unique(kind: Kind, slot: Slot, folded: &str) -> Key {
    Key::new(UNIQUE).kind(kind).byte(slot.number()).bytes(folded.as_bytes())
}

/// Prefix of the natural keys of a kind.
pub(crate) fn all_unique(kind: Kind) -> Key {
    Key::new(UNIQUE).kind(kind)
}

/// Prefix of the sets of a kind.
pub(crate) fn all_indexed(kind: Kind) -> Key {
    Key::new(INDEX).kind(kind)
}

/// Prefix of the newest records of a kind that refer to others.
pub(crate) fn all_newest(kind: Kind) -> Key {
    Key::new(NEWEST).kind(kind)
}

/// Prefix of the former states of the records of a kind.
pub(crate) fn all_former(kind: Kind) -> Key {
    Key::new(FORMER).kind(kind)
}

/// Prefix of the answers that are kept.
pub(crate) fn answers() -> Key {
    Key::new(ANSWER)
}

/// Prefix of the records whose indexed member has a value; the chunk follows it.
pub(crate) fn indexed(kind: Kind, index: IndexNumber, value: IndexedValue) -> Key {
    let bytes = value.bytes.get(..usize::from(value.length));
    let bytes = invariant(bytes, "a value has at most 16 bytes");
    Key::new(INDEX).kind(kind).byte(index.number()).byte(value.length).bytes(bytes)
}

/// A chunk of the set of record numbers that has a prefix.
pub(crate) fn chunk(set: &Key, chunk: ChunkNumber) -> Key {
    chunk_of(set.clone(), chunk)
}

/// [`chunk`], of a prefix that is not needed any more.
pub(crate) fn chunk_of(set: Key, chunk: ChunkNumber) -> Key {
    set.bytes(&chunk.get().to_be_bytes())
}

/// Prefix of the records with a name that begins with a text; the rest of the text, a zero byte and the number follow it.
pub(crate) fn search(kind: Kind, folded: &str) -> Key {
    Key::new(SEARCH).kind(kind).bytes(folded.as_bytes())
}

/// Prefix of the names of a kind in the order of its records.
pub(crate) fn all_names(kind: Kind) -> Key {
    Key::new(NAMES).kind(kind)
}

/// Prefix of the names that begin with a letter; the chunk of the records follows it. No letter's bytes begin another's.
pub(crate) fn names(kind: Kind, letter: char) -> Key {
    all_names(kind).bytes(letter.encode_utf8(&mut [0; 4]).as_bytes())
}

pub(crate) fn newest(kind: Kind, index: IndexNumber, target: Uuid) -> Key {
    Key::new(NEWEST).kind(kind).byte(index.number()).bytes(&RecordNumber::of(target).to_bytes())
}

/// Sums of a kind's records that are gathered from its last changes.
pub(crate) fn sums(kind: Kind) -> Key {
    Key::new(SUMS).kind(kind)
}

/// Sums of the records of a group.
pub(crate) fn sums_of(kind: Kind, group: Uuid) -> Key {
    sums(kind).uuid(group)
}

pub(crate) fn all_updated(kind: Kind) -> Key {
    Key::new(UPDATED).kind(kind)
}

pub(crate) fn updated(kind: Kind, instant: Timestamp) -> Key {
    all_updated(kind).instant(instant)
}

pub(crate) fn lists(kind: Kind) -> Key {
    Key::new(LISTS).kind(kind)
}

pub(crate) fn nodes(kind: Kind, level: u8) -> Key {
    Key::new(NODE).kind(kind).byte(level)
}

/// Prefix of the records that are gone; the chunk follows it.
pub(crate) fn gone(kind: Kind) -> Key {
    Key::new(GONE).kind(kind)
}

/// Prefix of the counts of a level of them; the place follows it.
pub(crate) fn gone_counts(kind: Kind, level: u8) -> Key {
    Key::new(GONE_COUNT).kind(kind).byte(level)
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

pub(crate) fn filling() -> Key {
    Key::new(FILLING)
}

pub(crate) fn all_filled() -> Key {
    Key::new(FILLED)
}

pub(crate) fn filled(tenant: TenantId) -> Key {
    all_filled().uuid(tenant.as_uuid())
}

/// The tenant that a key of the notes names.
pub(crate) fn read_filled(key: &Key) -> Option<TenantId> {
    read_uuid(key.after(&all_filled())?).map(TenantId::from_uuid)
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

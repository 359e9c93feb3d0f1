use bincode::{Decode, Encode};
use uuid::Uuid;

use super::Wire;
use crate::{
    base::{IdSalt, RecordNumber, Timestamp, record_id},
    store::StoreError,
};

/// The last change of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct HeadV1 {
    pub(crate) number: u64,
    /// The instant of the last change of any record, in the feed or not.
    pub(crate) instant: i64,
    /// The instant of the last change in the feed.
    pub(crate) changed_at: i64,
    /// The last change that was trimmed from the feed.
    pub(crate) trimmed: Option<TrimV1>,
    /// True when somebody subscribes to the tenant's events.
    pub(crate) is_subscribed: bool,
    /// The name of the feed since its last break; before the first, the tenant's id.
    pub(crate) epoch: Option<[u8; 16]>,
}

/// The breaks of a tenant's feed, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BreaksV1 {
    pub(crate) all: Vec<BreakV1>,
}

/// A place at which a feed went on behind changes that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BreakV1 {
    /// The name of the feed until then, if its readers go on as far as they have read nothing that is lost.
    pub(crate) ended: Option<[u8; 16]>,
    /// The last change before: its number and its instant.
    pub(crate) last: u64,
    pub(crate) last_at: i64,
    /// The number and the instant up to which changes may have been told that are lost.
    pub(crate) told: u64,
    pub(crate) told_at: i64,
}

/// The last backup of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BackupV1 {
    pub(crate) made_at: i64,
    pub(crate) is_verified: bool,
}

/// The incarnation of its store on which a tenant was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct IncarnationV1 {
    pub(crate) number: u128,
}

/// The place up to which a feed was trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TrimV1 {
    pub(crate) number: u64,
    pub(crate) instant: i64,
}

/// The lists of a kind: that by creation, and that by last change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct ListsV1 {
    /// The number of the next record.
    pub(crate) next: u64,
    /// Records that are gone.
    pub(crate) gone: u64,
    /// The open end of the list by last change, from the lowest level up.
    pub(crate) open: Vec<SpineNodeV1>,
}

/// One block of the list by last change that still grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SpineNodeV1 {
    /// The key of the entry that it was opened with; empty before there is one.
    pub(crate) first: Vec<u8>,
    /// Entries below it that are still there.
    pub(crate) count: u64,
    /// Entries or blocks that were put below it.
    pub(crate) filled: u8,
}

/// A block that does not grow: the number of entries still in it, or of those that are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct NodeV1 {
    pub(crate) count: u64,
}

/// A change in the feed; its kind and instant are in its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FeedEntryV1 {
    pub(crate) number: u64,
    /// The number of the record.
    pub(crate) record: u64,
    /// Microseconds from the creation of the record to the change; with the number and the salt they tell its id.
    pub(crate) age: u64,
    pub(crate) salt: [u8; 3],
    pub(crate) action: u8,
    /// Number of the record's version that the change made.
    pub(crate) version: u32,
    pub(crate) changed_by: Option<String>,
}

impl FeedEntryV1 {
    /// The id of the record, of an entry at an instant.
    pub(crate) fn entity(&self, changed_at: Timestamp) -> Result<Uuid, StoreError> {
        let damaged = || StoreError::Corrupt { what: "an entry of the feed without a record".to_owned() };
        let number = RecordNumber::new(self.record).ok_or_else(damaged)?;
        let age = i64::try_from(self.age).map_err(|_| damaged())?;
        Ok(record_id(changed_at.plus_micros(-age), number, IdSalt::from_bytes(self.salt)))
    }
}

/// The record before a change that is not its first; the version that the change made is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct FormerV1 {
    /// The instant of the change, by which its entry in the feed is found.
    pub(crate) changed_at: i64,
    pub(crate) state: FormerState,
}

/// The state of a record before a change.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum FormerState {
    /// The former JSON text of each changed member, by its slot; empty without a value.
    Changed(Vec<(u8, Vec<u8>)>),
    /// The whole record's bytes.
    Whole(Vec<u8>),
}

/// The newest record that refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct NewestV1 {
    pub(crate) record: u64,
    pub(crate) created_at: i64,
}

/// The instant of a change whose number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct MarkV1 {
    pub(crate) instant: i64,
}

/// Requests of a minute that all servers together have leased of a tenant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct RateV1 {
    /// Minutes since 1970.
    pub(crate) minute: i64,
    pub(crate) leased: u32,
}

/// The secrets that tokens are signed with, the newest last.
#[derive(Clone, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SecretsV1 {
    pub(crate) secrets: Vec<SecretV1>,
}

/// One secret. It is never printed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SecretV1 {
    pub(crate) id: [u8; 16],
    pub(crate) key: [u8; 32],
    pub(crate) made_at: i64,
}

/// Sums of a kind's records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SumsV1 {
    pub(crate) sums: Vec<SumV1>,
}

/// A sum of the records of a group whose numbers have one unit and one scale, or of those without a number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SumV1 {
    pub(crate) group: [u8; 16],
    pub(crate) unit: Option<String>,
    pub(crate) scale: u32,
    pub(crate) count: i64,
    pub(crate) value: i128,
    pub(crate) weighted: i128,
}

/// The answer kept for an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct AnswerV1 {
    pub(crate) kept_at: i64,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) body: AnswerBody,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum AnswerBody {
    Written { outcome: u8, id: [u8; 16], record: Vec<u8>, joined: Vec<u8> },
    Deleted { id: [u8; 16] },
    Bulk { items: Vec<AnswerItem> },
    Value { json: Vec<u8> },
    Nothing,
}

/// The answer of one item of a bulk.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum AnswerItem {
    Created { id: [u8; 16] },
    Failed { code: u8, detail: String, faults: Vec<(String, Vec<String>)>, existing: Option<[u8; 16]> },
}

impl Wire for HeadV1 {
    const ROW: u8 = 1;
    const FORMAT: u8 = 1;
}

impl Wire for ListsV1 {
    const ROW: u8 = 2;
    const FORMAT: u8 = 1;
}

impl Wire for NodeV1 {
    const ROW: u8 = 3;
    const FORMAT: u8 = 1;
}

impl Wire for FeedEntryV1 {
    const ROW: u8 = 4;
    const FORMAT: u8 = 1;
}

// Row 5 is a record; see `slots`.

impl Wire for AnswerV1 {
    const ROW: u8 = 6;
    const FORMAT: u8 = 1;
}

impl Wire for MarkV1 {
    const ROW: u8 = 7;
    const FORMAT: u8 = 1;
}

impl Wire for SecretsV1 {
    const ROW: u8 = 9;
    const FORMAT: u8 = 1;
}

impl Wire for RateV1 {
    const ROW: u8 = 8;
    const FORMAT: u8 = 1;
}

impl Wire for SumsV1 {
    const ROW: u8 = 15;
    const FORMAT: u8 = 1;
}

impl Wire for FormerV1 {
    const ROW: u8 = 14;
    const FORMAT: u8 = 1;
}

impl Wire for BreaksV1 {
    const ROW: u8 = 16;
    const FORMAT: u8 = 1;
}

impl Wire for IncarnationV1 {
    const ROW: u8 = 17;
    const FORMAT: u8 = 1;
}

impl Wire for BackupV1 {
    const ROW: u8 = 18;
    const FORMAT: u8 = 1;
}

// Row 10 is a chunk of a set; see `chunk`.

impl Wire for NewestV1 {
    const ROW: u8 = 11;
    const FORMAT: u8 = 1;
}

// Row 12 is of names; see `names`.

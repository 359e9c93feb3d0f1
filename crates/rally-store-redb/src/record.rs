//! The records of the journal: the batches that a commit made durable, under one checksum.
//!
//! A record is a head of 32 bytes (checksum, kind, length, number), then for each batch the tenant and its changes,
//! then zeros up to a multiple of 512 bytes, so that each begins with a sector of the disk.

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Batch, Key},
};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

pub(crate) const HEAD_BYTES: usize = 32;
/// The places at which records begin are multiples of this.
pub(crate) const STEP: usize = 512;

const CHECKSUM_BYTES: usize = 16;
/// Marks of the kinds, which are unlikely to be found by chance.
const BATCHES: u32 = 0x5241_4C31;
const JUMP: u32 = 0x5241_4C32;

/// The length of a value that is a deletion.
const DELETION: u32 = u32::MAX;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It has batches.
    Batches,
    /// It is empty, and the record with its number stands at the beginning of the journal.
    Jump,
}

/// The head of a record as it was found, which need not be one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    /// The number of the record: each has the one after that of the record before.
    pub(crate) number: u64,
    /// The bytes behind the head that are in use.
    pub(crate) body_bytes: u64,
}

/// A record that is being made. Its head is zeros until it is sealed.
#[derive(Debug)]
pub(crate) struct Record(Vec<u8>);

impl Record {
    pub(crate) fn new() -> Self {
        Self(vec![0; HEAD_BYTES])
    }

    /// Adds a batch.
    pub(crate) fn add(&mut self, tenant: TenantId, batch: &Batch) {
        self.0.extend_from_slice(tenant.as_uuid().as_bytes());
        self.0.extend_from_slice(&length(batch.len()).to_le_bytes());
        for (key, value) in batch.iter() {
            let value_bytes = value.map_or(DELETION, |value| length(value.len()));
            self.0.extend_from_slice(&length(key.as_bytes().len()).to_le_bytes());
            self.0.extend_from_slice(&value_bytes.to_le_bytes());
            self.0.extend_from_slice(key.as_bytes());
            self.0.extend_from_slice(value.map_or(&[][..], |value| value));
        }
    }

    /// The bytes that it takes in the journal.
    pub(crate) fn len(&self) -> usize {
        self.0.len().next_multiple_of(STEP)
    }

    /// Ends the record and gives its head, which its bytes have zeros in place of.
    pub(crate) fn seal(&mut self, number: u64) -> [u8; HEAD_BYTES] {
        let body_bytes = length(self.0.len() - HEAD_BYTES);
        let head = head(BATCHES, body_bytes, number, self.0.get(HEAD_BYTES..).unwrap_or_default());
        let len = self.len();
        self.0.resize(len, 0);
        head
    }

    /// The bytes of the record as far as it is made.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes of the record with its head.
    pub(crate) fn with(&mut self, head: [u8; HEAD_BYTES]) -> &[u8] {
        if let Some(place) = self.0.first_chunk_mut() {
            *place = head;
        }
        &self.0
    }
}

/// The record that leads to the beginning of the journal.
pub(crate) fn jump(number: u64) -> [u8; HEAD_BYTES] {
    head(JUMP, 0, number, &[])
}

fn head(kind: u32, body_bytes: u32, number: u64, body: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (checksum, rest) = head.split_at_mut(CHECKSUM_BYTES);
    let fields = fields(kind, body_bytes, number);
    rest.copy_from_slice(&fields);
    checksum.copy_from_slice(&sum(&fields, body));
    head
}

fn fields(kind: u32, body_bytes: u32, number: u64) -> [u8; 16] {
    let fields = u128::from(kind) | u128::from(body_bytes) << 32 | u128::from(number) << 64;
    fields.to_le_bytes()
}

/// The checksum of the fields and of the body, which covers the order of both.
fn sum(fields: &[u8; 16], body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let body = xxh3_128(body).to_le_bytes();
    xxh3_128(&[*fields, body].concat()).to_le_bytes()
}

impl Head {
    /// Reads what may be a head; `None` if it is none.
    pub(crate) fn read(head: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (_, fields) = head.split_first_chunk::<CHECKSUM_BYTES>()?;
        let fields = u128::from_le_bytes(fields.try_into().ok()?);
        let kind = match u32::try_from(fields & u128::from(u32::MAX)).ok()? {
            BATCHES => Kind::Batches,
            JUMP => Kind::Jump,
            _ => return None,
        };
        let body_bytes = u64::try_from((fields >> 32) & u128::from(u32::MAX)).ok()?;
        Some(Self { kind, number: u64::try_from(fields >> 64).ok()?, body_bytes })
    }

    /// The bytes of the whole record in the journal.
    pub(crate) fn record_bytes(&self) -> u64 {
        let (head, step) = (place(HEAD_BYTES), place(STEP));
        self.body_bytes.saturating_add(head).next_multiple_of(step)
    }
}

/// True if a head is the one that was written for this body.
pub(crate) fn is_whole(head: &[u8; HEAD_BYTES], body: &[u8]) -> bool {
    let Some((checksum, fields)) = head.split_first_chunk::<CHECKSUM_BYTES>() else { return false };
    fields.try_into().is_ok_and(|fields| *checksum == sum(fields, body))
}

/// Visits the changes of a record in their order; `None` if its body is none, which a whole one cannot be.
pub(crate) fn visit(body: &Bytes, mut change: impl FnMut(TenantId, Key, Option<Bytes>)) -> Option<()> {
    let mut at = 0;
    while at < body.len() {
        let tenant = TenantId::from_uuid(Uuid::from_slice(take(body, &mut at, 16)?.as_ref()).ok()?);
        for _ in 0..number(body, &mut at)? {
            let key_bytes = usize::try_from(number(body, &mut at)?).ok()?;
            let value_bytes = number(body, &mut at)?;
            let key = Key::from_bytes(&take(body, &mut at, key_bytes)?)?;
            let value = match value_bytes {
                DELETION => None,
                bytes => Some(take(body, &mut at, usize::try_from(bytes).ok()?)?),
            };
            change(tenant, key, value);
        }
    }
    Some(())
}

fn take(body: &Bytes, at: &mut usize, bytes: usize) -> Option<Bytes> {
    let end = at.checked_add(bytes)?;
    if end > body.len() {
        return None;
    }
    let taken = body.slice(*at..end);
    *at = end;
    Some(taken)
}

fn number(body: &Bytes, at: &mut usize) -> Option<u32> {
    let bytes = take(body, at, 4)?;
    Some(u32::from_le_bytes(bytes.as_ref().try_into().ok()?))
}

/// A length of what is within the limits of the store.
#[expect(clippy::expect_used, reason = "batches are within the limits, which are far below")]
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a record has less than 4 GiB")
}

/// A length as a distance in the journal.
#[expect(clippy::expect_used, reason = "no machine has lengths of more than 64 bits")]
pub(crate) fn place(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length has at most 64 bits")
}

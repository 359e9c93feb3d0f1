use std::{fmt, marker::PhantomData};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    Bytes, Fields, Resource,
    codec::{self, RecordParts},
    join,
    member::Source,
};
use crate::{
    base::{Error, Id, TenantId, Timestamp},
    store::StoreError,
};

/// A record as it is stored, its members still JSON text, borrowed from the bytes that the store gave.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) tenant: TenantId,
    pub(crate) id: Uuid,
    pub(crate) parts: RecordParts<'a>,
    pub(crate) joined: Option<RecordParts<'a>>,
}

impl<'a> Record<'a> {
    /// Reads a record without what is joined to it.
    pub(crate) fn read(tenant: TenantId, id: Uuid, bytes: &'a [u8]) -> Result<Self, StoreError> {
        Ok(Self { tenant, id, parts: RecordParts::read(bytes)?, joined: None })
    }

    /// The JSON text of a stored member, empty without a value.
    pub(crate) fn slot(&self, slot: u8) -> &'a [u8] {
        self.parts.slot(slot)
    }

    #[inline]
    pub(crate) fn write_value(&self, source: Source, out: &mut Vec<u8>) {
        match source {
            Source::Slot(slot) => self.parts.write_slot(slot, NULL, out),
            Source::Id => write_uuid(self.id, out),
            Source::TenantId => write_uuid(self.tenant.as_uuid(), out),
            Source::CreatedAt => write_instant(self.parts.created_at, out),
            Source::UpdatedAt => write_instant(self.parts.updated_at, out),
            Source::Computed(write) => write(self, out),
            Source::Joined(place, _) => match &self.joined {
                Some(joined) => joined.write_slot(place, NULL, out),
                None => out.extend_from_slice(NULL),
            },
        }
    }
}

/// What a member without a value is.
pub(crate) const NULL: &[u8] = b"null";

fn write_uuid(uuid: Uuid, out: &mut Vec<u8>) {
    let mut text = [b'"'; 38];
    if let Some(inner) = text.get_mut(1..37) {
        uuid.hyphenated().encode_lower(inner);
    }
    out.extend_from_slice(&text);
}

fn write_instant(instant: Timestamp, out: &mut Vec<u8>) {
    out.push(b'"');
    instant.write(out);
    out.push(b'"');
}

/// A record that has been read: its bytes, decoded no further than what is asked of them.
pub struct Row<R> {
    tenant: TenantId,
    id: Uuid,
    bytes: Bytes,
    joined: Bytes,
    of: PhantomData<fn() -> R>,
}

impl<R: Resource> Row<R> {
    pub(crate) fn new(tenant: TenantId, id: Uuid, bytes: Bytes) -> Self {
        Self { tenant, id, bytes, joined: Bytes::new(), of: PhantomData }
    }

    /// The same record with the members that are joined to it.
    pub(crate) fn with_joined(mut self, joined: Bytes) -> Self {
        self.set_joined(joined);
        self
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn set_joined(&mut self, joined: Bytes) {
        self.joined = joined;
    }

    pub(crate) fn record(&self) -> Result<Record<'_>, StoreError> {
        let record = Record::read(self.tenant, self.id, &self.bytes)?;
        Ok(Record { joined: join::parts(&self.joined), ..record })
    }

    /// The same record with values for members that have none.
    pub(crate) fn completed(&self, values: &[(u8, String)]) -> Result<Self, Error> {
        let parts = RecordParts::read(&self.bytes)?;
        let given =
            |slot| values.iter().find(|(at, _)| *at == slot).map_or(&b""[..], |(_, json)| json.as_bytes());
        let slots: Vec<&[u8]> = (0..)
            .zip(parts.slots())
            .map(|(at, text)| if text.is_empty() { given(at) } else { text })
            .collect();
        let bytes = codec::encode_record(parts.created_at, parts.updated_at, slots.iter().copied());
        Ok(Self { bytes, ..self.clone() })
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> Id<R> {
        Id::from_uuid(self.id)
    }

    /// The instant of its last change, which no two versions of it share.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    pub fn updated_at(&self) -> Result<Timestamp, Error> {
        Ok(self.record()?.parts.updated_at)
    }

    /// Tells apart what a record shows of others while it does not change itself; nothing where it shows nothing of them.
    #[must_use]
    pub fn shown_of_others(&self) -> Option<u64> {
        let digest = || Sha256::digest(&self.joined);
        (!self.joined.is_empty())
            .then(|| digest().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)))
    }

    /// Appends the JSON object of the named members.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged; nothing is appended then.
    pub fn write_json(&self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
        fields.write(&self.record()?, out);
        Ok(())
    }

    /// The record as a Rust value.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    pub fn read(&self) -> Result<R, Error> {
        let mut json = Vec::with_capacity(1024);
        self.write_json(R::model().whole(), &mut json)?;
        serde_json::from_slice(&json).map_err(Error::internal)
    }
}

impl<R> Clone for Row<R> {
    fn clone(&self) -> Self {
        Self {
            tenant: self.tenant,
            id: self.id,
            bytes: self.bytes.clone(),
            joined: self.joined.clone(),
            of: PhantomData,
        }
    }
}

impl<R> PartialEq for Row<R> {
    fn eq(&self, other: &Self) -> bool {
        (self.tenant, self.id, &self.bytes, &self.joined)
            == (other.tenant, other.id, &other.bytes, &other.joined)
    }
}

impl<R> fmt::Debug for Row<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("tenant", &self.tenant).field("id", &self.id).finish_non_exhaustive()
    }
}

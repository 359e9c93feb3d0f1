use std::{fmt, marker::PhantomData};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Fields, Record, Resource, fields::Values, join};
use crate::{
    base::{Error, Id, TenantId, Timestamp, invariant},
    engine::codec::{self, Bytes, RecordParts, Slot},
    store::StoreError,
};

/// A record as the store holds it, with the members that are read from other records. JSON is written from it without
/// making Rust values first.
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

    pub(crate) fn set_joined(&mut self, joined: Bytes) {
        self.joined = joined;
    }

    /// The members that callers may read, as Rust values, in their order.
    pub(crate) fn read_members(
        &self,
        make: impl FnOnce(&mut Values<'_, '_>) -> Result<R, StoreError>,
    ) -> Result<R, Error> {
        let record = self.record()?;
        Ok(make(&mut R::model().whole().values(&record))?)
    }

    pub(crate) fn record(&self) -> Result<Record<'_>, StoreError> {
        let record = Record::read(self.tenant, self.id, &self.bytes)?;
        Ok(Record { joined: join::parts(&self.joined)?, ..record })
    }

    /// The same record with values for members that have none.
    pub(crate) fn completed(&self, values: &[(Slot, String)]) -> Result<Self, Error> {
        let parts = RecordParts::read(&self.bytes)?;
        let given =
            |slot| values.iter().find(|(at, _)| *at == slot).map_or(&b""[..], |(_, json)| json.as_bytes());
        let slots: Vec<&[u8]> = Slot::all()
            .zip(parts.slots())
            .map(|(at, text)| if text.is_empty() { given(at) } else { text })
            .collect();
        let bytes = codec::encode_record(parts.head, slots.iter().copied());
        Ok(Self { bytes, ..self.clone() })
    }

    /// The record's id.
    #[must_use]
    pub fn id(&self) -> Id<R> {
        Id::from_uuid(self.id)
    }

    /// Instant of the last change. No two versions of a record have the same.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    pub fn updated_at(&self) -> Result<Timestamp, Error> {
        Ok(self.record()?.parts.head.updated_at)
    }

    /// Digest of the joined members. It changes when they change, even if the record does not; `None` without joined
    /// members.
    #[must_use]
    pub fn joined_digest(&self) -> Option<u64> {
        if self.joined.is_empty() {
            return None;
        }
        let digest = Sha256::digest(&self.joined);
        let first = invariant(digest.first_chunk(), "a SHA-256 digest has 32 bytes");
        Some(u64::from_be_bytes(*first))
    }

    /// Appends the JSON object of the named members.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged; nothing is appended then.
    pub fn write_json(&self, fields: &Fields, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        let written = fields.write(&self.record()?, out);
        if written.is_err() {
            out.truncate(start);
        }
        Ok(written?)
    }

    /// The record as a Rust value.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    pub fn read(&self) -> Result<R, Error> {
        R::read(self)
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

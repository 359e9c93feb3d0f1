use uuid::Uuid;

use super::member::ValueSource;
use crate::{
    base::{RecordNumber, TenantId, Timestamp, invariant},
    engine::codec::{RecordParts, Slot},
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

    /// [`read`](Self::read), with the id that the number and the record itself tell.
    pub(crate) fn numbered(
        tenant: TenantId,
        number: RecordNumber,
        bytes: &'a [u8],
    ) -> Result<Self, StoreError> {
        let parts = RecordParts::read(bytes)?;
        Ok(Self { tenant, id: parts.head.id(number), parts, joined: None })
    }

    /// The JSON text of a stored member, empty without a value.
    pub(crate) fn slot(&self, slot: Slot) -> &'a [u8] {
        self.parts.slot(slot)
    }

    /// Appends the JSON text of a member's value, `null` without one.
    #[inline]
    pub(crate) fn write_value(&self, source: ValueSource, out: &mut Vec<u8>) -> Result<(), StoreError> {
        match source {
            ValueSource::Slot(slot) => self.parts.write_slot(slot, NULL, out),
            ValueSource::Id => write_uuid(self.id, out),
            ValueSource::TenantId => write_uuid(self.tenant.as_uuid(), out),
            ValueSource::CreatedAt => write_instant(self.parts.head.created_at, out),
            ValueSource::UpdatedAt => write_instant(self.parts.head.updated_at, out),
            ValueSource::Computed(write) => return write(self, out),
            ValueSource::Joined(place, _) => match &self.joined {
                Some(joined) => joined.write_slot(place, NULL, out),
                None => out.extend_from_slice(NULL),
            },
        }
        Ok(())
    }
}

/// The JSON text of a member without a value.
pub(crate) const NULL: &[u8] = b"null";

fn write_uuid(uuid: Uuid, out: &mut Vec<u8>) {
    let mut text = [b'"'; 38];
    uuid.hyphenated().encode_lower(invariant(text.get_mut(1..37), "38 bytes have 36 within"));
    out.extend_from_slice(&text);
}

fn write_instant(instant: Timestamp, out: &mut Vec<u8>) {
    out.push(b'"');
    instant.write(out);
    out.push(b'"');
}

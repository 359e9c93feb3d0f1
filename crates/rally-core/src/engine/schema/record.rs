use uuid::Uuid;

use super::member::ValueSource;
use crate::{
    base::{RecordNumber, TenantId, Timestamp, invariant},
    engine::codec::{RecordParts, Room, Slot},
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
    pub(crate) fn write_value(&self, source: ValueSource, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let joined = self.joined.as_ref().map_or(0, RecordParts::bytes);
        let mut room = Room::behind(out, self.parts.bytes() + joined + LONGEST_TEXT);
        match source {
            ValueSource::Slot(slot) => self.parts.write_slot(slot, &mut room),
            source => self.write_other(source, &mut room)?,
        }
        room.close();
        Ok(())
    }

    /// Writes the JSON text of a member that is not stored, `null` without a value.
    #[inline]
    pub(crate) fn write_other(&self, source: ValueSource, room: &mut Room<'_>) -> Result<(), StoreError> {
        match source {
            ValueSource::Slot(_) => {}
            ValueSource::Id => write_uuid(self.id, room),
            ValueSource::TenantId => write_uuid(self.tenant.as_uuid(), room),
            ValueSource::CreatedAt => write_instant(self.parts.head.created_at, room),
            ValueSource::UpdatedAt => write_instant(self.parts.head.updated_at, room),
            ValueSource::Computed(write) => return room.append(|out| write(self, out)),
            ValueSource::Joined(place, _) => match &self.joined {
                Some(joined) => joined.write_slot(place, room),
                None => room.write(|texts| texts.put_slice(NULL)),
            },
        }
        Ok(())
    }
}

/// The JSON text of a member without a value.
pub(crate) const NULL: &[u8] = b"null";

/// Bytes of the longest text that is not stored, which is that of an id.
pub(crate) const LONGEST_TEXT: usize = 38;

/// The two hexadecimal digits of each byte.
#[expect(
    clippy::indexing_slicing,
    reason = "a constant that would not compile if a place were beyond its end"
)]
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte / 16], digits[byte % 16]];
        byte += 1;
    }
    pairs
};

/// The places of a UUID's bytes in its JSON text.
const PLACES: [usize; 16] = [1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35];

fn write_uuid(uuid: Uuid, room: &mut Room<'_>) {
    let mut text = *b"\"________-____-____-____-____________\"";
    for (byte, place) in uuid.as_bytes().iter().zip(PLACES) {
        let digits = text.get_mut(place..).and_then(|rest| rest.first_chunk_mut());
        *invariant(digits, "each place is within the text") =
            *invariant(HEX.get(usize::from(*byte)), "there are 256 bytes");
    }
    room.write(|texts| texts.put(&text, text.len()));
}

fn write_instant(instant: Timestamp, room: &mut Room<'_>) {
    let mut text = [b'"'; 29];
    *invariant(text.get_mut(1..).and_then(|rest| rest.first_chunk_mut()), "29 bytes have 27 within") =
        instant.text();
    room.write(|texts| texts.put(&text, text.len()));
}

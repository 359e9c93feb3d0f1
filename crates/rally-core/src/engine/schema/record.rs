use uuid::Uuid;

use super::member::ValueSource;
use crate::{
    base::{RecordNumber, TenantId, Timestamp, eight_digits, invariant},
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
        match source {
            ValueSource::Slot(slot) => {
                let value = self.slot(slot);
                out.extend_from_slice(if value.is_empty() { NULL } else { value });
            }
            ValueSource::Computed(write) => write(self, out)?,
            source => {
                let joined = self.joined.as_ref().map_or(0, RecordParts::bytes);
                let mut room = Room::behind(out, joined + LONGEST_TEXT);
                self.write_other(source, &mut room)?;
                room.close();
            }
        }
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

/// The places of a UUID's digits in its JSON text: of each four bytes, those of the first four digits and of the others.
const PLACES: [[usize; 2]; 4] = [[1, 5], [10, 15], [20, 25], [29, 33]];

#[inline]
fn write_uuid(uuid: Uuid, room: &mut Room<'_>) {
    room.write(|texts| {
        let text = texts.place();
        *text = *b"\"________-____-____-____-____________\"";
        let (words, _) = uuid.as_bytes().as_chunks();
        for (word, places) in words.iter().zip(PLACES) {
            let digits = eight_digits(u32::from_be_bytes(*word));
            let (halves, _) = digits.as_chunks::<4>();
            for (half, place) in halves.iter().zip(places) {
                let four = text.get_mut(place..).and_then(|rest| rest.first_chunk_mut());
                *invariant(four, "each place is within the text") = *half;
            }
        }
    });
}

#[inline]
fn write_instant(instant: Timestamp, room: &mut Room<'_>) {
    room.write(|texts| {
        let [first, text @ .., last] = texts.place::<29>();
        (*first, *last) = (b'"', b'"');
        instant.write(text);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_and_instants_are_written_as_they_are_displayed(
            id: u128, micros in Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros(),
        ) {
            let (id, instant) = (Uuid::from_u128(id), Timestamp::from_micros(micros));
            let mut out = Vec::new();
            let mut room = Room::behind(&mut out, 2 * LONGEST_TEXT);
            write_uuid(id, &mut room);
            write_instant(instant, &mut room);
            room.close();
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{id}\"\"{instant}\""));
        }
    }
}

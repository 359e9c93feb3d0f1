//! The bytes of a record: two instants and a list of members, each the JSON text of its value.
//!
//! Members leave far more often than they come, and as JSON; kept in that form they are copied, not converted. A
//! member without a value has no bytes. The body is what bincode makes of
//! `(created_at: i64, updated_at: i64, members: Vec<&[u8]>)`, read here by hand because a page reads thousands of them;
//! a test holds the two against each other.

use bytes::Bytes;

use super::{damaged, open_envelope};
use crate::{base::Timestamp, store::StoreError};

/// The most stored members of any resource.
pub(crate) const MAX_SLOTS: usize = 32;

const ROW: u8 = 5;
const FORMAT: u8 = 1;

/// A record's parts, borrowed from its bytes.
#[derive(Clone, Debug)]
pub(crate) struct RecordParts<'a> {
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    body: &'a [u8],
    places: [Place; MAX_SLOTS],
}

/// Where a member stands in the body.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    start: u32,
    end: u32,
}

/// Members up to this length are copied this many bytes at a time, which takes a few instructions.
const WIDE: usize = 32;

impl<'a> RecordParts<'a> {
    /// Reads a record's bytes.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let body = open_envelope(bytes, ROW, FORMAT)?;
        let mut cursor = Cursor(body);
        cursor.record().ok_or_else(|| damaged(ROW, "it cannot be read"))
    }

    /// The JSON text of a member, empty without a value. A member that the record's format did not have is empty too.
    pub(crate) fn slot(&self, slot: u8) -> &'a [u8] {
        let (start, end) = self.place(slot);
        self.body.get(start..end).unwrap_or_default()
    }

    /// How many bytes all members have at most.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len()
    }

    /// All members in the order of their slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..MAX_SLOTS).map_while(|slot| u8::try_from(slot).ok()).map(|slot| self.slot(slot))
    }

    /// Appends the JSON text of a member, `null` without a value.
    #[inline]
    pub(crate) fn write_slot(&self, slot: u8, out: &mut Vec<u8>) {
        let (start, end) = self.place(slot);
        let from_here = self.body.get(start..).and_then(|rest| rest.first_chunk::<WIDE>());
        match (end - start, from_here) {
            (0, _) => out.extend_from_slice(b"null"),
            (length @ ..=WIDE, Some(wide)) => put_wide(wide, length, out),
            _ => out.extend_from_slice(self.body.get(start..end).unwrap_or_default()),
        }
    }

    #[inline]
    fn place(&self, slot: u8) -> (usize, usize) {
        let place = self.places.get(usize::from(slot)).copied().unwrap_or_default();
        let wide = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        (wide(place.start), wide(place.end))
    }
}

/// Appends the first bytes of a few, by copying all and taking back the rest: a copy of a length that is known when
/// this is compiled needs no call.
#[inline]
pub(crate) fn put_wide<const N: usize>(bytes: &[u8; N], length: usize, out: &mut Vec<u8>) {
    let end = out.len() + length;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// The bytes of a record.
pub(crate) fn encode_record<'a>(
    created_at: Timestamp,
    updated_at: Timestamp,
    slots: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
) -> Bytes {
    let size: usize = slots.clone().map(|slot| slot.len() + 3).sum();
    let mut bytes = Vec::with_capacity(size + 24);
    bytes.extend_from_slice(&[ROW, FORMAT]);
    put_instant(&mut bytes, created_at);
    put_instant(&mut bytes, updated_at);
    put_number(&mut bytes, slots.len());
    for slot in slots {
        put_number(&mut bytes, slot.len());
        bytes.extend_from_slice(slot);
    }
    bytes.into()
}

fn put_instant(bytes: &mut Vec<u8>, instant: Timestamp) {
    let micros = instant.as_micros();
    put_varint(bytes, ((micros << 1) ^ (micros >> 63)).cast_unsigned());
}

fn put_number(bytes: &mut Vec<u8>, number: usize) {
    put_varint(bytes, u64::try_from(number).unwrap_or(u64::MAX));
}

/// bincode's variable-length integer: up to 250 the byte itself, else a mark (251, 252, 253) and 2, 4 or 8 bytes.
fn put_varint(bytes: &mut Vec<u8>, number: u64) {
    if let Ok(byte @ 0..=250) = u8::try_from(number) {
        bytes.push(byte);
    } else if let Ok(number) = u16::try_from(number) {
        bytes.push(251);
        bytes.extend_from_slice(&number.to_le_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        bytes.push(252);
        bytes.extend_from_slice(&number.to_le_bytes());
    } else {
        bytes.push(253);
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

/// The bytes that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn record(&mut self) -> Option<RecordParts<'a>> {
        let (created_at, updated_at) = (self.instant()?, self.instant()?);
        let count = self.number()?;
        let body = self.0;
        let mut places = [Place::default(); MAX_SLOTS];
        for place in places.get_mut(..count)? {
            let length = self.number()?;
            let start = body.len() - self.0.len();
            self.take(length)?;
            *place = Place { start: u32::try_from(start).ok()?, end: u32::try_from(start + length).ok()? };
        }
        self.0.is_empty().then_some(RecordParts { created_at, updated_at, body, places })
    }

    fn instant(&mut self) -> Option<Timestamp> {
        let zigzag = self.varint()?;
        let micros = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        Some(Timestamp::from_micros(micros))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok()
    }

    fn varint(&mut self) -> Option<u64> {
        match self.take(1)? {
            [byte @ 0..=250] => Some(u64::from(*byte)),
            [251] => Some(u64::from(u16::from_le_bytes(self.array()?))),
            [252] => Some(u64::from(u32::from_le_bytes(self.array()?))),
            [253] => Some(u64::from_le_bytes(self.array()?)),
            _ => None,
        }
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant() -> impl Strategy<Value = Timestamp> {
        (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()).prop_map(Timestamp::from_micros)
    }

    fn members() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let size = prop_oneof![Just(0usize), 1usize..20, 240usize..260, 65_530usize..65_540];
        prop::collection::vec(size.prop_map(|size| vec![b'x'; size]), 0..MAX_SLOTS)
    }

    proptest! {
        #[test]
        fn a_record_is_what_bincode_makes_of_it(created in instant(), updated in instant(), members in members()) {
            let bytes = encode_record(created, updated, members.iter().map(Vec::as_slice));
            let known = bincode::encode_to_vec(
                (created.as_micros(), updated.as_micros(), &members),
                bincode::config::standard(),
            ).unwrap();
            prop_assert_eq!(&bytes[2..], &known[..]);
            let parts = RecordParts::read(&bytes).unwrap();
            prop_assert_eq!((parts.created_at, parts.updated_at), (created, updated));
            for (slot, member) in members.iter().enumerate() {
                prop_assert_eq!(parts.slot(u8::try_from(slot).unwrap()), &member[..]);
            }
        }

        #[test]
        fn any_bytes_are_a_record_or_damaged_and_never_a_panic(body in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = RecordParts::read(&[&[ROW, FORMAT], &body[..]].concat());
            let _ = RecordParts::read(&body);
        }
    }

    #[test]
    fn a_record_is_read_to_its_last_byte_and_no_further() {
        let bytes = encode_record(Timestamp::MIN, Timestamp::MAX, [b"1".as_slice(), b""].into_iter());
        assert!(RecordParts::read(&bytes).is_ok());
        assert!(RecordParts::read(&[&bytes[..], &[0]].concat()).is_err());
        assert!(RecordParts::read(&bytes[..bytes.len() - 1]).is_err());
    }
}

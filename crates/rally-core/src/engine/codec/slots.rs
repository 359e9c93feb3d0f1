//! The bytes of a record: a head, and a list of members, each the JSON text of its value.
//!
//! Members are read far more often than they are written, and as JSON; kept in that form they are copied, not
//! converted. A member without a value has no bytes. After the envelope follow
//!
//! | bytes | what |
//! |---|---|
//! | 1 | bytes of an offset: 2, or 4 if the members are longer than 65,535 bytes |
//! | 1 | number of members |
//! | 8 + 8 | instants of creation and of the last change, in microseconds |
//! | 4 | number of the version: 1 for a new record, and one more with each change |
//! | 3 | the bits of the id that neither the instant of creation nor the record's number tell |
//! | (members + 1) × offset | start of each member and, last, the end of the last one |
//! | | the members, one after the other |
//!
//! with all numbers little-endian. Offsets have a fixed width, so that a page that asks for a few members finds each
//! without reading those before it.

use bytes::Bytes;
use uuid::Uuid;

use super::{
    damaged, open_envelope,
    room::{Room, WIDE, Wide},
};
use crate::{
    base::{IdSalt, RecordNumber, Timestamp, clamp, invariant, record_id},
    store::StoreError,
};

/// The most stored members of any resource.
pub(crate) const MAX_SLOTS: usize = 32;

/// The position of a stored member in a record. A member keeps it for ever, and it is never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u8);

impl Slot {
    /// # Panics
    /// Fails to compile if the number is not below [`MAX_SLOTS`].
    pub(crate) const fn new(number: u8) -> Self {
        assert!(number < 32, "slots are numbered 0 to 31");
        Self(number)
    }

    /// Every slot, in order.
    pub(crate) fn all() -> impl DoubleEndedIterator<Item = Slot> {
        (0..32).map(Slot)
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Bytes of a member that is copied whole with what stands behind it, at most.
const LONG: usize = 2 * WIDE;

const ROW: u8 = 5;
const FORMAT: u8 = 1;

/// The parts of a record besides its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// 1 for a new record, and one more with each change.
    pub(crate) version: u32,
    pub(crate) salt: IdSalt,
}

impl RecordHead {
    /// The head of what has a record's form and is none, such as its joined members.
    pub(crate) fn none() -> Self {
        let never = Timestamp::from_micros(0);
        Self { created_at: never, updated_at: never, version: 0, salt: IdSalt::default() }
    }

    /// The id of the record with a number.
    pub(crate) fn id(&self, number: RecordNumber) -> Uuid {
        record_id(self.created_at, number, self.salt)
    }

    /// True when an id is that of the record, whose number it has: an id that is none of a tenant's may have the number of
    /// a record that is.
    pub(crate) fn is_of(&self, id: Uuid) -> bool {
        self.id(RecordNumber::of(id)) == id
    }

    /// Reads the head alone.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let body = open_envelope(bytes, ROW, FORMAT)?;
        let head = body.split_first_chunk::<2>().and_then(|(_, rest)| Self::split(rest));
        head.map(|(head, _)| head).ok_or_else(|| damaged(ROW, "it cannot be read"))
    }

    fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (created_at, rest) = bytes.split_first_chunk()?;
        let (updated_at, rest) = rest.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let instant = |bytes: &[u8; 8]| Timestamp::from_micros(i64::from_le_bytes(*bytes));
        let (created_at, updated_at) = (instant(created_at), instant(updated_at));
        let version = u32::from_le_bytes(*version);
        Some((Self { created_at, updated_at, version, salt: IdSalt::from_bytes(*salt) }, rest))
    }
}

/// A record's parts, borrowed from its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordParts<'a> {
    pub(crate) head: RecordHead,
    places: Places<'a>,
    members: &'a [u8],
}

/// Offsets at which members start, and the one at which the last ends.
#[derive(Clone, Copy, Debug)]
enum Places<'a> {
    Two(&'a [[u8; 2]]),
    Four(&'a [[u8; 4]]),
}

impl<'a> RecordParts<'a> {
    /// Reads a record's bytes.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let body = open_envelope(bytes, ROW, FORMAT)?;
        Self::split(body).ok_or_else(|| damaged(ROW, "it cannot be read"))
    }

    fn split(body: &'a [u8]) -> Option<Self> {
        let ([width, count], rest) = body.split_first_chunk()?;
        let (head, rest) = RecordHead::split(rest)?;
        let count = usize::from(*count);
        let (places, members) = rest.split_at_checked((count + 1) * usize::from(*width))?;
        let places = match width {
            2 => Places::Two(places.as_chunks().0),
            4 => Places::Four(places.as_chunks().0),
            _ => return None,
        };
        let is_whole = count <= MAX_SLOTS && places.lead_to(members.len());
        is_whole.then_some(Self { head, places, members })
    }

    /// The JSON text of a member, empty without a value. A member that the record's format did not have is empty too.
    pub(crate) fn slot(&self, slot: Slot) -> &'a [u8] {
        let (start, end) = self.places.of(slot);
        invariant(self.members.get(start..end), "places lead into the members")
    }

    /// Bytes of all members together.
    pub(crate) fn bytes(&self) -> usize {
        self.members.len()
    }

    /// All members in the order of their slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &'a [u8]> {
        Slot::all().map(|slot| self.slot(slot))
    }

    /// Writes the JSON text of a member, or `null` if it has no value.
    pub(crate) fn write_slot(&self, slot: Slot, room: &mut Room<'_>) {
        self.write_slots(slot, [(&Wide::new(b""), &Wide::new(b"null"))].into_iter(), room);
    }

    /// Writes the JSON texts of members one beside the other, from a first one on. Before each goes an opening, and if it
    /// has no value, a default in its place.
    pub(crate) fn write_slots<'s>(
        &self,
        first: Slot,
        texts: impl Iterator<Item = (&'s Wide, &'s Wide)>,
        room: &mut Room<'_>,
    ) {
        match self.places {
            Places::Two(places) => {
                let places = places.iter().map(|place| usize::from(u16::from_le_bytes(*place)));
                self.write_run(places.skip(first.index()), texts, room);
            }
            Places::Four(places) => {
                self.write_run(places.iter().map(wide).skip(first.index()), texts, room);
            }
        }
    }

    fn write_run<'s>(
        &self,
        mut places: impl Iterator<Item = usize>,
        texts: impl Iterator<Item = (&'s Wide, &'s Wide)>,
        room: &mut Room<'_>,
    ) {
        let mut start = places.next().unwrap_or_default();
        room.write(|out| {
            for (opening, default) in texts {
                // Members that the record's format did not have are behind its last place.
                let end = places.next().unwrap_or(start);
                let (length, rest) = (end - start, self.members.get(start..).unwrap_or_default());
                match (length, rest.first_chunk()) {
                    (1..=LONG, Some(wide)) => out.put_both(opening, wide, length),
                    (0, _) => {
                        out.put_wide(opening);
                        out.put_wide(default);
                    }
                    _ => {
                        out.put_wide(opening);
                        out.put_slice(invariant(rest.get(..length), "places lead into the members"));
                    }
                }
                start = end;
            }
        });
    }
}

impl Places<'_> {
    /// Offsets of a member's start and end.
    #[inline]
    fn of(&self, slot: Slot) -> (usize, usize) {
        let slot = slot.index();
        let bounds = match self {
            Places::Two(places) => {
                places.get(slot..).and_then(|rest| rest.first_chunk()).map(|[start, end]| {
                    (usize::from(u16::from_le_bytes(*start)), usize::from(u16::from_le_bytes(*end)))
                })
            }
            Places::Four(places) => places
                .get(slot..)
                .and_then(|rest| rest.first_chunk())
                .map(|[start, end]| (wide(start), wide(end))),
        };
        bounds.unwrap_or_default()
    }

    /// True when the offsets begin at 0, never decrease, and end at `end`.
    fn lead_to(&self, end: usize) -> bool {
        match self {
            Places::Two(places) => {
                // All of them are compared, which the processor does several at a time where none decides about the next.
                let number = |place: &[u8; 2]| u16::from_le_bytes(*place);
                let behind = places.get(1..).unwrap_or_default();
                let falls = places
                    .iter()
                    .zip(behind)
                    .fold(false, |falls, (here, next)| falls | (number(next) < number(here)));
                !falls
                    && places.first().map(number) == Some(0)
                    && places.last().map(number).map(usize::from) == Some(end)
            }
            Places::Four(places) => {
                let numbers = || places.iter().map(wide);
                numbers().is_sorted() && numbers().next() == Some(0) && numbers().next_back() == Some(end)
            }
        }
    }
}

fn wide(place: &[u8; 4]) -> usize {
    clamp(u32::from_le_bytes(*place).into())
}

/// The bytes of a record.
pub(crate) fn encode_record<'a>(
    head: RecordHead,
    slots: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
) -> Bytes {
    let total: usize = slots.clone().map(<[u8]>::len).sum();
    let width: u8 = if u16::try_from(total).is_ok() { 2 } else { 4 };
    let count = invariant(u8::try_from(slots.len()).ok(), "a record has at most 32 members");
    let mut bytes = Vec::with_capacity(27 + (slots.len() + 1) * usize::from(width) + total);
    bytes.extend_from_slice(&[ROW, FORMAT, width, count]);
    bytes.extend_from_slice(&head.created_at.as_micros().to_le_bytes());
    bytes.extend_from_slice(&head.updated_at.as_micros().to_le_bytes());
    bytes.extend_from_slice(&head.version.to_le_bytes());
    bytes.extend_from_slice(&head.salt.to_bytes());
    let mut place = 0usize;
    for length in slots.clone().map(<[u8]>::len).chain([0]) {
        match u16::try_from(place) {
            Ok(place) if width == 2 => bytes.extend_from_slice(&place.to_le_bytes()),
            _ => {
                let place = u32::try_from(place).ok();
                let place = invariant(place, "each member has a limit, far below 4 GiB in all");
                bytes.extend_from_slice(&place.to_le_bytes());
            }
        }
        place += length;
    }
    slots.for_each(|slot| bytes.extend_from_slice(slot));
    bytes.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant() -> impl Strategy<Value = Timestamp> {
        (Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()).prop_map(Timestamp::from_micros)
    }

    fn members() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let size = prop_oneof![4 => Just(0usize), 8 => 1usize..40, 1 => 65_530usize..65_540];
        prop::collection::vec(size.prop_map(|size| vec![b'x'; size]), 0..MAX_SLOTS)
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            created_at in instant(), updated_at in instant(), version: u32, salt: [u8; 3], members in members(),
        ) {
            let head = RecordHead { created_at, updated_at, version, salt: IdSalt::from_bytes(salt) };
            let bytes = encode_record(head, members.iter().map(Vec::as_slice));
            let parts = RecordParts::read(&bytes).unwrap();
            prop_assert_eq!(parts.head, head);
            prop_assert_eq!(RecordHead::read(&bytes).unwrap(), head);
            for (slot, member) in members.iter().enumerate() {
                let slot = Slot::new(u8::try_from(slot).unwrap());
                prop_assert_eq!(parts.slot(slot), &member[..]);
                let mut written = Vec::new();
                let mut room = Room::behind(&mut written, member.len() + 4);
                parts.write_slot(slot, &mut room);
                room.close();
                let expected: &[u8] = if member.is_empty() { b"null" } else { member };
                prop_assert_eq!(&written[..], expected);
            }
            let behind = Slot::new(u8::try_from(members.len()).unwrap());
            prop_assert_eq!(parts.slot(behind), b"");
        }

        #[test]
        fn any_bytes_are_a_record_or_damaged_and_never_a_panic(
            width in 0u8..5, count in 0u8..40, body in prop::collection::vec(0u8..4, 0..60),
        ) {
            if let Ok(parts) = RecordParts::read(&[&[ROW, FORMAT, width, count], &body[..]].concat()) {
                parts.slots().for_each(drop);
                let mut written = Vec::new();
                let mut room = Room::behind(&mut written, parts.bytes() + 4 * MAX_SLOTS);
                Slot::all().for_each(|slot| parts.write_slot(slot, &mut room));
            }
            let _ = RecordParts::read(&body);
            let _ = RecordHead::read(&[&[ROW, FORMAT], &body[..]].concat());
        }
    }

    #[test]
    fn a_record_is_read_to_its_last_byte_and_no_further() {
        let bytes = encode_record(RecordHead::none(), [b"1".as_slice(), b""].into_iter());
        assert!(RecordParts::read(&bytes).is_ok());
        assert!(RecordParts::read(&[&bytes[..], &[0]].concat()).is_err());
        assert!(RecordParts::read(&bytes[..bytes.len() - 1]).is_err());
    }
}

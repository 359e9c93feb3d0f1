use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::{Timestamp, invariant};

/// The identity of a record of type `R`: a UUID of version 7 (RFC 9562) whose order is the order of creation
/// within a tenant.
pub struct Id<R> {
    uuid: Uuid,
    of: PhantomData<fn() -> R>,
}

/// The identity of a tenant. It leads every key that a store keeps, so it is what a distributed store shards by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TenantId(Uuid);

impl<R> Id<R> {
    /// Takes any UUID for the id of an `R`, without checking that there is such a record.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, of: PhantomData }
    }

    /// The plain UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.uuid
    }
}

impl TenantId {
    /// The tenant that holds the directory of tenants; no session is ever opened on it.
    pub const DIRECTORY: TenantId = TenantId(Uuid::nil());

    /// Takes any UUID for the id of a tenant.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The plain UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes the UUID of version 7 of an instant, for something that is no record of its own.
///
/// The 12 bits after the millisecond hold the microsecond within it (RFC 9562, section 6.2, method 3), so two
/// ids of different instants sort by those; `random` fills the rest.
#[must_use]
pub(crate) fn uuid_at(instant: Timestamp, random: [u8; 8]) -> Uuid {
    uuid_of(instant, u64::from_be_bytes(random) >> 2)
}

/// Makes the id of a record: [`uuid_at`] the instant of its creation, with the record's number in the next 40 bits, so
/// that no row is needed to find the one by the other, and 22 bits that cannot be guessed.
#[must_use]
pub(crate) fn record_id(created_at: Timestamp, number: RecordNumber, salt: IdSalt) -> Uuid {
    uuid_of(created_at, number.0 << SALT_BITS | u64::from(salt.0))
}

fn uuid_of(instant: Timestamp, low: u64) -> Uuid {
    // A version 7 counts from 1970, and earlier instants are only those of clocks that are wrong.
    let micros = instant.as_micros().max(0).cast_unsigned();
    let (millis, within) = (micros / 1_000, micros % 1_000);
    let high = u128::from(millis & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | u128::from(within) << 64;
    Uuid::from_u128(high | u128::from(low) | 0b10 << 62)
}

/// The instant of an id that [`uuid_at`] or [`record_id`] has made.
#[must_use]
pub(crate) fn instant_of(id: Uuid) -> Timestamp {
    let number = id.as_u128();
    let (millis, within) = (number >> 80, (number >> 64) & 0xFFF);
    let micros = i64::try_from(millis * 1_000 + within).ok();
    Timestamp::from_micros(invariant(
        micros,
        "48 bits of milliseconds are fewer than 63 bits of microseconds",
    ))
}

const NUMBER_BITS: u32 = 40;
const SALT_BITS: u32 = 22;

/// The number of a record among all that a tenant has ever had of its kind, in the order of their creation and without a
/// gap, from 0 on. It is never given to another record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordNumber(u64);

/// The bits of a record's id that neither its number nor the instant of its creation tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdSalt(u32);

impl RecordNumber {
    /// Bytes of a number in a key.
    pub(crate) const BYTES: usize = 5;
    /// The first number.
    pub(crate) const FIRST: RecordNumber = RecordNumber(0);
    /// The greatest number, which is given to no record.
    pub(crate) const END: RecordNumber = RecordNumber((1 << NUMBER_BITS) - 1);

    /// The number; `None` if it is greater than that of any record.
    pub(crate) const fn new(number: u64) -> Option<Self> {
        if number < Self::END.0 { Some(Self(number)) } else { None }
    }

    /// The number, or [`END`](Self::END), as the end of a part of them; `None` if it is greater.
    pub(crate) const fn end(number: u64) -> Option<Self> {
        if number <= Self::END.0 { Some(Self(number)) } else { None }
    }

    /// The number in an id. That the record with this number has this id is for the reader to check.
    pub(crate) const fn of(id: Uuid) -> Self {
        let (_, low) = id.as_u64_pair();
        Self(low >> SALT_BITS & Self::END.0)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one; the last of all stands for itself, and no record has it.
    pub(crate) const fn next(self) -> Self {
        if self.0 < Self::END.0 { Self(self.0 + 1) } else { self }
    }

    /// The bytes of the number, which sort as numbers do.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let [_, _, _, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }

    /// The bytes without the first zeros, for a value.
    pub(crate) fn to_value(self) -> Vec<u8> {
        let [.., last] = self.to_bytes();
        let mut value: Vec<u8> = self.to_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        if value.is_empty() {
            value.push(last);
        }
        value
    }

    /// Takes back a number, from all of its bytes or without the first zeros.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || bytes.len() > Self::BYTES {
            return None;
        }
        Self::new(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl IdSalt {
    /// Bytes that it is kept in.
    pub(crate) const BYTES: usize = 3;

    /// The salt in an id.
    pub(crate) fn of(id: Uuid) -> Self {
        let [.., first, second, third] = id.into_bytes();
        Self::from_bytes([first, second, third])
    }

    /// Reads three bytes, of which 22 bits count.
    pub(crate) fn from_bytes([first, second, third]: [u8; Self::BYTES]) -> Self {
        Self(u32::from_be_bytes([0, first, second, third]) & ((1 << SALT_BITS) - 1))
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let [_, bytes @ ..] = self.0.to_be_bytes();
        bytes
    }
}

// Derives would ask the same of `R`, which is only a name here.
impl<R> Clone for Id<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Id<R> {}

impl<R> PartialEq for Id<R> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<R> Eq for Id<R> {}

impl<R> PartialOrd for Id<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Id<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<R> hash::Hash for Id<R> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<R> fmt::Debug for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<R> fmt::Display for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.fmt(f)
    }
}

impl<R> FromStr for Id<R> {
    type Err = uuid::Error;

    /// Reads the hyphenated form in any letter case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::fmt::Hyphenated::from_str(text).map(|form| Self::from_uuid(form.into_uuid()))
    }
}

impl<R> Serialize for Id<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, R> Deserialize<'de> for Id<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_sort_by_their_instant(a in 0i64..4_000_000_000_000_000, step in 1i64..5_000_000, r: [u8; 8], s: [u8; 8]) {
            let earlier = uuid_at(Timestamp::from_micros(a), r);
            let later = uuid_at(Timestamp::from_micros(a + step), s);
            prop_assert!(earlier < later);
            prop_assert_eq!(earlier.get_version_num(), 7);
            prop_assert_eq!(earlier.get_variant(), uuid::Variant::RFC4122);
        }
    }

    proptest! {
        #[test]
        fn the_id_of_a_record_holds_its_number_and_its_salt(
            at in 0i64..4_000_000_000_000_000, number in 0u64..RecordNumber::END.0, salt: [u8; 3],
        ) {
            let (number, salt) = (RecordNumber(number), IdSalt::from_bytes(salt));
            let id = record_id(Timestamp::from_micros(at), number, salt);
            prop_assert_eq!((RecordNumber::of(id), IdSalt::of(id)), (number, salt));
            prop_assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
            prop_assert_eq!(RecordNumber::from_bytes(&number.to_bytes()), Some(number));
            prop_assert_eq!(RecordNumber::from_bytes(&number.to_value()), Some(number));
            prop_assert_eq!(IdSalt::from_bytes(salt.to_bytes()), salt);
            prop_assert!(id < record_id(Timestamp::from_micros(at), number.next(), IdSalt::default()));
            prop_assert!(number.to_bytes() < number.next().to_bytes());
        }
    }

    #[test]
    fn numbers_end_where_their_bits_do() {
        assert_eq!(RecordNumber::new(RecordNumber::END.0), None);
        assert_eq!(RecordNumber::new((1 << 40) - 2).map(RecordNumber::next), Some(RecordNumber::END));
        assert_eq!(RecordNumber::END.next(), RecordNumber::END);
        for bytes in [&[][..], &[0; 6], &[0xFF; 5]] {
            assert_eq!(RecordNumber::from_bytes(bytes), None);
        }
        assert_eq!(RecordNumber::from_bytes(&[1, 0]), RecordNumber::new(256));
    }

    #[test]
    fn an_id_is_read_in_any_letter_case_and_in_no_other_form() {
        let id: Id<()> = "0191E3A2-9F00-7ABC-8def-0123456789AB".parse().unwrap();
        assert_eq!(id.to_string(), "0191e3a2-9f00-7abc-8def-0123456789ab");
        assert!("0191e3a29f007abc8def0123456789ab".parse::<Id<()>>().is_err());
        assert!("{0191e3a2-9f00-7abc-8def-0123456789ab}".parse::<Id<()>>().is_err());
    }
}

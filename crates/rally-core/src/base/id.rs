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

/// Makes the UUID of version 7 of an instant.
///
/// The 12 bits after the millisecond hold the microsecond within it (RFC 9562, section 6.2, method 3), so two
/// ids of different instants sort by those; `random` fills the rest.
#[must_use]
pub(crate) fn uuid_at(instant: Timestamp, random: [u8; 8]) -> Uuid {
    // A version 7 counts from 1970, and earlier instants are only those of clocks that are wrong.
    let micros = instant.as_micros().max(0).cast_unsigned();
    let (millis, within) = (micros / 1_000, micros % 1_000);
    let high = u128::from(millis & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | u128::from(within) << 64;
    let low = u128::from(u64::from_be_bytes(random) >> 2) | 0b10 << 62;
    Uuid::from_u128(high | low)
}

/// The instant of an id that [`uuid_at`] has made.
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

    #[test]
    fn an_id_is_read_in_any_letter_case_and_in_no_other_form() {
        let id: Id<()> = "0191E3A2-9F00-7ABC-8def-0123456789AB".parse().unwrap();
        assert_eq!(id.to_string(), "0191e3a2-9f00-7abc-8def-0123456789ab");
        assert!("0191e3a29f007abc8def0123456789ab".parse::<Id<()>>().is_err());
        assert!("{0191e3a2-9f00-7abc-8def-0123456789ab}".parse::<Id<()>>().is_err());
    }
}

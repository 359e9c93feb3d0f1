use std::{cmp::Ordering, fmt};

use smallvec::SmallVec;
use uuid::Uuid;

use crate::base::{Kind, Timestamp};

/// A family of keys within a tenant. It is the first byte of each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u8);

/// An order-preserving encoding of a place in a tenant: a [`Space`], then parts whose bytes sort as they do.
///
/// Numbers and instants are big-endian, so they take a fixed width; text can be any bytes and therefore stands last.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key(SmallVec<[u8; SHORT]>);

/// Bytes of a key that needs no allocation, at most.
const SHORT: usize = 40;

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.as_bytes(), other.as_bytes())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of two keys, which their first bytes tell for nearly all: compared as numbers, these need no loop.
#[inline]
pub(super) fn compare(one: &[u8], other: &[u8]) -> Ordering {
    match (one.first_chunk::<16>(), other.first_chunk::<16>()) {
        (Some(first), Some(of_other)) if first != of_other => {
            u128::from_be_bytes(*first).cmp(&u128::from_be_bytes(*of_other))
        }
        _ => one.cmp(other),
    }
}

/// The keys from a first one up to, and without, an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    start: Key,
    end: Option<Key>,
}

impl Key {
    /// The least key of a space.
    #[must_use]
    pub fn new(space: Space) -> Self {
        let mut bytes = SmallVec::new();
        bytes.push(space.0);
        Self(bytes)
    }

    /// Takes back the bytes of a key; `None` if there are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() { None } else { Some(Self(SmallVec::from_slice(bytes))) }
    }

    /// Takes back the key of which so many bytes stand at the beginning of some, which need not end there: then the bytes of
    /// a short key are copied at once.
    pub(super) fn first_of(bytes: &[u8], length: usize) -> Option<Self> {
        match bytes.first_chunk::<SHORT>() {
            Some(short) if (1..=SHORT).contains(&length) => {
                Some(Self(SmallVec::from_buf_and_len(*short, length)))
            }
            _ => Self::from_bytes(bytes.get(..length)?),
        }
    }

    /// Adds one byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds the number of a kind.
    #[must_use]
    pub fn kind(self, kind: Kind) -> Self {
        self.byte(kind.number())
    }

    /// Adds the 16 bytes of a UUID.
    #[must_use]
    pub fn uuid(self, uuid: Uuid) -> Self {
        self.bytes(uuid.as_bytes())
    }

    /// Adds the 8 bytes of a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds the 8 bytes of an instant, which sort as instants do on either side of 1970.
    #[must_use]
    pub fn instant(self, instant: Timestamp) -> Self {
        self.number(instant.as_micros().cast_unsigned() ^ (1 << 63))
    }

    /// Adds bytes as they are.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The whole key, its space first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The space that it lies in.
    #[must_use]
    #[expect(clippy::expect_used, reason = "no way to make a key makes an empty one")]
    pub fn space(&self) -> Space {
        Space(*self.0.first().expect("a key begins with its space"))
    }

    /// The bytes behind a prefix; `None` if the key does not begin with it.
    #[must_use]
    pub fn after(&self, prefix: &Key) -> Option<&[u8]> {
        let (start, rest) = self.0.split_at_checked(prefix.as_bytes().len())?;
        // Prefixes are short, and a loop over a few bytes costs less than a call.
        let is_prefix = start.iter().zip(prefix.as_bytes()).all(|(one, other)| one == other);
        if is_prefix { Some(rest) } else { None }
    }

    /// The least key above all that begin with this one; `None` above a run of `0xFF`.
    #[must_use]
    pub fn prefix_end(&self) -> Option<Key> {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.pop() {
            if let Some(next) = last.checked_add(1) {
                bytes.push(next);
                return Some(Self(bytes));
            }
        }
        None
    }

    /// The least key above this one.
    #[must_use]
    pub fn successor(&self) -> Key {
        self.clone().byte(0)
    }
}

/// Reads the 16 bytes of a UUID, as [`Key::uuid`] writes them.
pub(crate) fn read_uuid(bytes: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(bytes).ok()
}

/// Reads the 8 bytes of an instant, as [`Key::instant`] writes them.
pub(crate) fn read_instant(bytes: &[u8]) -> Option<Timestamp> {
    let number = u64::from_be_bytes(bytes.try_into().ok()?);
    Some(Timestamp::from_micros((number ^ (1 << 63)).cast_signed()))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.0.escape_ascii())
    }
}

impl KeyRange {
    /// All keys of a tenant.
    #[must_use]
    pub fn all() -> Self {
        Self { start: Key::new(Space(0)), end: None }
    }

    /// All keys that begin with this one.
    #[must_use]
    pub fn prefix(prefix: &Key) -> Self {
        Self { start: prefix.clone(), end: prefix.prefix_end() }
    }

    /// Moves the first key up to this one; never down.
    #[must_use]
    pub fn from(mut self, start: Key) -> Self {
        self.start = self.start.max(start);
        self
    }

    /// Moves the end down to this key, which is then outside; never up.
    #[must_use]
    pub fn until(mut self, end: Key) -> Self {
        self.end = Some(match self.end.take() {
            Some(before) => before.min(end),
            None => end,
        });
        self
    }

    /// The first key that may be in it.
    #[must_use]
    pub fn start(&self) -> &Key {
        &self.start
    }

    /// The first key behind it; `None` when it reaches to the end of the tenant.
    #[must_use]
    pub fn end(&self) -> Option<&Key> {
        self.end.as_ref()
    }

    /// True when no key can be in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(kind: u8, instant: i64, number: u64, text: &[u8]) -> Key {
        Key::new(Space(7)).byte(kind).instant(Timestamp::from_micros(instant)).number(number).bytes(text)
    }

    proptest! {
        #[test]
        fn bytes_sort_as_the_parts_do(
            a in (0u8..4, -5i64..5, 0u64..4, "[a-c]{0,3}"),
            b in (0u8..4, -5i64..5, 0u64..4, "[a-c]{0,3}"),
        ) {
            let left = key(a.0, a.1, a.2, a.3.as_bytes());
            let right = key(b.0, b.1, b.2, b.3.as_bytes());
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        }

        #[test]
        fn keys_sort_as_their_bytes_do(
            one in prop::collection::vec(0u8..2, 1..24), other in prop::collection::vec(0u8..2, 1..24),
        ) {
            prop_assert_eq!(Key::from_bytes(&one).cmp(&Key::from_bytes(&other)), one.cmp(&other));
        }

        #[test]
        fn parts_are_read_back(instant in any::<i64>(), uuid in any::<u128>()) {
            let instant = Timestamp::from_micros(instant);
            let uuid = Uuid::from_u128(uuid);
            let prefix = Key::new(Space(1));
            prop_assert_eq!(prefix.clone().instant(instant).after(&prefix).and_then(read_instant), Some(instant));
            let key = prefix.clone().uuid(uuid);
            prop_assert_eq!(key.after(&prefix), Some(&uuid.as_bytes()[..]));
            prop_assert_eq!(Key::from_bytes(key.as_bytes()), Some(key));
        }

        #[test]
        fn a_prefix_range_holds_what_begins_with_it_and_nothing_else(
            prefix in prop::collection::vec(prop_oneof![Just(0xFFu8), any::<u8>()], 1..4),
            other in prop::collection::vec(prop_oneof![Just(0xFFu8), any::<u8>()], 1..6),
        ) {
            let range = KeyRange::prefix(&Key::from_bytes(&prefix).unwrap());
            let other = Key::from_bytes(&other).unwrap();
            let inside = *range.start() <= other && range.end().is_none_or(|end| other < *end);
            prop_assert_eq!(inside, other.as_bytes().starts_with(&prefix));
        }
    }
}

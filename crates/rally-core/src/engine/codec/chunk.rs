//! The bytes of a chunk: a part of a set of record numbers, 1,024 of them.
//!
//! The format of the row says which form they are in. A chunk is written in the one that is shortest:
//!
//! | format | form | bytes |
//! |---|---|---|
//! | 1 | the members, ascending | 2 each |
//! | 2 | the runs of members, each by its first and its last | 4 each |
//! | 3 | a bit for each number | 128 |
//!
//! with all numbers little-endian. A chunk without members has no row.

use bytes::Bytes;

use super::damaged;
use crate::{
    base::{RecordNumber, invariant},
    store::StoreError,
};

const ROW: u8 = 10;
const MEMBERS: u8 = 1;
const RUNS: u8 = 2;
const BITS: u8 = 3;

/// Bits of a record's number that are the number of its chunk.
const CHUNK_BITS: u32 = 30;

const WORDS: usize = 16;
const WORD_BITS: u16 = 64;

/// A set of some of the 1,024 numbers of a chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk([u64; WORDS]);

/// The number of a chunk: a record's number without its last ten bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkNumber(u32);

/// A place within a chunk, from 0 to 1,023.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkPlace(u16);

impl ChunkNumber {
    /// Numbers in a chunk.
    pub(crate) const NUMBERS: u64 = 1 << 10;
    pub(crate) const FIRST: ChunkNumber = ChunkNumber(0);

    /// The chunk that a record is in, and its place there.
    pub(crate) fn of(number: RecordNumber) -> (Self, ChunkPlace) {
        let (chunk, place) = (number.get() / Self::NUMBERS, number.get() % Self::NUMBERS);
        let chunk =
            invariant(u32::try_from(chunk).ok(), "a record number has 40 bits, ten of them in the chunk");
        (Self(chunk), ChunkPlace(invariant(u16::try_from(place).ok(), "a place has ten bits")))
    }

    /// The record at a place.
    pub(crate) fn at(self, place: ChunkPlace) -> RecordNumber {
        let number = RecordNumber::end(self.start() + u64::from(place.0));
        invariant(number, "a chunk's number has 30 bits, and a place ten")
    }

    /// The first number in the chunk.
    pub(crate) fn start(self) -> u64 {
        u64::from(self.0) * Self::NUMBERS
    }

    /// The first number in it, as the start of a range.
    pub(crate) fn first(self) -> RecordNumber {
        self.at(ChunkPlace(0))
    }

    /// The chunk after this one; `None` after the last.
    pub(crate) fn next(self) -> Option<Self> {
        self.0.checked_add(1).and_then(Self::new)
    }

    /// The chunk with a number; `None` if that is greater than that of any chunk.
    pub(crate) const fn new(number: u32) -> Option<Self> {
        if number >> CHUNK_BITS == 0 { Some(Self(number)) } else { None }
    }

    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl ChunkPlace {
    /// The bytes of a place in a row.
    pub(crate) const fn to_bytes(self) -> [u8; 2] {
        self.0.to_le_bytes()
    }

    /// Takes back a place.
    pub(crate) fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        let place = u16::from_le_bytes(bytes);
        if u64::from(place) < ChunkNumber::NUMBERS { Some(Self(place)) } else { None }
    }
}

impl Chunk {
    /// Every number.
    pub(crate) const ALL: Chunk = Chunk([u64::MAX; WORDS]);

    /// Puts a number in.
    pub(crate) fn insert(&mut self, place: ChunkPlace) {
        let (word, bit) = self.word_of(place);
        *word |= bit;
    }

    /// Takes a number out.
    pub(crate) fn remove(&mut self, place: ChunkPlace) {
        let (word, bit) = self.word_of(place);
        *word &= !bit;
    }

    #[expect(clippy::indexing_slicing, reason = "a place is less than 16 × 64")]
    fn word_of(&mut self, place: ChunkPlace) -> (&mut u64, u64) {
        (&mut self.0[usize::from(place.0 / WORD_BITS)], 1 << (place.0 % WORD_BITS))
    }

    /// True when a number is in.
    pub(crate) fn contains(&self, place: ChunkPlace) -> bool {
        let word = invariant(self.0.get(usize::from(place.0 / WORD_BITS)), "a place is less than 16 × 64");
        word >> (place.0 % WORD_BITS) & 1 == 1
    }

    /// The numbers that are in both.
    pub(crate) fn and(self, other: &Chunk) -> Self {
        self.with(other, |word, other| word & other)
    }

    /// The numbers that are in either.
    pub(crate) fn or(self, other: &Chunk) -> Self {
        self.with(other, |word, other| word | other)
    }

    /// The numbers that are not in another.
    pub(crate) fn without(self, other: &Chunk) -> Self {
        self.with(other, |word, other| word & !other)
    }

    fn with(mut self, other: &Chunk, change: impl Fn(u64, u64) -> u64) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word = change(*word, other));
        self
    }

    /// The numbers from a place on.
    pub(crate) fn from(mut self, place: ChunkPlace) -> Self {
        for (at, word) in (0..).zip(&mut self.0) {
            let start = at * WORD_BITS;
            if start + WORD_BITS <= place.0 {
                *word = 0;
            } else if start < place.0 {
                *word &= u64::MAX << (place.0 - start);
            }
        }
        self
    }

    /// The number of members.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == [0; WORDS]
    }

    /// The members, ascending.
    pub(crate) fn places(self) -> impl Iterator<Item = ChunkPlace> {
        let mut words = (0..).zip(self.0);
        let (mut at, mut word) = (0, 0u64);
        std::iter::from_fn(move || {
            while word == 0 {
                (at, word) = words.next()?;
            }
            let bit = word.trailing_zeros();
            word &= word - 1;
            Some(ChunkPlace(at * WORD_BITS + bit_in_word(bit)))
        })
    }

    /// The last member.
    pub(crate) fn last(self) -> Option<ChunkPlace> {
        let words: [_; WORDS] = self.0;
        let (at, word) = (0..).zip(words).filter(|(_, word)| *word != 0).last()?;
        Some(ChunkPlace(at * WORD_BITS + bit_in_word(word.ilog2())))
    }

    /// The first members of the runs.
    fn firsts(self) -> Self {
        let mut before = 0;
        Self(self.0.map(|word| {
            let firsts = word & !(word << 1 | before);
            before = word >> (WORD_BITS - 1);
            firsts
        }))
    }

    /// The last members of the runs.
    fn lasts(self) -> Self {
        let mut lasts = self;
        let mut behind = 0;
        for word in lasts.0.iter_mut().rev() {
            let first = *word << (WORD_BITS - 1);
            *word &= !(*word >> 1 | behind);
            behind = first;
        }
        lasts
    }

    /// The bytes of the row; `None` for a chunk without members, which has no row.
    pub(crate) fn encode(&self) -> Option<Bytes> {
        let members = in_memory(self.len());
        if members == 0 {
            return None;
        }
        let firsts = self.firsts();
        let runs = in_memory(firsts.len());
        let shortest = (2 * members).min(4 * runs).min(8 * WORDS);
        let mut bytes = Vec::with_capacity(2 + shortest);
        bytes.push(ROW);
        if shortest == 2 * members {
            bytes.push(MEMBERS);
            self.places().for_each(|place| bytes.extend_from_slice(&place.to_bytes()));
        } else if shortest == 4 * runs {
            bytes.push(RUNS);
            for (first, last) in firsts.places().zip(self.lasts().places()) {
                bytes.extend_from_slice(&first.to_bytes());
                bytes.extend_from_slice(&last.to_bytes());
            }
        } else {
            bytes.push(BITS);
            bytes.extend_from_slice(self.0.map(u64::to_le_bytes).as_flattened());
        }
        Some(bytes.into())
    }

    /// Reads a row back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let chunk = match bytes {
            [ROW, MEMBERS, body @ ..] => Self::of_members(body),
            [ROW, RUNS, body @ ..] => Self::of_runs(body),
            [ROW, BITS, body @ ..] => Self::of_bits(body),
            _ => return Err(damaged(ROW, "another row's bytes, or a newer version's")),
        };
        let is_some = |chunk: &Chunk| !chunk.is_empty();
        chunk.filter(is_some).ok_or_else(|| damaged(ROW, "it cannot be read"))
    }

    fn of_members(body: &[u8]) -> Option<Self> {
        let (places, []) = body.as_chunks() else { return None };
        let places = || places.iter().map(|place| u16::from_le_bytes(*place));
        // Of ascending members the last one is the greatest.
        let is_whole = places().is_sorted_by(|one, next| one < next) && places().next_back()? < 1_024;
        let mut chunk = Self::default();
        is_whole.then(|| {
            places().for_each(|place| chunk.insert(ChunkPlace(place)));
            chunk
        })
    }

    fn of_runs(body: &[u8]) -> Option<Self> {
        let (runs, []) = body.as_chunks::<4>() else { return None };
        let (mut chunk, mut least) = (Self::default(), 0);
        for [a, b, c, d] in runs {
            let (first, last) = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
            if first < least || last < first || last >= 1_024 {
                return None;
            }
            chunk.insert_run(first, last);
            least = last + 2;
        }
        Some(chunk)
    }

    fn insert_run(&mut self, first: u16, last: u16) {
        let (from, to) = (first / WORD_BITS, last / WORD_BITS);
        let words = (0..).zip(&mut self.0).skip(from.into()).take(usize::from(to - from) + 1);
        for (at, word) in words {
            let least = if at == from { first % WORD_BITS } else { 0 };
            let most = if at == to { last % WORD_BITS } else { WORD_BITS - 1 };
            *word |= u64::MAX << least & u64::MAX >> (WORD_BITS - 1 - most);
        }
    }

    fn of_bits(body: &[u8]) -> Option<Self> {
        let (words, []) = body.as_chunks() else { return None };
        let words: &[[u8; 8]; WORDS] = words.try_into().ok()?;
        Some(Self(words.map(u64::from_le_bytes)))
    }
}

/// The number of some of the members.
fn in_memory(members: u64) -> usize {
    invariant(usize::try_from(members).ok(), "a chunk has at most 1,024 members")
}

fn bit_in_word(bit: u32) -> u16 {
    invariant(u16::try_from(bit).ok(), "a word has 64 bits")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Sets of every shape: few, many, runs, and nearly all.
    fn members() -> impl Strategy<Value = BTreeSet<u16>> {
        let some = |most| prop::collection::btree_set(0u16..1_024, 1..most);
        let run = (0u16..1_024, 1u16..1_024)
            .prop_map(|(first, length)| (first..(first + length).min(1_024)).collect::<BTreeSet<_>>());
        prop_oneof![
            some(5),
            some(900),
            run.clone(),
            (run, some(3)).prop_map(|(run, some)| &run ^ &some),
            some(20).prop_map(|some| (0..1_024).filter(|place| !some.contains(place)).collect()),
        ]
    }

    fn chunk(members: &BTreeSet<u16>) -> Chunk {
        let mut chunk = Chunk::default();
        members.iter().for_each(|place| chunk.insert(ChunkPlace(*place)));
        chunk
    }

    fn set(chunk: Chunk) -> BTreeSet<u16> {
        chunk.places().map(|place| place.0).collect()
    }

    proptest! {
        #[test]
        fn a_chunk_is_read_as_it_was_written_and_is_never_long(members in members()) {
            let whole = chunk(&members);
            prop_assert_eq!(set(whole), members.clone());
            prop_assert_eq!(whole.encode().is_none(), members.is_empty());
            let Some(bytes) = whole.encode() else { return Ok(()) };
            prop_assert_eq!(Chunk::decode(&bytes).unwrap(), whole);
            prop_assert!(bytes.len() <= 2 + 128.min(2 * members.len()));
            prop_assert!(Chunk::decode(&bytes[..bytes.len() - 1]).is_err());
            prop_assert!(Chunk::decode(&[&bytes[..], &[0, 4, 0, 4]].concat()).is_err());
        }

        #[test]
        fn a_chunk_does_as_a_set(one in members(), other in members(), place in 0u16..1_024) {
            let (a, b, at) = (chunk(&one), chunk(&other), ChunkPlace(place));
            prop_assert_eq!(set(a.and(&b)), &one & &other);
            prop_assert_eq!(set(a.or(&b)), &one | &other);
            prop_assert_eq!(set(a.without(&b)), &one - &other);
            prop_assert_eq!(a.len(), u64::try_from(one.len()).unwrap());
            prop_assert_eq!(a.contains(at), one.contains(&place));
            prop_assert_eq!(set(a.from(at)), one.range(place..).copied().collect());
            prop_assert_eq!(a.last().map(|last| last.0), one.last().copied());
            prop_assert_eq!(a.is_empty(), one.is_empty());
            let mut less = a;
            less.remove(at);
            prop_assert!(!less.contains(at));
        }

        #[test]
        fn any_bytes_are_a_chunk_or_damaged_and_never_a_panic(
            form in 0u8..5, body in prop::collection::vec(prop_oneof![0u8..5, any::<u8>()], 0..140),
        ) {
            if let Ok(chunk) = Chunk::decode(&[&[ROW, form], &body[..]].concat()) {
                prop_assert!(!chunk.is_empty());
                prop_assert_eq!(Chunk::decode(&chunk.encode().unwrap()).unwrap(), chunk);
            }
            let _ = Chunk::decode(&body);
        }
    }

    #[test]
    fn a_chunk_has_a_number_that_records_have() {
        let last = ChunkNumber::of(RecordNumber::END).0;
        assert_eq!(ChunkNumber::new(last.get()), Some(last));
        assert_eq!((ChunkNumber::new(last.get() + 1), last.next()), (None, None));
        assert_eq!(last.at(ChunkPlace(1_023)), RecordNumber::END);
    }

    #[test]
    fn a_number_has_one_place() {
        for number in [0, 1_023, 1_024, (1 << 40) - 2] {
            let number = RecordNumber::new(number).unwrap();
            let (chunk, place) = ChunkNumber::of(number);
            assert_eq!(chunk.at(place), number);
        }
        let all = Chunk::ALL;
        assert_eq!((all.len(), all.encode().unwrap().len()), (1_024, 6), "a full chunk is one run");
        assert_eq!(Chunk::default().encode(), None);
    }
}

//! The lists of a kind, by creation and by last change, and the number of its next record.
//!
//! Records are numbered in the order of their creation without a gap, so the list by creation needs no row of its own:
//! the place of a record in it is its number, less the records before it that are gone. The numbers of those are a set in
//! chunks, with counts of [`LEVELS`] above, each at a place that follows from the number. As long as nothing is deleted
//! there is nothing to count, and a deletion writes a row a level.

use std::collections::BTreeMap;

use super::{ChunkChanges, Sequence, spaces};
use crate::{
    base::{Error, Kind, RecordNumber, clamp, invariant, limits},
    engine::codec::{self, Chunk, ChunkNumber, ListsV1, NodeV1},
    store::{Direction, Entry, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// Numbers that a count of each level covers, the highest first: 2^24 and 2^16.
const LEVELS: [u64; 2] = [1 << 24, 1 << 16];

/// Counts that one scan reads, at most. Those of a lower level within one of the higher are fewer.
const AT_ONCE: usize = 256;

/// The lists of a kind as a transaction or a reader has them.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    kind: Kind,
    next: u64,
    gone: u64,
    /// The first chunk whose names have no rows.
    pub(super) named: ChunkNumber,
    /// The list by last change.
    pub(crate) changes: Sequence,
}

/// A part of the numbers, and how many of them are gone.
struct Part {
    start: u64,
    gone: u64,
}

impl Lists {
    /// The lists of a kind that has no records yet.
    pub(crate) const fn empty(kind: Kind) -> Self {
        let changes = Sequence { kind, open: Vec::new() };
        Self { kind, next: 0, gone: 0, named: ChunkNumber::FIRST, changes }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Reads the lists of a kind; new ones are empty.
    pub(crate) fn load(kind: Kind, snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let ListsV1 { next, gone, open } = match snapshot.get(&spaces::lists(kind))? {
            Some(bytes) => codec::decode(&bytes)?,
            None => ListsV1::default(),
        };
        if gone > next || next > RecordNumber::END.get() {
            return Err(damaged(kind, "more records than there were"));
        }
        let (named, _) = ChunkNumber::of(up_to(next));
        Ok(Self { kind, next, gone, named, changes: Sequence { kind, open } })
    }

    /// Writes them back.
    pub(crate) fn save(&self, overlay: &mut Overlay<'_>) -> Result<(), StoreError> {
        let row = ListsV1 { next: self.next, gone: self.gone, open: self.changes.open.clone() };
        overlay.put(spaces::lists(self.kind), codec::encode(&row)?);
        Ok(())
    }

    /// Number of records.
    pub(crate) fn len(&self) -> u64 {
        self.next - self.gone
    }

    /// The number of the next record.
    pub(crate) fn next(&self) -> RecordNumber {
        up_to(self.next)
    }

    /// The chunk of the next record: those before it are whole.
    pub(crate) fn open_chunk(&self) -> ChunkNumber {
        ChunkNumber::of(self.next()).0
    }

    /// Takes the number of a new record.
    ///
    /// # Errors
    /// All numbers are taken.
    pub(crate) fn take_number(&mut self) -> Result<RecordNumber, Error> {
        let taken = || Error::internal("the numbers of a kind's records are used up");
        let number = RecordNumber::new(self.next).ok_or_else(taken)?;
        self.next += 1;
        Ok(number)
    }

    /// Takes a record off the list by creation.
    pub(crate) fn remove(
        &mut self,
        overlay: &mut Overlay<'_>,
        chunks: &mut ChunkChanges,
        number: RecordNumber,
    ) -> Result<(), StoreError> {
        self.gone += 1;
        chunks.insert(spaces::gone(self.kind), number);
        for (level, numbers) in (1..).zip(LEVELS) {
            let key = count_key(self.kind, level, number.get() / numbers);
            let count = match overlay.get(&key)? {
                Some(bytes) => codec::decode::<NodeV1>(&bytes)?.count,
                None => 0,
            };
            overlay.put(key, codec::encode(&NodeV1 { count: count + 1 })?);
        }
        Ok(())
    }

    /// Gives a record that has a number already its place; false if another record has it, or if it is too far ahead.
    pub(crate) fn occupy(
        &mut self,
        overlay: &mut Overlay<'_>,
        chunks: &mut ChunkChanges,
        number: RecordNumber,
    ) -> Result<bool, StoreError> {
        if number.get() < self.next {
            return self.put_back(overlay, chunks, number);
        }
        if number.get() - self.next > limits::NUMBERS_PASSED_OVER || number == RecordNumber::END {
            return Ok(false);
        }
        self.pass_to(overlay, chunks, number.get())?;
        self.next += 1;
        Ok(true)
    }

    /// Counts all numbers as gone up to another one, which is the next.
    pub(crate) fn pass_to(
        &mut self,
        overlay: &mut Overlay<'_>,
        chunks: &mut ChunkChanges,
        number: u64,
    ) -> Result<(), StoreError> {
        while self.next < number {
            let passed = self.next();
            self.next += 1;
            self.remove(overlay, chunks, passed)?;
        }
        Ok(())
    }

    /// Puts a record that is gone back to its place; false if it is not gone.
    fn put_back(
        &mut self,
        overlay: &mut Overlay<'_>,
        chunks: &mut ChunkChanges,
        number: RecordNumber,
    ) -> Result<bool, StoreError> {
        if overlay.get(&spaces::numbered(self.kind, number))?.is_some() {
            return Ok(false);
        }
        let too_few = || damaged(self.kind, "a record that is neither there nor gone");
        self.gone = self.gone.checked_sub(1).ok_or_else(too_few)?;
        chunks.remove(spaces::gone(self.kind), number);
        for (level, numbers) in (1..).zip(LEVELS) {
            let key = count_key(self.kind, level, number.get() / numbers);
            let bytes = overlay.get(&key)?.ok_or_else(too_few)?;
            match codec::decode::<NodeV1>(&bytes)?.count.checked_sub(1) {
                None => return Err(too_few()),
                Some(0) => overlay.delete(key),
                Some(count) => overlay.put(key, codec::encode(&NodeV1 { count })?),
            }
        }
        Ok(true)
    }

    /// The keys that taking a record off the list reads.
    pub(crate) fn keys_of_removal(kind: Kind, number: RecordNumber) -> impl Iterator<Item = Key> {
        let (chunk, _) = ChunkNumber::of(number);
        let counts = (1..).zip(LEVELS);
        let counts = counts.map(move |(level, numbers)| count_key(kind, level, number.get() / numbers));
        counts.chain([spaces::chunk(&spaces::gone(kind), chunk)])
    }

    /// The number of the record at a place in the list by creation; `None` if the list is shorter.
    pub(crate) fn at(&self, snapshot: &dyn Snapshot, place: u64) -> Result<Option<RecordNumber>, StoreError> {
        if place >= self.len() {
            return Ok(None);
        }
        if self.gone == 0 {
            return Ok(RecordNumber::new(place));
        }
        // Between the parts that have a count, nothing is gone.
        let (mut start, mut end, mut gone) = (0, u64::MAX, 0);
        for (level, numbers) in (1..).zip(LEVELS) {
            let mut within = None;
            for part in self.parts(snapshot, level, numbers, start, end)? {
                if place + gone < part.start {
                    break;
                }
                if place + gone < part.start + numbers - part.gone {
                    within = Some(part.start);
                    break;
                }
                gone += part.gone;
            }
            match within {
                Some(part) => (start, end) = (part, part + numbers),
                None => return Ok(RecordNumber::new(place + gone)),
            }
        }
        for (chunk, missing) in self.chunks(snapshot, start, end)? {
            if place + gone < chunk.start() {
                break;
            }
            let here = Chunk::ALL.without(&missing);
            let rank = place + gone - chunk.start();
            if rank < here.len() {
                let mut places = here.places();
                return Ok(places.nth(clamp(rank)).map(|place| chunk.at(place)));
            }
            gone += missing.len();
        }
        Ok(RecordNumber::new(place + gone))
    }

    /// Number of records before a number.
    pub(crate) fn before(&self, snapshot: &dyn Snapshot, number: RecordNumber) -> Result<u64, StoreError> {
        let number = number.get().min(self.next);
        if self.gone == 0 {
            return Ok(number);
        }
        let (mut start, mut gone) = (0, 0);
        for (level, numbers) in (1..).zip(LEVELS) {
            let end = number - number % numbers;
            let parts = self.parts(snapshot, level, numbers, start, end)?;
            gone += parts.iter().map(|part| part.gone).sum::<u64>();
            start = end;
        }
        for (chunk, missing) in self.chunks(snapshot, start, number)? {
            let (_, place) = ChunkNumber::of(up_to(number));
            let is_last = chunk.start() + ChunkNumber::NUMBERS > number;
            gone += if is_last { missing.len() - missing.from(place).len() } else { missing.len() };
        }
        number.checked_sub(gone).ok_or_else(|| damaged(self.kind, "more records gone than there were"))
    }

    /// True when the counts of what is gone are those of the chunks. Memory grows with the counts.
    pub(crate) fn counts_agree(&self, snapshot: &dyn Snapshot) -> Result<bool, StoreError> {
        let mut range = KeyRange::prefix(&spaces::gone(self.kind));
        let mut counts: BTreeMap<(u8, u64), u64> = BTreeMap::new();
        let mut gone = 0;
        loop {
            let entries = snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            for entry in &entries {
                let (chunk, missing) = super::numbers::read_chunk(entry, &spaces::gone(self.kind))?;
                gone += missing.len();
                for (level, numbers) in (1..).zip(LEVELS) {
                    *counts.entry((level, chunk.start() / numbers * numbers)).or_default() += missing.len();
                }
            }
            match entries.last() {
                Some(last) if entries.len() == AT_ONCE => range = range.from(last.key.successor()),
                _ => break,
            }
        }
        let mut stored = BTreeMap::new();
        for (level, numbers) in (1..).zip(LEVELS) {
            let parts = self.parts(snapshot, level, numbers, 0, u64::MAX)?;
            stored.extend(parts.iter().map(|part| ((level, part.start), part.gone)));
        }
        Ok(gone == self.gone && counts == stored)
    }

    /// The counted parts of a level between two numbers.
    fn parts(
        &self,
        snapshot: &dyn Snapshot,
        level: u8,
        numbers: u64,
        start: u64,
        end: u64,
    ) -> Result<Vec<Part>, StoreError> {
        let prefix = spaces::gone_counts(self.kind, level);
        let key = |number: u64| count_key(self.kind, level, number / numbers);
        let mut range = KeyRange::prefix(&prefix).from(key(start));
        if end < u64::MAX {
            range = range.until(key(end));
        }
        let part = |Entry { key, value }: Entry| {
            let place = key.after(&prefix).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            let place = place.ok_or_else(|| damaged(self.kind, "a count without a place"))?;
            let NodeV1 { count } = codec::decode(&value)?;
            let start = u64::from(place) * numbers;
            if RecordNumber::new(start).is_none() {
                Err(damaged(self.kind, "a count of numbers that no record has"))
            } else if count > numbers {
                Err(damaged(self.kind, "a count that is too large"))
            } else {
                Ok(Part { start, gone: count })
            }
        };
        let mut parts = Vec::new();
        loop {
            let entries = snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let is_last = entries.len() < AT_ONCE;
            if let Some(last) = entries.last() {
                range = range.from(last.key.successor());
            }
            for entry in entries {
                parts.push(part(entry)?);
            }
            if is_last {
                return Ok(parts);
            }
        }
    }

    /// The chunks of what is gone between two numbers that are not far apart.
    fn chunks(
        &self,
        snapshot: &dyn Snapshot,
        start: u64,
        end: u64,
    ) -> Result<BTreeMap<ChunkNumber, Chunk>, StoreError> {
        let prefix = spaces::gone(self.kind);
        let chunk_of = |number: u64| ChunkNumber::of(up_to(number)).0;
        if start >= end {
            return Ok(BTreeMap::new());
        }
        let from = spaces::chunk(&prefix, chunk_of(start));
        let until = spaces::chunk(&prefix, chunk_of(end - 1)).successor();
        let entries =
            snapshot.scan(&KeyRange::prefix(&prefix).from(from).until(until), Direction::Forward, AT_ONCE)?;
        entries.into_iter().map(|entry| super::numbers::read_chunk(&entry, &prefix)).collect()
    }
}

/// A number up to which records of the lists are looked at.
fn up_to(number: u64) -> RecordNumber {
    invariant(RecordNumber::end(number), "no more records are given a number, and no others are counted")
}

fn count_key(kind: Kind, level: u8, place: u64) -> Key {
    let place =
        invariant(u32::try_from(place).ok(), "a record's number has 40 bits, 16 or more of them below");
    spaces::gone_counts(kind, level).bytes(&place.to_be_bytes())
}

fn damaged(kind: Kind, how: &str) -> StoreError {
    StoreError::Corrupt { what: format!("the lists of {}: {how}", kind.plural()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        base::TenantId,
        store::{Batch, Commit, MemoryStore, Store},
    };

    const KIND: Kind = Kind::Tenant;

    /// The lists after so many records of which some are gone, and the store that has them.
    fn lists(next: u64, gone: &BTreeSet<u64>) -> (MemoryStore, Lists) {
        let store = MemoryStore::new();
        let row = ListsV1 { next, ..ListsV1::default() };
        let mut batch = Batch::new();
        batch.put(spaces::lists(KIND), codec::encode(&row).unwrap());
        assert_eq!(store.write(TenantId::DIRECTORY, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
        let mut left = None;
        let commit = store.write(TenantId::DIRECTORY, &mut |newest| {
            let mut overlay = Overlay::new(newest, Batch::new());
            let (mut lists, mut chunks) = (Lists::load(KIND, newest)?, ChunkChanges::default());
            for number in gone {
                lists.remove(&mut overlay, &mut chunks, RecordNumber::new(*number).unwrap())?;
            }
            chunks.apply(&mut overlay)?;
            lists.save(&mut overlay)?;
            left = Some(lists);
            Ok(overlay.into_batch())
        });
        assert_eq!(commit.unwrap(), Commit::Applied);
        (store, left.unwrap())
    }

    /// Numbers close together and far apart, on either side of where chunks and counts begin.
    fn number() -> impl Strategy<Value = u64> {
        let edge = prop::sample::select(vec![
            0u64,
            1_024,
            1 << 16,
            3 << 16,
            1 << 24,
            (1 << 24) + (5 << 16),
            3 << 24,
        ]);
        prop_oneof![0u64..3_000, (edge, 0u64..6).prop_map(|(edge, more)| edge + more), 0u64..4 << 24]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_list_by_creation_is_counted_around_what_is_gone(
            mut gone in prop::collection::btree_set(number(), 0..300), asked in prop::collection::vec(number(), 20),
            run in prop::option::of((0u64..4_000, 0u64..3_000)), past in 0u64..10,
        ) {
            gone.extend(run.into_iter().flat_map(|(first, length)| first..first + length));
            let next = gone.last().map_or(0, |last| last + 1) + past;
            let (store, lists) = lists(next, &gone);
            let snapshot = store.snapshot(TenantId::DIRECTORY).unwrap();
            prop_assert_eq!(lists.len(), next - count_of(&gone, next));
            for number in asked.into_iter().chain([next, next + 1]).chain(gone.iter().copied().take(20)) {
                let at = RecordNumber::new(number).unwrap();
                let before = lists.before(&*snapshot, at).unwrap();
                prop_assert_eq!(before, number.min(next) - count_of(&gone, number), "before {}", number);
                let there = lists.at(&*snapshot, before).unwrap().map(RecordNumber::get);
                let expected = (number..next).find(|number| !gone.contains(number));
                prop_assert_eq!(there, expected, "at {}", before);
            }
        }
    }

    fn count_of(gone: &BTreeSet<u64>, before: u64) -> u64 {
        u64::try_from(gone.range(..before).count()).unwrap()
    }

    /// Gives a record with a number its place after so many records, none of which is there.
    fn occupied(next: u64, gone: &BTreeSet<u64>, number: u64) -> (bool, Lists) {
        let (store, mut lists) = lists(next, gone);
        let snapshot = store.snapshot(TenantId::DIRECTORY).unwrap();
        let mut overlay = Overlay::new(&*snapshot, Batch::new());
        let mut chunks = ChunkChanges::default();
        let number = RecordNumber::new(number).unwrap();
        (lists.occupy(&mut overlay, &mut chunks, number).unwrap(), lists)
    }

    #[test]
    fn a_number_from_elsewhere_is_taken_if_it_is_free_and_not_too_far_ahead() {
        let most = limits::NUMBERS_PASSED_OVER;
        let (is_taken, lists) = occupied(1, &BTreeSet::new(), 1 + most);
        assert!(is_taken && lists.next().get() == most + 2 && lists.len() == 2);
        let (is_taken, lists) = occupied(1, &BTreeSet::new(), 2 + most);
        assert!(!is_taken && lists.next().get() == 1 && lists.len() == 1);
        let (is_taken, lists) = occupied(5, &BTreeSet::from([2, 3]), 3);
        assert!(is_taken && lists.next().get() == 5 && lists.len() == 4);
    }

    #[test]
    fn numbers_are_given_until_none_is_left() {
        let (store, mut lists) = lists(RecordNumber::END.get() - 1, &BTreeSet::new());
        assert_eq!(lists.take_number().unwrap().next(), RecordNumber::END);
        let error = lists.take_number().unwrap_err();
        assert_eq!(error.code(), crate::base::Code::Internal);
        let snapshot = store.snapshot(TenantId::DIRECTORY).unwrap();
        assert_eq!(lists.at(&*snapshot, RecordNumber::END.get()).unwrap(), None);
    }
}

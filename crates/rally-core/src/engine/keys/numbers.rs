//! Sets of record numbers, kept in chunks: the records with a value of an indexed member, or those that are gone.
//!
//! Sets are intersected chunk by chunk: each in turn seeks its first chunk that is not before the last answer, until all
//! agree (a leapfrog join, Veldhuizen, 2014), and the bits of the chunks are joined. So a rare value makes a frequent one
//! cheap, and memory holds a few chunks of each set, however long they are.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Named, spaces};
use crate::{
    base::{RecordNumber, count},
    engine::codec::{Chunk, ChunkNumber, ChunkPlace},
    store::{Direction, Entry, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// Chunks that the first scan of a set reads where few may do, and those of the largest scan.
pub(crate) const FEWEST: usize = 8;
pub(crate) const MOST: usize = 512;

/// A chunk of a set, with its number.
pub(crate) type Numbered = (ChunkNumber, Chunk);

/// A set of record numbers.
#[derive(Clone, Debug)]
pub(crate) enum NumberSet {
    /// Known already: its chunks, ascending.
    Known(Vec<Numbered>),
    /// Stored under a prefix.
    Stored(Key),
    /// Those of the records with some names.
    Named(Named),
}

impl NumberSet {
    /// A set of numbers that are known, in any order.
    pub(crate) fn of(numbers: impl IntoIterator<Item = RecordNumber>) -> Self {
        let mut chunks: BTreeMap<ChunkNumber, Chunk> = BTreeMap::new();
        for number in numbers {
            let (chunk, place) = ChunkNumber::of(number);
            chunks.entry(chunk).or_default().insert(place);
        }
        Self::Known(chunks.into_iter().collect())
    }

    /// The members in some chunks, given ascending.
    pub(crate) fn within(
        &self,
        snapshot: &dyn Snapshot,
        chunks: &[ChunkNumber],
    ) -> Result<Vec<Chunk>, StoreError> {
        match self {
            Self::Known(known) => {
                let chunk = |wanted: &ChunkNumber| {
                    let found = known.binary_search_by_key(wanted, |(chunk, _)| *chunk).ok();
                    found.and_then(|at| known.get(at)).map(|(_, chunk)| *chunk).unwrap_or_default()
                };
                Ok(chunks.iter().map(chunk).collect())
            }
            Self::Stored(prefix) => {
                let keys: Vec<Key> = chunks.iter().map(|chunk| spaces::chunk(prefix, *chunk)).collect();
                let rows = snapshot.get_many(&keys)?.into_iter();
                rows.map(|row| row.map_or(Ok(Chunk::default()), |row| Chunk::decode(&row))).collect()
            }
            Self::Named(named) => {
                let keys: Vec<Key> = chunks.iter().map(|chunk| spaces::chunk(&named.set, *chunk)).collect();
                let rows = chunks.iter().zip(snapshot.get_many(&keys)?);
                let read = |(chunk, row): (&ChunkNumber, Option<Bytes>)| match row {
                    Some(row) => named.read_value(&row),
                    None if *chunk == named.open => named.read_open(snapshot),
                    None => Ok(Chunk::default()),
                };
                rows.map(read).collect()
            }
        }
    }
}

/// The members of several sets in some chunks, given ascending: those that are in all sets.
pub(crate) fn within_all(
    snapshot: &dyn Snapshot,
    sets: &[NumberSet],
    chunks: &[ChunkNumber],
) -> Result<Vec<Chunk>, StoreError> {
    let mut all = vec![Chunk::ALL; chunks.len()];
    for set in sets {
        for (all, chunk) in all.iter_mut().zip(set.within(snapshot, chunks)?) {
            *all = all.and(&chunk);
        }
    }
    Ok(all)
}

/// Reads a row of a set that is stored under a prefix.
pub(crate) fn read_chunk(entry: &Entry, prefix: &Key) -> Result<Numbered, StoreError> {
    Ok((chunk_number(&entry.key, prefix)?, Chunk::decode(&entry.value)?))
}

/// The number of the chunk that a key under a prefix is of.
pub(super) fn chunk_number(key: &Key, prefix: &Key) -> Result<ChunkNumber, StoreError> {
    let number = key.after(prefix).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    let damaged = || StoreError::Corrupt { what: "a chunk without its number".to_owned() };
    number.and_then(ChunkNumber::new).ok_or_else(damaged)
}

/// The last member of a set that is stored under a prefix.
pub(crate) fn last(snapshot: &dyn Snapshot, prefix: &Key) -> Result<Option<RecordNumber>, StoreError> {
    let last = snapshot.scan(&KeyRange::prefix(prefix), Direction::Backward, 1)?;
    let Some(entry) = last.first() else { return Ok(None) };
    let (number, chunk) = read_chunk(entry, prefix)?;
    Ok(chunk.last().map(|place| number.at(place)))
}

/// The record numbers that are in each of several sets, ascending.
pub(crate) struct Numbers<'s> {
    streams: Vec<Stream<'s>>,
    /// The chunk from which on they are still to be read.
    from: Option<ChunkNumber>,
    /// The rest of the chunk that was read last.
    open: Option<Numbered>,
    least: RecordNumber,
}

impl<'s> Numbers<'s> {
    /// The members of one set, of which the first scan reads at most `first` chunks.
    pub(crate) fn of(snapshot: &'s dyn Snapshot, set: NumberSet, first: usize) -> Self {
        Self::joined(vec![Stream::of(snapshot, set, first)])
    }

    /// The members that all of one or more sets have.
    ///
    /// If one of them has few chunks, only these chunks of the others are read, in one round trip each.
    pub(crate) fn among(
        snapshot: &'s dyn Snapshot,
        sets: Vec<NumberSet>,
        first: usize,
    ) -> Result<Self, StoreError> {
        if sets.len() == 1 {
            return Ok(Self::joined(sets.into_iter().map(|set| Stream::of(snapshot, set, first)).collect()));
        }
        let mut streams = Vec::with_capacity(sets.len());
        for (at, set) in sets.iter().enumerate() {
            let mut stream = Stream::of(snapshot, set.clone(), first);
            if let Some(few) = stream.whole_if_short()? {
                let others = sets.iter().enumerate().filter(|(other, _)| *other != at);
                return Self::few(snapshot, few, others.map(|(_, set)| set));
            }
            streams.push(stream);
        }
        Ok(Self::joined(streams))
    }

    fn few<'o>(
        snapshot: &'s dyn Snapshot,
        mut few: Vec<Numbered>,
        others: impl Iterator<Item = &'o NumberSet>,
    ) -> Result<Self, StoreError> {
        for set in others {
            let chunks: Vec<ChunkNumber> = few.iter().map(|(chunk, _)| *chunk).collect();
            let within = set.within(snapshot, &chunks)?;
            few.iter_mut().zip(within).for_each(|((_, chunk), other)| *chunk = chunk.and(&other));
            few.retain(|(_, chunk)| !chunk.is_empty());
        }
        Ok(Self::of(snapshot, NumberSet::Known(few), FEWEST))
    }

    fn joined(streams: Vec<Stream<'s>>) -> Self {
        Self { streams, from: Some(ChunkNumber::FIRST), open: None, least: RecordNumber::FIRST }
    }

    /// Leaves out the numbers before one.
    pub(crate) fn start_at(&mut self, number: RecordNumber) {
        self.least = number;
        self.from = self.from.map(|from| from.max(ChunkNumber::of(number).0));
    }

    /// The members in the next chunk that has some.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Numbered>, StoreError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        while let Some(least) = self.from {
            let Some((number, mut chunk)) = self.agree(least)? else {
                self.from = None;
                break;
            };
            self.from = number.next();
            let (start, place) = ChunkNumber::of(self.least);
            if number == start {
                chunk = chunk.from(place);
            }
            if !chunk.is_empty() {
                return Ok(Some((number, chunk)));
            }
        }
        Ok(None)
    }

    /// The next chunk that all sets have, from one on.
    fn agree(&mut self, least: ChunkNumber) -> Result<Option<Numbered>, StoreError> {
        let (mut candidate, mut agreed, mut all) = (least, 0, Chunk::ALL);
        let sets = self.streams.len();
        while agreed < sets {
            for stream in &mut self.streams {
                let Some((number, chunk)) = stream.seek(candidate)? else { return Ok(None) };
                if number == candidate {
                    (agreed, all) = (agreed + 1, all.and(&chunk));
                } else {
                    (candidate, agreed, all) = (number, 1, chunk);
                }
                if agreed == sets {
                    break;
                }
            }
        }
        Ok(Some((candidate, all)))
    }

    /// The next numbers, at most `most`.
    pub(crate) fn next_many(&mut self, most: usize) -> Result<Vec<RecordNumber>, StoreError> {
        let mut numbers = Vec::new();
        while numbers.len() < most
            && let Some((number, mut chunk)) = self.next_chunk()?
        {
            for place in chunk.places().take(most - numbers.len()) {
                chunk.remove(place);
                numbers.push(number.at(place));
            }
            if !chunk.is_empty() {
                self.open = Some((number, chunk));
            }
        }
        Ok(numbers)
    }

    /// All chunks that are left; `None` if they are more than `most`.
    pub(crate) fn chunks_at_most(mut self, most: u64) -> Result<Option<Vec<Numbered>>, StoreError> {
        let mut chunks = Vec::new();
        while let Some(next) = self.next_chunk()? {
            if count(chunks.len()) >= most {
                return Ok(None);
            }
            chunks.push(next);
        }
        Ok(Some(chunks))
    }

    /// All numbers that are left; `None` if they are more than `most`.
    pub(crate) fn at_most(mut self, most: u64) -> Result<Option<Vec<RecordNumber>>, StoreError> {
        let (mut chunks, mut left) = (Vec::new(), most);
        while let Some((number, chunk)) = self.next_chunk()? {
            match left.checked_sub(chunk.len()) {
                Some(rest) => left = rest,
                None => return Ok(None),
            }
            chunks.push((number, chunk));
        }
        let numbers =
            chunks.into_iter().flat_map(|(number, chunk)| chunk.places().map(move |place| number.at(place)));
        Ok(Some(numbers.collect()))
    }
}

/// The chunks of a set, ascending.
struct Stream<'s> {
    /// Chunks that have been read.
    ready: VecDeque<Numbered>,
    /// The part of the set that has not been read.
    rest: Option<Unread<'s>>,
}

struct Unread<'s> {
    snapshot: &'s dyn Snapshot,
    prefix: Key,
    /// The names that the rows are searched for; without any, the rows are chunks.
    named: Option<Named>,
    from: Key,
    size: usize,
}

impl<'s> Stream<'s> {
    fn of(snapshot: &'s dyn Snapshot, set: NumberSet, first: usize) -> Self {
        match set {
            NumberSet::Known(chunks) => Self { ready: chunks.into(), rest: None },
            NumberSet::Stored(prefix) => Self::under(snapshot, prefix, None, first),
            NumberSet::Named(named) => Self::under(snapshot, named.set.clone(), Some(named), first),
        }
    }

    fn under(snapshot: &'s dyn Snapshot, prefix: Key, named: Option<Named>, first: usize) -> Self {
        let from = prefix.clone();
        let rest = Some(Unread { snapshot, prefix, named, from, size: first });
        Self { ready: VecDeque::new(), rest }
    }

    /// All chunks, if the set ends within its first scan and has few.
    fn whole_if_short(&mut self) -> Result<Option<Vec<Numbered>>, StoreError> {
        self.seek(ChunkNumber::FIRST)?;
        let is_short = self.rest.is_none() && self.ready.len() <= MOST;
        Ok(is_short.then(|| self.ready.iter().copied().collect()))
    }

    /// The first chunk that is not before `least`, without taking it.
    fn seek(&mut self, least: ChunkNumber) -> Result<Option<Numbered>, StoreError> {
        loop {
            let passed = self.ready.partition_point(|(number, _)| *number < least);
            self.ready.drain(..passed);
            match (self.ready.front(), &mut self.rest) {
                (Some(chunk), _) => return Ok(Some(*chunk)),
                (None, None) => return Ok(None),
                (None, Some(rest)) => {
                    let is_last = rest.read(least, &mut self.ready)?;
                    if is_last {
                        self.rest = None;
                    }
                }
            }
        }
    }
}

impl Unread<'_> {
    fn read(&mut self, least: ChunkNumber, ready: &mut VecDeque<Numbered>) -> Result<bool, StoreError> {
        let mut range = KeyRange::prefix(&self.prefix).from(self.from.clone());
        // From the beginning all that has the prefix is read, so that a key that is cut is seen.
        if least > ChunkNumber::FIRST {
            range = range.from(spaces::chunk(&self.prefix, least));
        }
        let entries = self.snapshot.scan(&range, Direction::Forward, self.size)?;
        let is_last = entries.len() < self.size;
        if let Some(last) = entries.last() {
            self.from = last.key.successor();
        }
        self.size = (self.size * 2).min(MOST);
        for entry in &entries {
            let (number, chunk) = match &self.named {
                Some(named) => named.read(entry)?,
                None => read_chunk(entry, &self.prefix)?,
            };
            // A row of names has more of them than those that are searched for.
            if !chunk.is_empty() {
                ready.push_back((number, chunk));
            }
        }
        if is_last && let Some(named) = &self.named {
            let chunk = named.read_open(self.snapshot)?;
            if !chunk.is_empty() {
                ready.push_back((named.open, chunk));
            }
        }
        Ok(is_last)
    }
}

/// Changes of sets that a transaction has made and not yet put into its batch. A chunk is read and written once, however
/// many of its members change.
#[derive(Debug, Default)]
pub(crate) struct ChunkChanges(BTreeMap<Key, Moves>);

/// Members of a chunk that have come or gone.
#[derive(Clone, Debug)]
enum Moves {
    /// One member, which has come if it is true. Most chunks change by one.
    One(ChunkPlace, bool),
    Many(Box<Moved>),
}

#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    come: Chunk,
    gone: Chunk,
}

impl Moves {
    fn add(&mut self, place: ChunkPlace, is_in: bool) {
        match self {
            Self::One(first, was_in) => {
                let mut moved = Moved::default();
                moved.add(*first, *was_in);
                moved.add(place, is_in);
                *self = Self::Many(Box::new(moved));
            }
            Self::Many(moved) => moved.add(place, is_in),
        }
    }

    /// The chunk after the changes.
    fn applied(&self, mut before: Chunk) -> Chunk {
        match self {
            Self::One(place, true) => before.insert(*place),
            Self::One(place, false) => before.remove(*place),
            Self::Many(moved) => before = before.without(&moved.gone).or(&moved.come),
        }
        before
    }
}

impl Moved {
    /// Takes back what an earlier change of the same member did.
    fn add(&mut self, place: ChunkPlace, is_in: bool) {
        let (to, from) =
            if is_in { (&mut self.come, &mut self.gone) } else { (&mut self.gone, &mut self.come) };
        to.insert(place);
        from.remove(place);
    }
}

impl ChunkChanges {
    /// Puts a number into the set with a prefix.
    pub(crate) fn insert(&mut self, set: Key, number: RecordNumber) {
        self.change(set, number, true);
    }

    /// Takes a number out of the set with a prefix.
    pub(crate) fn remove(&mut self, set: Key, number: RecordNumber) {
        self.change(set, number, false);
    }

    fn change(&mut self, set: Key, number: RecordNumber, is_in: bool) {
        let (chunk, place) = ChunkNumber::of(number);
        let moves = self.0.entry(spaces::chunk_of(set, chunk));
        moves.and_modify(|moves| moves.add(place, is_in)).or_insert(Moves::One(place, is_in));
    }

    /// Puts all changes into the batch, and forgets them. The chunks are read in one round trip.
    pub(crate) fn apply(&mut self, overlay: &mut Overlay<'_>) -> Result<(), StoreError> {
        Self::put(std::mem::take(&mut self.0), overlay)
    }

    /// Puts the changes of one set into a batch over the state that it is asked of, and keeps them.
    pub(crate) fn apply_one(&self, set: &Key, overlay: &mut Overlay<'_>) -> Result<(), StoreError> {
        let changes = self.0.range(set..).take_while(|(key, _)| key.after(set).is_some());
        Self::put(changes.map(|(key, moves)| (key.clone(), moves.clone())).collect(), overlay)
    }

    fn put(changes: BTreeMap<Key, Moves>, overlay: &mut Overlay<'_>) -> Result<(), StoreError> {
        let (keys, moves): (Vec<Key>, Vec<Moves>) = changes.into_iter().unzip();
        if keys.is_empty() {
            return Ok(());
        }
        let rows = overlay.get_many(&keys)?;
        for ((key, moves), row) in keys.into_iter().zip(moves).zip(rows) {
            let before = row.as_ref().map_or(Ok(Chunk::default()), |row| Chunk::decode(row))?;
            match moves.applied(before).encode() {
                Some(row) => overlay.put(key, row),
                None if row.is_some() => overlay.delete(key),
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

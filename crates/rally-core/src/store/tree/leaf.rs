use std::{
    iter::Sum,
    ops::{Add, Range},
    sync::Arc,
};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    Bounds, Change, Deletions, Node, Part, Parts,
    packed::{narrow, wide},
};
use crate::{
    base::invariant,
    store::{Direction, Key, key::compare},
};

/// Entries of a leaf, at most.
pub(super) const MOST: usize = 32;

/// Bytes of a leaf's keys and short values, at most, unless it has a single entry.
pub(super) const MOST_BYTES: usize = 8 << 10;

/// Bytes of a value that stands in its leaf, at most; a longer one is shared by the leaves that are written anew. Records are
/// short, and in their leaf a page of them is read from one place: with a count and an allocation for each it took twice as
/// long.
const SHORT: usize = 1024;

/// Bytes at the beginning of a key that tell its family. A leaf that has too much is parted between families first: one that
/// grows at its end then has its last leaf for itself, and fills one after the other.
const FAMILY: usize = 2;

/// Entries in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    /// The place of each entry, and the place behind the last one; none at all in an empty leaf.
    places: Places,
    /// All keys, and behind them all short values.
    bytes: Bytes,
    /// Values that do not stand among the bytes: long ones, and `None` for keys that are deleted.
    apart: Box<[Option<Bytes>]>,
}

/// Places of the entries of a leaf, which stand in the leaf itself.
type Places = SmallVec<[Place; MOST + 1]>;

/// Place of an entry, whose key and value end where those of the next begin.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u32,
    value: u32,
    /// Values of the entries before that stand apart.
    apart: u32,
}

/// Entries that are written together: those that stand one beside the other in the leaf before, or one of the changes.
#[derive(Clone, Debug)]
enum Run {
    Old(Range<usize>),
    New(usize),
}

/// Runs of a leaf, which take no allocation where few of its entries change.
type Runs = SmallVec<[Run; 8]>;

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.places.len().saturating_sub(1)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        self.find(0, key).ok().map(|place| self.value(place))
    }

    /// The place of a key, which may well be this one.
    pub(super) fn find_near(&self, hint: usize, key: &[u8]) -> Option<usize> {
        if hint < self.len() && self.key(hint) == key { Some(hint) } else { self.find(0, key).ok() }
    }

    /// True when a key, if the tree has it, is in this leaf.
    pub(super) fn spans(&self, key: &[u8]) -> bool {
        self.len() > 0 && self.key(0) <= key && key <= self.key(self.len() - 1)
    }

    pub(super) fn value(&self, place: usize) -> Option<Bytes> {
        let (here, next) = self.place(place);
        if next.apart > here.apart {
            return invariant(self.apart.get(wide(here.apart)), "each value apart is there").clone();
        }
        Some(match wide(here.value)..wide(next.value) {
            span if span.is_empty() => Bytes::new(),
            span => self.bytes.slice(span),
        })
    }

    /// The entries within bounds, in a direction.
    pub(super) fn entries(&self, bounds: Bounds<'_>, direction: Direction) -> impl Iterator<Item = Change> {
        let place = |key| self.find(0, key).unwrap_or_else(|place| place);
        let (start, end) = (place(bounds.start), bounds.end.map_or(self.len(), place));
        (0..end.saturating_sub(start)).map(move |nth| {
            let place = match direction {
                Direction::Forward => start + nth,
                Direction::Backward => end - 1 - nth,
            };
            (self.owned_key(place), self.value(place))
        })
    }

    /// The leaves that take the place of this one by changes in the order of their keys, whose values are taken: none if no
    /// entry is left.
    pub(super) fn changed(&self, changes: &mut [Change], deletions: Deletions) -> Parts {
        let runs = self.merged(changes, deletions);
        let sizes: Sizes = runs.iter().map(|run| self.size(run, changes)).sum();
        if sizes.entries == 0 {
            return Parts::new();
        }
        if sizes.is_within(Limit::LEAF) {
            return Parts::from_iter([self.part(Vec::new(), &runs, sizes, changes)]);
        }
        let entries: Vec<Run> = runs.iter().flat_map(Run::entries).collect();
        let key = |entry: &Run| match entry {
            Run::Old(places) => self.key(places.start),
            Run::New(place) => invariant(changes.get(*place), "a run is of one of the changes").0.as_bytes(),
        };
        let pieces = pieces(&entries, |entry| self.size(entry, changes), key);
        let bounds: Vec<Vec<u8>> = pieces.iter().map(|piece| bound(&entries, piece.start, key)).collect();
        let part = |(piece, from)| {
            let runs = together(invariant(entries.get(piece), "a piece is of the entries"));
            let sizes = runs.iter().map(|run| self.size(run, changes)).sum();
            self.part(from, &runs, sizes, changes)
        };
        pieces.into_iter().zip(bounds).map(part).collect()
    }

    /// This leaf with the entries of another behind its own, if they have room in one.
    pub(super) fn joined(&self, behind: &Self) -> Option<Self> {
        let sizes = self.sizes(0..self.len()) + behind.sizes(0..behind.len());
        if !sizes.is_within(Limit::LEAF) {
            return None;
        }
        let mut writer = Writer::with(sizes);
        [self, behind].into_iter().for_each(|leaf| writer.copy_keys(leaf, 0..leaf.len()));
        [self, behind].into_iter().for_each(|leaf| writer.copy_values(leaf, 0..leaf.len()));
        Some(writer.finish())
    }

    /// True of less than a quarter of what a leaf may have.
    pub(super) fn is_small(&self) -> bool {
        self.sizes(0..self.len()).is_within(Limit { entries: MOST / 4, bytes: MOST_BYTES / 4 })
    }

    /// The entries, and the bytes of their keys and short values.
    #[cfg(test)]
    pub(super) fn room(&self) -> (usize, usize) {
        let sizes = self.sizes(0..self.len());
        (sizes.entries, sizes.bytes())
    }

    fn sizes(&self, run: Range<usize>) -> Sizes {
        let (first, behind) = self.bounds(run.clone());
        Sizes {
            entries: run.len(),
            keys: wide(behind.key - first.key),
            values: wide(behind.value - first.value),
            apart: wide(behind.apart - first.apart),
        }
    }

    fn size(&self, run: &Run, changes: &[Change]) -> Sizes {
        match run {
            Run::Old(places) => self.sizes(places.clone()),
            Run::New(place) => Sizes::of(invariant(changes.get(*place), "a run is of one of the changes")),
        }
    }

    /// The entries after changes, in the order of their keys.
    fn merged(&self, changes: &[Change], deletions: Deletions) -> Runs {
        let mut runs = Runs::new();
        let mut old = 0;
        for (new, (key, value)) in changes.iter().enumerate() {
            let (until, behind) = match self.find(old, key.as_bytes()) {
                Ok(place) => (place, place + 1),
                Err(place) => (place, place),
            };
            if old < until {
                runs.push(Run::Old(old..until));
            }
            if value.is_some() || deletions == Deletions::Kept {
                runs.push(Run::New(new));
            }
            old = behind;
        }
        if old < self.len() {
            runs.push(Run::Old(old..self.len()));
        }
        runs
    }

    /// A leaf of some entries, whose values are taken out of the changes.
    fn part(&self, from: Vec<u8>, runs: &[Run], sizes: Sizes, changes: &mut [Change]) -> Part {
        let mut writer = Writer::with(sizes);
        for run in runs {
            match run {
                Run::Old(places) => writer.copy_keys(self, places.clone()),
                Run::New(place) => {
                    writer.push_key(invariant(changes.get(*place), "a run is of one of the changes"));
                }
            }
        }
        for run in runs {
            match run {
                Run::Old(places) => writer.copy_values(self, places.clone()),
                Run::New(place) => {
                    let (_, value) = invariant(changes.get_mut(*place), "a run is of one of the changes");
                    writer.push_value(value.take());
                }
            }
        }
        Part { from, node: Node::Leaf(Arc::new(writer.finish())) }
    }

    /// The place of a key, not before one; otherwise the place of the next greater one.
    fn find(&self, from: usize, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (from, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match compare(self.key(middle), key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    fn key(&self, place: usize) -> &[u8] {
        let (here, next) = self.place(place);
        self.span(here.key..next.key)
    }

    fn span(&self, span: Range<u32>) -> &[u8] {
        invariant(self.bytes.get(wide(span.start)..wide(span.end)), "entries are among the bytes")
    }

    /// The place of the first of some entries, and that behind the last.
    fn bounds(&self, run: Range<usize>) -> (Place, Place) {
        let at = |place: usize| match self.places.as_slice() {
            [] => Place::default(),
            places => *invariant(places.get(place), "an entry has a place"),
        };
        (at(run.start), at(run.end))
    }

    fn owned_key(&self, place: usize) -> Key {
        let (here, next) = self.place(place);
        let rest = invariant(self.bytes.get(wide(here.key)..), "a key is among the bytes");
        invariant(Key::first_of(rest, wide(next.key - here.key)), "no key is empty")
    }

    /// The place of an entry, and that of the next one.
    fn place(&self, place: usize) -> (Place, Place) {
        let [here, next] =
            invariant(self.places.get(place..).and_then(|rest| rest.first_chunk()), "an entry has a place");
        (*here, *next)
    }
}

impl Run {
    /// A run of each of its entries.
    fn entries(&self) -> impl Iterator<Item = Run> {
        let (old, new) = match self {
            Self::Old(places) => (places.clone(), None),
            Self::New(place) => (0..0, Some(*place)),
        };
        old.map(|place| Run::Old(place..place + 1)).chain(new.map(Run::New))
    }
}

/// Runs of single entries as runs that are as long as they can be.
fn together(entries: &[Run]) -> Runs {
    let mut runs = Runs::new();
    for entry in entries {
        match (runs.last_mut(), entry) {
            (Some(Run::Old(places)), Run::Old(next)) if places.end == next.start => places.end = next.end,
            _ => runs.push(entry.clone()),
        }
    }
    runs
}

/// Room that entries take in a leaf.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    entries: usize,
    /// Bytes of keys.
    keys: usize,
    /// Bytes of short values.
    values: usize,
    /// Values that stand apart.
    apart: usize,
}

/// Room that there is for entries.
#[derive(Clone, Copy, Debug)]
struct Limit {
    entries: usize,
    /// Bytes of keys and short values together.
    bytes: usize,
}

impl Limit {
    const LEAF: Self = Self { entries: MOST, bytes: MOST_BYTES };
}

impl Sizes {
    fn of((key, value): &Change) -> Self {
        let short = short(value.as_ref());
        let (values, apart) = (short.map_or(0, Bytes::len), usize::from(short.is_none()));
        Self { entries: 1, keys: key.as_bytes().len(), values, apart }
    }

    fn bytes(self) -> usize {
        self.keys + self.values
    }

    fn is_within(self, limit: Limit) -> bool {
        self.entries <= limit.entries && self.bytes() <= limit.bytes
    }

    /// The room in each of as few leaves as these entries need.
    fn shared_out(self) -> Limit {
        let leaves = self.entries.div_ceil(MOST).max(self.bytes().div_ceil(MOST_BYTES));
        Limit { entries: self.entries.div_ceil(leaves), bytes: self.bytes().div_ceil(leaves) }
    }
}

impl Add for Sizes {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            entries: self.entries + more.entries,
            keys: self.keys + more.keys,
            values: self.values + more.values,
            apart: self.apart + more.apart,
        }
    }
}

impl Sum for Sizes {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), Add::add)
    }
}

/// The entries of each leaf, where one leaf would have too many.
fn pieces<'k>(
    entries: &[Run],
    size: impl Fn(&Run) -> Sizes,
    key: impl Fn(&Run) -> &'k [u8],
) -> Vec<Range<usize>> {
    let family = |entry: &Run| {
        let key = key(entry);
        key.get(..FAMILY).unwrap_or(key)
    };
    let (mut pieces, mut open, mut filled) = (Vec::new(), 0..0, Sizes::default());
    for run in entries.chunk_by(|one, next| family(one) == family(next)) {
        let sizes: Sizes = run.iter().map(&size).sum();
        let (start, end) = (open.end, open.end + run.len());
        if (filled + sizes).is_within(Limit::LEAF) {
            (open.end, filled) = (end, filled + sizes);
            continue;
        }
        pieces.extend(Some(open).filter(|open| !open.is_empty()));
        // Keys that come at the end will go on coming there, so all leaves but the last are full.
        let old = run.iter().filter(|entry| matches!(entry, Run::Old(_))).count();
        let is_growing = run.iter().take(old).all(|entry| matches!(entry, Run::Old(_)));
        let limit = if is_growing { Limit::LEAF } else { sizes.shared_out() };
        pieces.extend(cut(start, run.iter().map(&size), limit));
        (open, filled) = (end..end, Sizes::default());
    }
    pieces.extend(Some(open).filter(|open| !open.is_empty()));
    pieces
}

/// The places from a first one on, in pieces each of which is within a limit or a single entry.
fn cut(first: usize, sizes: impl Iterator<Item = Sizes>, limit: Limit) -> Vec<Range<usize>> {
    let (mut pieces, mut open, mut filled) = (Vec::new(), first..first, Sizes::default());
    for size in sizes {
        if !open.is_empty() && !(filled + size).is_within(limit) {
            pieces.push(open.clone());
            (open, filled) = (open.end..open.end, Sizes::default());
        }
        (open.end, filled) = (open.end + 1, filled + size);
    }
    pieces.push(open);
    pieces
}

/// The shortest text that is greater than the key before a place and not greater than the key at it.
fn bound<'k>(entries: &[Run], place: usize, key: impl Fn(&Run) -> &'k [u8]) -> Vec<u8> {
    let before = place.checked_sub(1).and_then(|before| entries.get(before));
    let (Some(before), Some(here)) = (before, entries.get(place)) else { return Vec::new() };
    let (before, here) = (key(before), key(here));
    let common = before.iter().zip(here).take_while(|(one, other)| one == other).count();
    here.get(..=common).unwrap_or(here).to_vec()
}

/// A value that stands among the bytes of its leaf.
fn short(value: Option<&Bytes>) -> Option<&Bytes> {
    value.filter(|value| value.len() <= SHORT)
}

/// A leaf that is being written: first its keys, then its values.
struct Writer {
    places: Places,
    bytes: Vec<u8>,
    apart: Vec<Option<Bytes>>,
    /// The place behind the last entry.
    end: Place,
}

impl Writer {
    fn with(sizes: Sizes) -> Self {
        Self {
            places: Places::new(),
            bytes: Vec::with_capacity(sizes.keys + sizes.values),
            apart: Vec::with_capacity(sizes.apart),
            end: Place { key: 0, value: narrow(sizes.keys), apart: 0 },
        }
    }

    fn push_key(&mut self, (key, value): &Change) {
        self.places.push(self.end);
        self.bytes.extend_from_slice(key.as_bytes());
        self.end.key = narrow(self.bytes.len());
        match short(value.as_ref()) {
            Some(short) => self.end.value += narrow(short.len()),
            None => self.end.apart += 1,
        }
    }

    fn push_value(&mut self, value: Option<Bytes>) {
        match short(value.as_ref()) {
            Some(short) => self.bytes.extend_from_slice(short),
            None => self.apart.push(value),
        }
    }

    fn copy_keys(&mut self, leaf: &Leaf, run: Range<usize>) {
        let (first, behind) = leaf.bounds(run.clone());
        let end = self.end;
        let moved = |place: &Place| Place {
            key: place.key - first.key + end.key,
            value: place.value - first.value + end.value,
            apart: place.apart - first.apart + end.apart,
        };
        let places = invariant(leaf.places.get(run), "a run of entries that are there");
        self.places.extend(places.iter().map(moved));
        self.bytes.extend_from_slice(leaf.span(first.key..behind.key));
        self.end = moved(&behind);
    }

    fn copy_values(&mut self, leaf: &Leaf, run: Range<usize>) {
        let (first, behind) = leaf.bounds(run);
        self.bytes.extend_from_slice(leaf.span(first.value..behind.value));
        let apart = leaf.apart.get(wide(first.apart)..wide(behind.apart));
        self.apart.extend_from_slice(invariant(apart, "each value apart is there"));
    }

    fn finish(mut self) -> Leaf {
        self.places.push(self.end);
        Leaf {
            places: self.places,
            bytes: self.bytes.into_boxed_slice().into(),
            apart: self.apart.into_boxed_slice(),
        }
    }
}

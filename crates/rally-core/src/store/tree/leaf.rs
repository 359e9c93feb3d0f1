use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use smallvec::SmallVec;

use super::{
    Bounds, Change, Node, Part, Parts,
    packed::{narrow, wide},
};
use crate::{
    base::invariant,
    store::{Entry, Key, key::compare},
};

/// Entries of a leaf, at most.
pub(super) const MOST: usize = 32;

/// Bytes of a value that is kept with the keys, at most; a longer one is shared by the leaves that are written anew.
const SHORT: usize = 64;

/// Bytes at the beginning of a key that tell its family. A leaf that has too much is parted between families first: one that
/// grows at its end then has its last leaf for itself, and fills one after the other.
const FAMILY: usize = 2;

/// Entries in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    /// The place of each entry, and the place behind the last one; none at all in an empty leaf.
    places: Box<[Place]>,
    /// Each key and, if it is short, its value.
    bytes: Bytes,
    long: Box<[Bytes]>,
}

/// Place of an entry.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u32,
    /// The end of the key, at which a short value begins.
    value: u32,
    /// Long values of the entries before.
    longs: u32,
}

/// An entry of a leaf that is being written: one of the leaf before, or one of the changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Old(usize),
    New(usize),
}

/// Sources of the entries of a leaf or two, which take no allocation.
type Sources = SmallVec<[Source; 2 * MOST]>;

impl Leaf {
    pub(super) fn len(&self) -> usize {
        self.places.len().saturating_sub(1)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Bytes> {
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

    pub(super) fn value(&self, place: usize) -> Bytes {
        let (here, next) = self.place(place);
        if next.longs > here.longs {
            return invariant(self.long.get(wide(here.longs)), "each long value is there").clone();
        }
        match wide(here.value)..wide(next.key) {
            span if span.is_empty() => Bytes::new(),
            span => self.bytes.slice(span),
        }
    }

    /// The entries within bounds.
    pub(super) fn within(&self, bounds: Bounds<'_>) -> impl DoubleEndedIterator<Item = Entry> {
        let place = |key| self.find(0, key).unwrap_or_else(|place| place);
        let end = bounds.end.map_or(self.len(), place);
        (place(bounds.start)..end).map(|place| Entry { key: self.owned_key(place), value: self.value(place) })
    }

    /// The leaves that have the entries of this one after changes, which are in the order of their keys; none without an
    /// entry. The values are taken out of the changes.
    pub(super) fn changed(&self, changes: &mut [Change]) -> Parts {
        let sources = self.merged(changes);
        if sources.len() <= MOST {
            let mut leaf = || Node::Leaf(Arc::new(self.written(&sources, changes)));
            return (!sources.is_empty())
                .then(|| Part { from: Vec::new(), node: leaf() })
                .into_iter()
                .collect();
        }
        let key = |source: Source| match source {
            Source::Old(place) => self.key(place),
            Source::New(place) => {
                invariant(changes.get(place), "a source is one of the changes").0.as_bytes()
            }
        };
        let pieces = pieces(&sources, key);
        let bounds: Vec<Vec<u8>> = pieces.iter().map(|piece| bound(&sources, piece.start, key)).collect();
        let leaf = |(piece, from): (Range<usize>, Vec<u8>)| {
            let sources = sources.get(piece).unwrap_or_default();
            Part { from, node: Node::Leaf(Arc::new(self.written(sources, changes))) }
        };
        pieces.into_iter().zip(bounds).map(leaf).collect()
    }

    /// This leaf with the entries of another behind its own.
    pub(super) fn joined(&self, behind: &Self) -> Self {
        let mut writer = Writer::with(Sizes {
            entries: self.len() + behind.len(),
            bytes: self.bytes.len() + behind.bytes.len(),
            longs: self.long.len() + behind.long.len(),
        });
        writer.copy(self, 0..self.len());
        writer.copy(behind, 0..behind.len());
        writer.finish()
    }

    /// The entries after changes, in the order of their keys.
    fn merged(&self, changes: &[Change]) -> Sources {
        let mut sources = Sources::with_capacity(self.len() + changes.len());
        let mut old = 0;
        for (new, (key, value)) in changes.iter().enumerate() {
            let (until, behind) = match self.find(old, key.as_bytes()) {
                Ok(place) => (place, place + 1),
                Err(place) => (place, place),
            };
            sources.extend((old..until).map(Source::Old));
            if value.is_some() {
                sources.push(Source::New(new));
            }
            old = behind;
        }
        sources.extend((old..self.len()).map(Source::Old));
        sources
    }

    fn written(&self, sources: &[Source], changes: &mut [Change]) -> Self {
        let mut sizes = Sizes { entries: sources.len(), ..Sizes::default() };
        sources.iter().for_each(|source| match source {
            Source::Old(place) => sizes.add_old(self.place(*place)),
            Source::New(place) => changes.get(*place).into_iter().for_each(|change| sizes.add_new(change)),
        });
        let mut writer = Writer::with(sizes);
        let mut at = 0;
        while let Some(source) = sources.get(at) {
            match *source {
                Source::New(place) => {
                    let (key, value) = invariant(changes.get_mut(place), "a source is one of the changes");
                    writer.push(key.as_bytes(), value.take().unwrap_or_default());
                    at += 1;
                }
                Source::Old(first) => {
                    let run = sources
                        .iter()
                        .skip(at)
                        .zip(first..)
                        .take_while(|(source, place)| **source == Source::Old(*place));
                    let count = run.count();
                    writer.copy(self, first..first + count);
                    at += count;
                }
            }
        }
        writer.finish()
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
        let (here, _) = self.place(place);
        invariant(self.bytes.get(wide(here.key)..wide(here.value)), "a key is among the bytes")
    }

    fn owned_key(&self, place: usize) -> Key {
        invariant(Key::from_bytes(self.key(place)), "no key is empty")
    }

    /// The place of an entry, and that of the next one.
    fn place(&self, place: usize) -> (Place, Place) {
        let [here, next] =
            invariant(self.places.get(place..).and_then(|rest| rest.first_chunk()), "an entry has a place");
        (*here, *next)
    }
}

/// Room that a leaf takes, so that each of its allocations is made once and none is cut.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    entries: usize,
    /// Bytes of keys and short values.
    bytes: usize,
    longs: usize,
}

impl Sizes {
    fn add_old(&mut self, (here, next): (Place, Place)) {
        self.bytes += wide(next.key - here.key);
        self.longs += wide(next.longs - here.longs);
    }

    fn add_new(&mut self, (key, value): &Change) {
        let value = value.as_ref().map_or(0, Bytes::len);
        let is_long = value > SHORT;
        self.bytes += key.as_bytes().len() + if is_long { 0 } else { value };
        self.longs += usize::from(is_long);
    }
}

/// The sources of each leaf, where one leaf would have too many.
fn pieces<'k>(sources: &[Source], key: impl Fn(Source) -> &'k [u8]) -> Vec<Range<usize>> {
    let family = |source: &Source| {
        let key = key(*source);
        key.get(..FAMILY).unwrap_or(key)
    };
    let (mut pieces, mut open) = (Vec::new(), 0..0);
    for run in sources.chunk_by(|one, next| family(one) == family(next)) {
        let (start, end) = (open.end, open.end + run.len());
        if end - open.start <= MOST {
            open.end = end;
            continue;
        }
        pieces.extend(Some(open).filter(|open| !open.is_empty()));
        // Keys that come at the end will go on coming there, so all leaves but the last are full.
        let old = run.iter().filter(|source| matches!(source, Source::Old(_))).count();
        let is_growing = run.iter().take(old).all(|source| matches!(source, Source::Old(_)));
        let size = if is_growing { MOST } else { run.len().div_ceil(run.len().div_ceil(MOST)) };
        pieces.extend((start..end).step_by(size).map(|from| from..end.min(from + size)));
        open = end..end;
    }
    pieces.extend(Some(open).filter(|open| !open.is_empty()));
    pieces
}

/// The shortest text that is greater than the key before a place and not greater than the key at it.
fn bound<'k>(sources: &[Source], place: usize, key: impl Fn(Source) -> &'k [u8]) -> Vec<u8> {
    let before = place.checked_sub(1).and_then(|before| sources.get(before));
    let (Some(before), Some(here)) = (before, sources.get(place)) else { return Vec::new() };
    let (before, here) = (key(*before), key(*here));
    let common = before.iter().zip(here).take_while(|(one, other)| one == other).count();
    here.get(..=common).unwrap_or(here).to_vec()
}

/// A leaf that is being written.
struct Writer {
    places: Vec<Place>,
    bytes: Vec<u8>,
    long: Vec<Bytes>,
}

impl Writer {
    fn with(sizes: Sizes) -> Self {
        Self {
            places: Vec::with_capacity(sizes.entries + 1),
            bytes: Vec::with_capacity(sizes.bytes),
            long: Vec::with_capacity(sizes.longs),
        }
    }

    fn push(&mut self, key: &[u8], value: Bytes) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let (longs, end) = (narrow(self.long.len()), narrow(self.bytes.len()));
        self.places.push(Place { key: narrow(start), value: end, longs });
        if value.len() > SHORT {
            self.long.push(value);
        } else {
            self.bytes.extend_from_slice(&value);
        }
    }

    /// Copies entries that stand one beside the other.
    fn copy(&mut self, leaf: &Leaf, run: Range<usize>) {
        if run.is_empty() {
            return;
        }
        let (first, _) = leaf.place(run.start);
        let (_, behind) = leaf.place(run.end - 1);
        let (start, longs) = (narrow(self.bytes.len()), narrow(self.long.len()));
        let moved = |place: &Place| Place {
            key: place.key - first.key + start,
            value: place.value - first.key + start,
            longs: place.longs - first.longs + longs,
        };
        let places = invariant(leaf.places.get(run), "a run of entries that are there");
        self.places.extend(places.iter().map(moved));
        let bytes = leaf.bytes.get(wide(first.key)..wide(behind.key));
        self.bytes.extend_from_slice(invariant(bytes, "entries are among the bytes"));
        let long = leaf.long.get(wide(first.longs)..wide(behind.longs));
        self.long.extend_from_slice(invariant(long, "each long value is there"));
    }

    fn finish(mut self) -> Leaf {
        let (key, longs) = (narrow(self.bytes.len()), narrow(self.long.len()));
        self.places.push(Place { key, value: key, longs });
        Leaf {
            places: self.places.into_boxed_slice(),
            bytes: self.bytes.into_boxed_slice().into(),
            long: self.long.into_boxed_slice(),
        }
    }
}

//! The list of a kind by last change, which knows how many entries are before any place: an order-statistic tree, in
//! rows of 64 counts.
//!
//! A list is asked for by offset, and counting up to it costs as much as the offset. So entries are gathered into
//! blocks of [`FANOUT`], blocks into blocks of blocks, and so on; each counts the entries that are still in it.
//! Entries are only ever added at the end (instants grow), so only the last block of each level changes with an
//! addition: these stand together, in the row of the kind's lists. A block that is full is closed and gets a row of its
//! own. An entry may be removed anywhere; a closed block without entries loses its row. The place of any offset is found
//! by reading at most [`FANOUT`] rows a level, and the length needs none.

use super::spaces;
use crate::{
    base::{Kind, clamp, count, invariant},
    engine::codec::{self, NodeV1, SpineNodeV1},
    store::{Direction, Entry, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// Entries, or blocks of the level below, that fill a block.
const FANOUT: u8 = 64;

/// Closed blocks that are read at once, at most, where many entries are removed.
const BLOCKS_READ: usize = 256;

/// The list by last change of a kind, with its open end.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(super) kind: Kind,
    /// The open block of each level, from the lowest up.
    pub(super) open: Vec<SpineNodeV1>,
}

/// Start of a scan for the entry of a rank: the first key, and the entries to skip from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) from: Key,
    pub(crate) skip: usize,
}

impl Sequence {
    /// Number of entries. The highest level has one block, the open one, which counts them all.
    pub(crate) fn len(&self) -> u64 {
        self.open.last().map_or(0, |node| node.count)
    }

    /// Adds an entry; its key is greater than all others.
    pub(crate) fn append(&mut self, overlay: &mut Overlay<'_>, entry: &Key) -> Result<(), StoreError> {
        let key = self.entry_bytes(entry);
        if self.open.first().is_some_and(|lowest| lowest.filled == FANOUT) {
            self.close(overlay, 0)?;
        }
        if self.open.is_empty() {
            self.open.push(SpineNodeV1::default());
        }
        for node in &mut self.open {
            if node.first.is_empty() {
                node.first.clone_from(&key);
            }
            node.count += 1;
        }
        if let Some(lowest) = self.open.first_mut() {
            lowest.filled += 1;
        }
        Ok(())
    }

    /// Removes entries that are in the sequence, given in ascending order. Blocks that hold several of them are read and
    /// written once.
    pub(crate) fn remove(&mut self, overlay: &mut Overlay<'_>, entries: &[Key]) -> Result<(), StoreError> {
        let keys: Vec<Vec<u8>> = entries.iter().map(|entry| self.entry_bytes(entry)).collect();
        for level in 0..self.open.len() {
            // A level's open block holds all entries from its first one on; earlier entries are in closed blocks.
            let mut closed = keys.as_slice();
            if let Some(open) = self.open.get_mut(level).filter(|open| !open.first.is_empty()) {
                closed = before(&keys, &open.first);
                let here = count(keys.len() - closed.len());
                match open.count.checked_sub(here) {
                    Some(left) => open.count = left,
                    None => return Err(self.damaged("a block without entries")),
                }
            }
            self.count_less(overlay, level, closed)?;
        }
        Ok(())
    }

    /// The place of the entry of a rank; `None` if the sequence is shorter.
    pub(crate) fn locate(&self, snapshot: &dyn Snapshot, mut rank: u64) -> Result<Option<Place>, StoreError> {
        let mut range = self.all();
        for level in (0..self.open.len()).rev() {
            let nodes = self.blocks(snapshot, level, &range)?;
            let Some(index) = nodes.iter().position(|node| {
                let here = rank < node.count;
                if !here {
                    rank -= node.count;
                }
                here
            }) else {
                return Ok(None);
            };
            range = between(range, nodes.get(index), nodes.get(index + 1));
        }
        if self.open.is_empty() {
            return Ok(None);
        }
        Ok(Some(Place { from: range.start().clone(), skip: clamp(rank) }))
    }

    /// Number of entries with a key less than this one.
    pub(crate) fn rank(&self, snapshot: &dyn Snapshot, key: &Key) -> Result<u64, StoreError> {
        let mut range = self.all();
        let mut before = 0;
        for level in (0..self.open.len()).rev() {
            let nodes = self.blocks(snapshot, level, &range)?;
            let Some(index) = nodes.iter().rposition(|node| node.first <= *key) else { return Ok(before) };
            before += nodes.iter().take(index).map(|node| node.count).sum::<u64>();
            range = between(range, nodes.get(index), nodes.get(index + 1));
        }
        if self.open.is_empty() {
            return Ok(0);
        }
        let within = snapshot.scan(&range.until(key.clone()), Direction::Forward, usize::from(FANOUT))?;
        Ok(before + count(within.len()))
    }

    /// True when each block counts the entries that are in it. Memory grows with the lowest blocks.
    pub(crate) fn agrees(&self, snapshot: &dyn Snapshot) -> Result<bool, StoreError> {
        let mut below: Option<Vec<Block>> = None;
        for level in 0..self.open.len() {
            let blocks = self.all_blocks(snapshot, level)?;
            let mut counted = vec![0; blocks.len()];
            let mut count_in = |key: &Key, more: u64| {
                let place = blocks.partition_point(|block| block.first <= *key).checked_sub(1);
                let place = place.and_then(|place| counted.get_mut(place));
                place.map(|place| *place += more).is_some()
            };
            let is_within = match &below {
                Some(below) => below.iter().all(|block| count_in(&block.first, block.count)),
                None => self.each_entry(snapshot, &mut |key| count_in(key, 1))?,
            };
            if !is_within || blocks.iter().map(|block| block.count).ne(counted) {
                return Ok(false);
            }
            below = Some(blocks);
        }
        let is_empty = || Ok(snapshot.scan(&self.all(), Direction::Forward, 1)?.is_empty());
        if self.open.is_empty() { is_empty() } else { Ok(true) }
    }

    /// Visits the keys of all entries until one is answered by false.
    fn each_entry(
        &self,
        snapshot: &dyn Snapshot,
        visit: &mut dyn FnMut(&Key) -> bool,
    ) -> Result<bool, StoreError> {
        let mut range = self.all();
        loop {
            let entries = snapshot.scan(&range, Direction::Forward, BLOCKS_READ)?;
            if !entries.iter().all(|entry| visit(&entry.key)) {
                return Ok(false);
            }
            match entries.last() {
                Some(last) if entries.len() == BLOCKS_READ => range = range.from(last.key.successor()),
                _ => return Ok(true),
            }
        }
    }

    /// All blocks of a level, the open one last.
    fn all_blocks(&self, snapshot: &dyn Snapshot, level: usize) -> Result<Vec<Block>, StoreError> {
        let mut range = self.all();
        let mut all: Vec<Block> = Vec::new();
        loop {
            let blocks = self.closed(snapshot, level, &range)?;
            let is_last = blocks.len() < usize::from(FANOUT);
            if let Some(last) = blocks.last() {
                range = range.from(last.first.successor());
            }
            all.extend(blocks);
            if is_last {
                break;
            }
        }
        if let Some(open) = self.open.get(level).filter(|open| !open.first.is_empty()) {
            all.push(Block { first: self.entries().bytes(&open.first), count: open.count });
        }
        Ok(all)
    }

    /// Closes the open block of a level and opens the next, the levels above included.
    fn close(&mut self, overlay: &mut Overlay<'_>, level: usize) -> Result<(), StoreError> {
        let Some(full) = self.open.get_mut(level).map(std::mem::take) else { return Ok(()) };
        // A block whose entries were removed before it was full needs no row: it counts for nothing.
        if full.count > 0 {
            overlay.put(self.node_key(level, &full.first), codec::encode(&NodeV1 { count: full.count })?);
        }
        // A new highest level begins with the count of all entries, as its one block holds them all.
        if self.open.len() == level + 1 {
            self.open.push(SpineNodeV1 { filled: 0, ..full });
        }
        match self.open.get_mut(level + 1) {
            Some(above) => {
                above.filled += 1;
                if above.filled == FANOUT { self.close(overlay, level + 1) } else { Ok(()) }
            }
            None => Ok(()),
        }
    }

    /// Takes entries off the counts of the closed blocks that hold them.
    fn count_less(
        &self,
        overlay: &mut Overlay<'_>,
        level: usize,
        keys: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let prefix = self.nodes_prefix(level);
        let mut rest = keys;
        while let [first, others @ ..] = rest {
            let last = others.last().unwrap_or(first);
            let blocks = self.blocks_of(overlay, &prefix, first, last)?;
            for (place, block) in blocks.iter().enumerate() {
                let held = match blocks.get(place + 1) {
                    Some(next) => before(rest, next.key.after(&prefix).unwrap_or_default()),
                    // There may be blocks behind this one that were not read.
                    None if blocks.len() == BLOCKS_READ => break,
                    None => rest,
                };
                rest = rest.get(held.len()..).unwrap_or_default();
                self.take_off(overlay, block, count(held.len()))?;
            }
        }
        Ok(())
    }

    /// The first closed blocks from the one that holds one key to the one that holds another, at most [`BLOCKS_READ`].
    fn blocks_of(
        &self,
        overlay: &Overlay<'_>,
        prefix: &Key,
        first: &[u8],
        last: &[u8],
    ) -> Result<Vec<Entry>, StoreError> {
        let upto = |key: &[u8]| KeyRange::prefix(prefix).until(prefix.clone().bytes(key).successor());
        let found = overlay.scan(&upto(first), Direction::Backward, 1)?;
        match found.first() {
            None => Err(self.damaged("an entry in no block")),
            Some(_) if first == last => Ok(found),
            Some(block) => overlay.scan(&upto(last).from(block.key.clone()), Direction::Forward, BLOCKS_READ),
        }
    }

    fn take_off(&self, overlay: &mut Overlay<'_>, block: &Entry, held: u64) -> Result<(), StoreError> {
        let node: NodeV1 = codec::decode(&block.value)?;
        match node.count.checked_sub(held) {
            _ if held == 0 => {}
            None => return Err(self.damaged("a block without entries")),
            Some(0) => overlay.delete(block.key.clone()),
            Some(count) => overlay.put(block.key.clone(), codec::encode(&NodeV1 { count })?),
        }
        Ok(())
    }

    /// The blocks of a level within a range of entries, the open one last.
    fn blocks(
        &self,
        snapshot: &dyn Snapshot,
        level: usize,
        range: &KeyRange,
    ) -> Result<Vec<Block>, StoreError> {
        let mut blocks = self.closed(snapshot, level, range)?;
        if let Some(open) = self.open.get(level)
            && !open.first.is_empty()
        {
            let first = self.entries().bytes(&open.first);
            if range.end().is_none_or(|end| first < *end) {
                blocks.push(Block { first, count: open.count });
            }
        }
        Ok(blocks)
    }

    fn closed(
        &self,
        snapshot: &dyn Snapshot,
        level: usize,
        range: &KeyRange,
    ) -> Result<Vec<Block>, StoreError> {
        let (prefix, entries) = (self.nodes_prefix(level), self.entries());
        let node_key = |entry: &Key| entry.after(&entries).map(|rest| prefix.clone().bytes(rest));
        let mut nodes = KeyRange::prefix(&prefix);
        if let Some(start) = node_key(range.start()) {
            nodes = nodes.from(start);
        }
        // The end of all entries is no entry's key.
        if let Some(end) = range.end().and_then(node_key) {
            nodes = nodes.until(end);
        }
        snapshot
            .scan(&nodes, Direction::Forward, usize::from(FANOUT))?
            .into_iter()
            .map(|Entry { key, value }| {
                let first = key.after(&prefix).ok_or_else(|| self.damaged("a block of another sequence"))?;
                let node: NodeV1 = codec::decode(&value)?;
                Ok(Block { first: entries.clone().bytes(first), count: node.count })
            })
            .collect()
    }

    fn entries(&self) -> Key {
        spaces::all_updated(self.kind)
    }

    fn all(&self) -> KeyRange {
        KeyRange::prefix(&self.entries())
    }

    fn entry_bytes(&self, entry: &Key) -> Vec<u8> {
        invariant(entry.after(&self.entries()), "an entry is of the sequence's own space").to_vec()
    }

    fn nodes_prefix(&self, level: usize) -> Key {
        spaces::nodes(
            self.kind,
            invariant(u8::try_from(level).ok(), "a level has 64 times the entries of the one below"),
        )
    }

    fn node_key(&self, level: usize, first: &[u8]) -> Key {
        self.nodes_prefix(level).bytes(first)
    }

    fn damaged(&self, how: &str) -> StoreError {
        StoreError::Corrupt { what: format!("the list of {} by last change: {how}", self.kind.plural()) }
    }
}

/// The keys that are less than one, of keys in ascending order.
fn before<'k>(keys: &'k [Vec<u8>], first: &[u8]) -> &'k [Vec<u8>] {
    let (before, _) = keys.split_at(keys.partition_point(|key| key.as_slice() < first));
    before
}

/// A block: the key of the entry that it was opened with, and the number of entries still in it.
struct Block {
    first: Key,
    count: u64,
}

fn between(range: KeyRange, block: Option<&Block>, next: Option<&Block>) -> KeyRange {
    let range = match block {
        Some(block) => range.from(block.first.clone()),
        None => range,
    };
    match next {
        Some(next) => range.until(next.first.clone()),
        None => range,
    }
}

//! Ordered sequences that know how many entries stand before any place.
//!
//! A list is asked for by offset, and counting one's way there costs the offset. So entries are gathered into blocks
//! of [`FANOUT`], blocks into blocks of blocks, and so on; each knows how many of its entries are still there. Entries
//! are only ever added at the end (ids and instants grow), so only the last block of each level changes with an
//! addition: these stand together in one row, the spine. A block that is full is closed and gets a row of its own. An
//! entry may be removed anywhere; a closed block without entries loses its row. The place of any offset is found by
//! reading at most [`FANOUT`] rows a level, and the length is one read.

use crate::{
    base::Kind,
    engine::{
        codec::{self, NodeV1, SpineNodeV1, SpineV1},
        spaces,
    },
    store::{Batch, Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};

/// How many entries, or blocks, a block gathers.
const FANOUT: u8 = 64;

/// What a sequence is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// By creation: the entries are the records themselves.
    Created,
    /// By last change.
    Updated,
}

/// One sequence of a tenant: which, and its open end.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    kind: Kind,
    order: Order,
    spine: SpineV1,
}

/// Where to begin a scan for the entry of some rank: at the first key, passing over some entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) from: Key,
    pub(crate) skip: usize,
}

impl Order {
    const fn number(self) -> u8 {
        match self {
            Order::Created => 1,
            Order::Updated => 2,
        }
    }
}

impl Sequence {
    /// What is read of a kind's sequences before anything else.
    pub(crate) fn keys(kind: Kind) -> [Key; 2] {
        [Order::Created, Order::Updated].map(|order| spaces::spine(kind, order.number()))
    }

    /// Reads the open end of a sequence; one that nobody added to is empty.
    pub(crate) fn load(kind: Kind, order: Order, snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        let spine = match snapshot.get(&spaces::spine(kind, order.number()))? {
            Some(bytes) => codec::decode(&bytes)?,
            None => SpineV1::default(),
        };
        Ok(Self { kind, order, spine })
    }

    /// Writes the open end back.
    pub(crate) fn save(&self, batch: &mut Batch) -> Result<(), StoreError> {
        batch.put(spaces::spine(self.kind, self.order.number()), codec::encode(&self.spine)?);
        Ok(())
    }

    /// How many entries there are. The highest level has one block, the open one, and it holds them all.
    pub(crate) fn len(&self) -> u64 {
        self.spine.open.last().map_or(0, |node| node.count)
    }

    /// Adds an entry behind all others; its key is greater than theirs.
    pub(crate) fn append(&mut self, batch: &mut Batch, entry: &Key) -> Result<(), StoreError> {
        let key = self.entry_bytes(entry);
        if self.spine.open.first().is_some_and(|lowest| lowest.filled == FANOUT) {
            self.close(batch, 0)?;
        }
        if self.spine.open.is_empty() {
            self.spine.open.push(SpineNodeV1::default());
        }
        for node in &mut self.spine.open {
            if node.first.is_empty() {
                node.first.clone_from(&key);
            }
            node.count += 1;
        }
        if let Some(lowest) = self.spine.open.first_mut() {
            lowest.filled += 1;
        }
        Ok(())
    }

    /// Takes an entry away that is in the sequence.
    pub(crate) fn remove(
        &mut self,
        snapshot: &dyn Snapshot,
        entry: &Key,
    ) -> Result<Vec<(Key, Option<NodeV1>)>, StoreError> {
        let key = self.entry_bytes(entry);
        let mut changed = Vec::new();
        for level in 0..self.spine.open.len() {
            match self.spine.open.get_mut(level) {
                Some(open) if !open.first.is_empty() && open.first <= key => {
                    match open.count.checked_sub(1) {
                        Some(count) => open.count = count,
                        None => return Err(self.damaged("a block without entries")),
                    }
                }
                _ => changed.push(self.closed_less_one(snapshot, level, &key)?),
            }
        }
        Ok(changed)
    }

    /// The place of the entry of a rank; nothing when there are not so many.
    pub(crate) fn locate(&self, snapshot: &dyn Snapshot, mut rank: u64) -> Result<Option<Place>, StoreError> {
        let mut range = self.all();
        for level in (0..self.spine.open.len()).rev() {
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
        let skip = usize::try_from(rank).unwrap_or(usize::MAX);
        Ok((!self.spine.open.is_empty()).then(|| Place { from: range.start().clone(), skip }))
    }

    /// How many entries have a key less than this one.
    pub(crate) fn rank(&self, snapshot: &dyn Snapshot, key: &Key) -> Result<u64, StoreError> {
        let mut range = self.all();
        let mut before = 0;
        for level in (0..self.spine.open.len()).rev() {
            let nodes = self.blocks(snapshot, level, &range)?;
            let Some(index) = nodes.iter().rposition(|node| node.first <= *key) else { return Ok(before) };
            before += nodes.iter().take(index).map(|node| node.count).sum::<u64>();
            range = between(range, nodes.get(index), nodes.get(index + 1));
        }
        if self.spine.open.is_empty() {
            return Ok(0);
        }
        let within = snapshot.scan(&range.until(key.clone()), Direction::Forward, usize::from(FANOUT))?;
        Ok(before + count(within.len()))
    }

    /// Closes the open block of a level and opens the next, the levels above included.
    fn close(&mut self, batch: &mut Batch, level: usize) -> Result<(), StoreError> {
        let Some(full) = self.spine.open.get_mut(level).map(std::mem::take) else { return Ok(()) };
        if full.count > 0 {
            batch.put(self.node_key(level, &full.first), codec::encode(&NodeV1 { count: full.count })?);
        }
        if self.spine.open.len() == level + 1 {
            self.spine.open.push(SpineNodeV1 { filled: 0, ..full });
        }
        match self.spine.open.get_mut(level + 1) {
            Some(above) => {
                above.filled += 1;
                if above.filled == FANOUT { self.close(batch, level + 1) } else { Ok(()) }
            }
            None => Ok(()),
        }
    }

    fn closed_less_one(
        &self,
        snapshot: &dyn Snapshot,
        level: usize,
        key: &[u8],
    ) -> Result<(Key, Option<NodeV1>), StoreError> {
        let prefix = self.nodes_prefix(level);
        let upto = KeyRange::prefix(&prefix).until(prefix.clone().bytes(key).successor());
        let found = snapshot.scan(&upto, Direction::Backward, 1)?.into_iter().next();
        let Entry { key: place, value } = found.ok_or_else(|| self.damaged("an entry in no block"))?;
        let node: NodeV1 = codec::decode(&value)?;
        match node.count.checked_sub(1) {
            None => Err(self.damaged("a block without entries")),
            Some(0) => Ok((place, None)),
            Some(count) => Ok((place, Some(NodeV1 { count }))),
        }
    }

    /// The blocks of a level within a range of entries, the open one last.
    fn blocks(
        &self,
        snapshot: &dyn Snapshot,
        level: usize,
        range: &KeyRange,
    ) -> Result<Vec<Block>, StoreError> {
        let mut blocks = self.closed(snapshot, level, range)?;
        if let Some(open) = self.spine.open.get(level)
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
        let node_key = |entry: &Key| prefix.clone().bytes(entry.after(&entries).unwrap_or_default());
        let mut nodes = KeyRange::prefix(&prefix).from(node_key(range.start()));
        if let Some(end) = range.end()
            && end.after(&entries).is_some()
        {
            nodes = nodes.until(node_key(end));
        }
        snapshot
            .scan(&nodes, Direction::Forward, usize::from(FANOUT))?
            .into_iter()
            .map(|Entry { key, value }| {
                let first = entries.clone().bytes(key.after(&prefix).unwrap_or_default());
                codec::decode::<NodeV1>(&value).map(|node| Block { first, count: node.count })
            })
            .collect()
    }

    fn entries(&self) -> Key {
        match self.order {
            Order::Created => spaces::records(self.kind),
            Order::Updated => spaces::all_updated(self.kind),
        }
    }

    fn all(&self) -> KeyRange {
        KeyRange::prefix(&self.entries())
    }

    fn entry_bytes(&self, entry: &Key) -> Vec<u8> {
        entry.after(&self.entries()).unwrap_or_default().to_vec()
    }

    fn nodes_prefix(&self, level: usize) -> Key {
        spaces::nodes(self.kind, self.order.number(), u8::try_from(level).unwrap_or(u8::MAX))
    }

    fn node_key(&self, level: usize, first: &[u8]) -> Key {
        self.nodes_prefix(level).bytes(first)
    }

    fn damaged(&self, how: &str) -> StoreError {
        StoreError::Corrupt {
            what: format!("the sequence {:?} of {}: {how}", self.order, self.kind.plural()),
        }
    }
}

/// A block: the first entry it was opened with, and how many are still there.
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

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

//! A persistent ordered map: the state of a tenant in memory.
//!
//! A version of the map is a reference to its root, and versions share what they have in common. It is a B+ tree whose
//! leaves hold their keys, and behind them their short values, in one allocation: a leaf is not changed but written anew,
//! which is one copy of two to eight thousand bytes, without an allocation or a count for each entry; and values that are
//! read one after the other stand one after the other. All changes of a batch are applied in the order of the keys, so each
//! leaf is written once for a batch: first all new leaves are made, for which nobody waits, and then they are put in the places
//! of the old ones. A branch that no other version has is changed in place.

mod branch;
mod leaf;
mod packed;

use std::{mem, sync::Arc};

use bytes::Bytes;
use smallvec::SmallVec;

use self::{
    branch::{Branch, FANOUT},
    leaf::Leaf,
};
use super::{Direction, Entry, Key, KeyRange};
use crate::base::invariant;

/// One version of a map. A clone costs no more than a reference.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// `None` of an empty map.
    root: Option<Node>,
}

/// The new value of a key, or its deletion.
pub(super) type Change = (Key, Option<Bytes>);

/// The new leaves of a map, in their order.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    leaves: Vec<PreparedLeaf>,
    /// True when a branch below the root is another version's, too.
    copies_branches: bool,
}

/// The leaves that take the place of one.
#[derive(Debug)]
struct PreparedLeaf {
    path: Path,
    /// Mostly one leaf; none if no entry is left.
    parts: Parts,
    has_deletion: bool,
}

/// The place of a leaf: that of a child in its branch, from the root down.
type Path = SmallVec<[usize; 4]>;

/// Nodes that others have taken the places of. Dropping them takes a while.
#[must_use]
#[derive(Debug)]
pub(super) struct Replaced {
    _nodes: Vec<Node>,
}

/// A part of a tree, which versions may share.
#[derive(Clone, Debug)]
enum Node {
    Leaf(Arc<Leaf>),
    Branch(Arc<Branch>),
}

/// A node that is to stand behind another, and the bound that parts its keys from those before.
#[derive(Debug)]
struct Part {
    from: Vec<u8>,
    node: Node,
}

/// The nodes that one becomes by changes: mostly one again.
type Parts = SmallVec<[Part; 1]>;

impl Tree {
    pub(super) fn get(&self, key: &Key) -> Option<Bytes> {
        self.leaf_of(key.as_bytes())?.get(key.as_bytes())
    }

    pub(super) fn get_many(&self, keys: &[Key]) -> Vec<Option<Bytes>> {
        // Keys that are asked for together often stand together.
        let mut near: Option<(&Leaf, usize)> = None;
        let find = |key: &Key| {
            let key = key.as_bytes();
            let (leaf, hint) = match near {
                Some((leaf, hint)) if leaf.spans(key) => (leaf, hint),
                _ => (self.leaf_of(key)?, 0),
            };
            let found = leaf.find_near(hint, key);
            near = Some((leaf, found.map_or(0, |place| place + 1)));
            found.map(|place| leaf.value(place))
        };
        keys.iter().map(find).collect()
    }

    /// The first `limit` entries of a range, in the direction given.
    pub(super) fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Vec<Entry> {
        let mut found = Vec::new();
        let (Some(root), false) = (&self.root, range.is_empty() || limit == 0) else { return found };
        // As many as are asked for are mostly there.
        found.reserve(limit.min(FANOUT * 2));
        let bounds = Bounds { start: range.start().as_bytes(), end: range.end().map(Key::as_bytes) };
        match direction {
            Direction::Forward => root.forward(bounds, limit, &mut found),
            Direction::Backward => root.backward(bounds, limit, &mut found),
        }
        found
    }

    /// Makes the leaves that changes lead to, and changes nothing yet. The changes are in the order of their keys, one for each
    /// key; their values are taken.
    pub(super) fn prepare(&self, changes: &mut [Change]) -> Prepared {
        let mut prepared = Prepared::default();
        let mut path = Path::new();
        match &self.root {
            Some(root) => root.prepare(changes, &mut path, &mut prepared),
            None => prepared.leaves.push(Leaf::default().prepare(changes, &path)),
        }
        prepared
    }

    /// Puts the leaves in their places, and answers what was there. Nothing else may have changed the map since they were
    /// prepared.
    pub(super) fn put(&mut self, mut prepared: Prepared) -> Replaced {
        let mut replaced = Vec::with_capacity(prepared.leaves.len());
        let mut parts = match (self.root.take(), prepared.leaves.as_mut_slice()) {
            (Some(Node::Branch(mut root)), leaves) => {
                let branch = Arc::make_mut(&mut root);
                branch.put(0, leaves, &mut replaced);
                let behind = branch.split();
                let first = Part { from: Vec::new(), node: Node::Branch(root) };
                [first].into_iter().chain(behind).collect()
            }
            (leaf, leaves) => {
                replaced.extend(leaf);
                only(leaves)
            }
        };
        while parts.len() > 1 {
            parts = Branch::over(parts);
        }
        self.root = parts.pop().map(|part| part.node);
        self.shrink();
        Replaced { _nodes: replaced }
    }

    /// True when putting leaves in their places copies branches, as other versions have these, too.
    pub(super) fn copies_branches(&self, prepared: &Prepared) -> bool {
        match &self.root {
            Some(Node::Branch(branch)) => prepared.copies_branches || Arc::strong_count(branch) > 1,
            _ => false,
        }
    }

    /// Takes off the levels that have a single node.
    fn shrink(&mut self) {
        while let Some(Node::Branch(branch)) = &self.root
            && branch.len() <= 1
        {
            self.root = branch.first().cloned();
        }
    }

    fn leaf_of(&self, key: &[u8]) -> Option<&Leaf> {
        let mut node = self.root.as_ref()?;
        loop {
            match node {
                Node::Leaf(leaf) => return Some(leaf),
                Node::Branch(branch) => node = branch.child_of(key),
            }
        }
    }
}

/// The keys of a scan: from the start up to, and without, the end.
#[derive(Clone, Copy, Debug)]
struct Bounds<'k> {
    start: &'k [u8],
    end: Option<&'k [u8]>,
}

/// Leaves that are put in their places in the time of joining one with another.
const JOINING: usize = 8;

impl Prepared {
    /// The work of putting the leaves in their places, as a number of leaves.
    pub(super) fn work(&self) -> usize {
        let work = |leaf: &PreparedLeaf| leaf.parts.len().max(1) + if leaf.may_join() { JOINING } else { 0 };
        self.leaves.iter().map(work).sum()
    }
}

impl PreparedLeaf {
    /// The place in the branch of a level, the root's being 0.
    fn place(&self, level: usize) -> usize {
        *invariant(self.path.get(level), "a path leads to a leaf")
    }

    /// True of a leaf that deletions have left small.
    fn may_join(&self) -> bool {
        self.has_deletion && self.parts.iter().all(|part| part.node.is_small())
    }
}

/// The leaves in the place of one, which are all that was prepared.
fn only(prepared: &mut [PreparedLeaf]) -> Parts {
    match prepared {
        [leaf] => mem::take(&mut leaf.parts),
        _ => invariant(None, "all changes that lie in a leaf are together"),
    }
}

impl Node {
    fn prepare(&self, changes: &mut [Change], path: &mut Path, prepared: &mut Prepared) {
        match self {
            Self::Leaf(leaf) => prepared.leaves.push(leaf.prepare(changes, path)),
            Self::Branch(branch) => branch.prepare(changes, path, prepared),
        }
    }

    fn forward(&self, bounds: Bounds<'_>, limit: usize, found: &mut Vec<Entry>) {
        match self {
            Self::Leaf(leaf) => found.extend(leaf.within(bounds).take(limit - found.len())),
            Self::Branch(branch) => {
                for child in branch.within(bounds) {
                    child.forward(bounds, limit, found);
                    if found.len() == limit {
                        return;
                    }
                }
            }
        }
    }

    fn backward(&self, bounds: Bounds<'_>, limit: usize, found: &mut Vec<Entry>) {
        match self {
            Self::Leaf(leaf) => found.extend(leaf.within(bounds).rev().take(limit - found.len())),
            Self::Branch(branch) => {
                for child in branch.within(bounds).rev() {
                    child.backward(bounds, limit, found);
                    if found.len() == limit {
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

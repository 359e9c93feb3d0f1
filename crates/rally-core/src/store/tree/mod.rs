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

/// What becomes of a map by changes: all its new leaves, in their order.
#[derive(Debug)]
pub(super) struct Prepared(Vec<PreparedLeaf>);

/// What becomes of a leaf by the changes that lie in it.
#[derive(Debug)]
struct PreparedLeaf {
    path: Path,
    has_deletion: bool,
    /// Mostly one leaf; none if no entry is left.
    parts: Parts,
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

    /// What becomes of this map by changes, which are in the order of their keys and of one key each. Their values are taken.
    pub(super) fn prepare(&self, changes: &mut [Change]) -> Prepared {
        let (mut path, mut prepared) = (Path::new(), Vec::new());
        match &self.root {
            Some(root) => root.prepare(changes, &mut path, &mut prepared),
            None => prepared.push(Leaf::default().prepare(changes, &path)),
        }
        Prepared(prepared)
    }

    /// Puts what was prepared in its place, and answers what was there. Nothing else may have changed the map since.
    pub(super) fn put(&mut self, mut prepared: Prepared) -> Replaced {
        let mut replaced = Vec::with_capacity(prepared.len());
        let mut parts = match (self.root.take(), prepared.0.as_mut_slice()) {
            (Some(Node::Branch(mut root)), leaves) => {
                let branch = Arc::make_mut(&mut root);
                branch.put(0, leaves, &mut replaced);
                let behind = branch.split();
                let first = Part { from: Vec::new(), node: Node::Branch(root) };
                [first].into_iter().chain(behind).collect()
            }
            (leaf, prepared) => {
                replaced.extend(leaf);
                only(prepared)
            }
        };
        while parts.len() > 1 {
            parts = Branch::over(parts);
        }
        self.root = parts.pop().map(|part| part.node);
        self.shrink();
        Replaced { _nodes: replaced }
    }

    /// True when another version has the same root, so that putting leaves into this one copies branches.
    pub(super) fn is_shared(&self) -> bool {
        match &self.root {
            Some(Node::Branch(branch)) => Arc::strong_count(branch) > 1,
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

impl Prepared {
    /// The number of leaves whose places are taken.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What was prepared of a leaf, for which there is nothing else.
fn only(prepared: &mut [PreparedLeaf]) -> Parts {
    match prepared {
        [leaf] => mem::take(&mut leaf.parts),
        _ => invariant(None, "all changes that lie in a leaf are together"),
    }
}

impl PreparedLeaf {
    /// The place in the branch of a level, the root's being 0.
    fn place(&self, level: usize) -> usize {
        *invariant(self.path.get(level), "a path leads to a leaf")
    }
}

impl Node {
    fn prepare(&self, changes: &mut [Change], path: &mut Path, prepared: &mut Vec<PreparedLeaf>) {
        match self {
            Self::Leaf(leaf) => prepared.push(leaf.prepare(changes, path)),
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

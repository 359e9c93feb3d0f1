//! A persistent ordered map: the state of a tenant in memory.
//!
//! A version of the map is a reference to its root, and versions share what they have in common. It is a B+ tree whose
//! leaves hold their keys, and behind them their short values, in one allocation: a leaf is not changed but written anew,
//! which is one copy of two to eight thousand bytes, without an allocation or a count for each entry; and values that are
//! read one after the other stand one after the other. All changes of a batch are applied in one walk in the order of the
//! keys, so each leaf is written once for a batch. A branch that no other version has is changed in place.

mod branch;
mod leaf;
mod packed;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use self::{
    branch::{Branch, FANOUT},
    leaf::Leaf,
};
use super::{Direction, Entry, Key, KeyRange};

/// One version of a map. A clone costs no more than a reference.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// `None` of an empty map.
    root: Option<Node>,
}

/// The new value of a key, or its deletion.
pub(super) type Change = (Key, Option<Bytes>);

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

    /// Applies changes, which are in the order of their keys and of one key each.
    pub(super) fn apply(&mut self, mut changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut parts = match self.root.take() {
            None => Leaf::default().changed(&mut changes),
            Some(Node::Leaf(leaf)) => leaf.changed(&mut changes),
            Some(Node::Branch(mut branch)) => {
                let changed = Arc::make_mut(&mut branch);
                changed.apply(&mut changes);
                let behind = changed.split();
                let first = Part { from: Vec::new(), node: Node::Branch(branch) };
                [first].into_iter().chain(behind).collect()
            }
        };
        while parts.len() > 1 {
            parts = Branch::over(parts);
        }
        self.root = parts.pop().map(|part| part.node);
        self.shrink();
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

impl Node {
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

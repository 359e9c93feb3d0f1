//! A persistent ordered map: the state of a tenant in memory, or changes that lie over one.
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

use std::{mem, slice, sync::Arc};

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

/// The way in which a map deletes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deletions {
    /// The entry is taken out: for a state.
    TakenOut,
    /// An entry without a value is kept, which hides one of a state below: for changes over it.
    Kept,
}

/// Changes whose leaves are made and not yet in their places.
#[derive(Debug)]
pub struct PreparedChanges {
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

/// Parts of a map that others have taken the places of. Dropping them takes a while, so it is best done when nobody waits.
#[must_use]
#[derive(Debug)]
pub struct Replaced {
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

/// Leaves that are put in their places while readers wait, at most. That many take some tens of microseconds, much less than
/// copies of the branches over them. More of them are put into a copy of the map.
pub(super) const FEW: usize = 512;

/// The same where another version shares those branches, which are then copied.
pub(super) const FEWER: usize = 16;

impl Tree {
    pub(super) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The entry of a key, if there is one: `Some(None)` is a deletion.
    pub(super) fn get(&self, key: &Key) -> Option<Option<Bytes>> {
        self.leaf_of(key.as_bytes())?.get(key.as_bytes())
    }

    /// The entries of keys, as [`Tree::get`] answers them.
    pub(super) fn get_many(&self, keys: &[Key]) -> impl Iterator<Item = Option<Option<Bytes>>> {
        // Keys that are asked for together often stand together.
        let mut near: Option<(&Leaf, usize)> = None;
        keys.iter().map(move |key| {
            let key = key.as_bytes();
            let (leaf, hint) = match near {
                Some((leaf, hint)) if leaf.spans(key) => (leaf, hint),
                _ => (self.leaf_of(key)?, 0),
            };
            let found = leaf.find_near(hint, key);
            near = Some((leaf, found.map_or(0, |place| place + 1)));
            found.map(|place| leaf.value(place))
        })
    }

    /// The first `limit` entries of a range that have a value, in the direction given.
    pub(super) fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Vec<Entry> {
        let mut found = Vec::new();
        if self.is_empty() || range.is_empty() || limit == 0 {
            return found;
        }
        // As many as are asked for are mostly there.
        found.reserve(limit.min(FANOUT * 2));
        let bounds = Bounds::of(range);
        for leaf in self.leaves(bounds, direction) {
            let entry = |(key, value): Change| value.map(|value| Entry { key, value });
            found.extend(leaf.entries(bounds, direction).filter_map(entry).take(limit - found.len()));
            if found.len() == limit {
                break;
            }
        }
        found
    }

    /// The entries within bounds, in the direction given.
    pub(super) fn entries<'t>(
        &'t self,
        bounds: Bounds<'t>,
        direction: Direction,
    ) -> impl Iterator<Item = Change> + 't {
        self.leaves(bounds, direction).flat_map(move |leaf| leaf.entries(bounds, direction))
    }

    fn leaves<'t>(&'t self, bounds: Bounds<'t>, direction: Direction) -> Leaves<'t> {
        Leaves { next: self.root.as_ref(), behind: SmallVec::new(), bounds, direction }
    }

    /// Makes the leaves that changes lead to, and changes nothing yet. The changes are in the order of their keys, one for each
    /// key; their values are taken.
    pub(super) fn prepare(&self, changes: &mut [Change], deletions: Deletions) -> PreparedChanges {
        let prepared = PreparedChanges { leaves: Vec::new(), copies_branches: false };
        let mut preparation = Preparation { deletions, path: Path::new(), prepared };
        match &self.root {
            Some(root) => preparation.below(root, changes),
            None => preparation.of_leaf(&Leaf::default(), changes),
        }
        preparation.prepared
    }

    /// Puts the leaves in their places, as [`Tree::put`] does, if that takes no more than some tens of microseconds; otherwise
    /// they are given back.
    pub(super) fn put_few(&mut self, prepared: PreparedChanges) -> Result<Replaced, PreparedChanges> {
        let most = if self.copies_branches(&prepared) { FEWER } else { FEW };
        if prepared.work() <= most { Ok(self.put(prepared)) } else { Err(prepared) }
    }

    /// Puts the leaves in their places, and answers what was there. Nothing else may have changed the map since they were
    /// prepared.
    pub(super) fn put(&mut self, mut prepared: PreparedChanges) -> Replaced {
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
    fn copies_branches(&self, prepared: &PreparedChanges) -> bool {
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
                Node::Branch(branch) => (_, node) = branch.child_of(key),
            }
        }
    }
}

/// The keys of a scan: from the start up to, and without, the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds<'k> {
    start: &'k [u8],
    end: Option<&'k [u8]>,
}

impl<'k> Bounds<'k> {
    pub(super) const ALL: Self = Self { start: &[], end: None };

    pub(super) fn of(range: &'k KeyRange) -> Self {
        Self { start: range.start().as_bytes(), end: range.end().map(Key::as_bytes) }
    }
}

/// A walk over the leaves that may have keys within bounds.
struct Leaves<'t> {
    /// The node to be looked at before those behind.
    next: Option<&'t Node>,
    /// For each level from the root down the nodes of a branch that come behind.
    behind: SmallVec<[slice::Iter<'t, Node>; 4]>,
    bounds: Bounds<'t>,
    direction: Direction,
}

impl<'t> Iterator for Leaves<'t> {
    type Item = &'t Leaf;

    fn next(&mut self) -> Option<&'t Leaf> {
        loop {
            match self.next.take() {
                Some(Node::Leaf(leaf)) => return Some(leaf),
                Some(Node::Branch(branch)) => self.behind.push(branch.within(self.bounds)),
                None => {
                    let nodes = self.behind.last_mut()?;
                    self.next = match self.direction {
                        Direction::Forward => nodes.next(),
                        Direction::Backward => nodes.next_back(),
                    };
                    if self.next.is_none() {
                        self.behind.pop();
                    }
                }
            }
        }
    }
}

/// The making of new leaves, on its way through a tree.
struct Preparation {
    deletions: Deletions,
    /// The place of the node that it has come to.
    path: Path,
    prepared: PreparedChanges,
}

impl Preparation {
    /// Makes the leaves that changes in a node lead to.
    fn below(&mut self, node: &Node, changes: &mut [Change]) {
        match node {
            Node::Leaf(leaf) => self.of_leaf(leaf, changes),
            Node::Branch(branch) => self.of_branch(branch, changes),
        }
    }

    fn of_leaf(&mut self, leaf: &Leaf, changes: &mut [Change]) {
        let has_deletion =
            self.deletions == Deletions::TakenOut && changes.iter().any(|(_, value)| value.is_none());
        let parts = leaf.changed(changes, self.deletions);
        self.prepared.leaves.push(PreparedLeaf { path: self.path.clone(), parts, has_deletion });
    }

    fn of_branch(&mut self, branch: &Branch, mut changes: &mut [Change]) {
        while let Some((first, _)) = changes.first() {
            let (place, child) = branch.child_of(first.as_bytes());
            let (here, behind) = changes.split_at_mut(branch.count_in(place, changes));
            if let Node::Branch(branch) = child {
                self.prepared.copies_branches |= Arc::strong_count(branch) > 1;
            }
            self.path.push(place);
            self.below(child, here);
            self.path.pop();
            changes = behind;
        }
    }
}

/// Leaves that are put in their places in the time of joining one with another.
const JOINING: usize = 8;

impl PreparedChanges {
    /// The work of putting the leaves in their places, as a number of leaves.
    fn work(&self) -> usize {
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

#[cfg(test)]
mod tests;

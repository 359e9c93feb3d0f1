use std::sync::Arc;

use super::{Bounds, Change, Node, Part, Parts, leaf::Leaf, packed::Packed};
use crate::base::invariant;

/// Children of a branch, at most, when a change is done.
pub(super) const FANOUT: usize = 64;

/// Nodes one beside the other, each with the bound below which none of its keys lies.
#[derive(Clone, Debug, Default)]
pub(super) struct Branch {
    /// The first bound is not used: whatever lies below the second belongs to the first child.
    from: Packed,
    children: Vec<Node>,
}

impl Branch {
    /// Branches over nodes, as few as they need.
    pub(super) fn over(parts: Parts) -> Parts {
        let mut branch = Self::default();
        for part in parts {
            branch.from.push(&part.from);
            branch.children.push(part.node);
        }
        let behind = branch.split();
        [Part { from: Vec::new(), node: Node::Branch(Arc::new(branch)) }].into_iter().chain(behind).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    pub(super) fn first(&self) -> Option<&Node> {
        self.children.first()
    }

    /// The child that has a key, if any has.
    pub(super) fn child_of(&self, key: &[u8]) -> &Node {
        invariant(self.children.get(self.place_of(key)), "a branch has a child for each bound")
    }

    /// The children that may have keys within bounds.
    pub(super) fn within(&self, bounds: Bounds<'_>) -> impl DoubleEndedIterator<Item = &Node> {
        let first = self.place_of(bounds.start);
        let last = bounds.end.map_or(self.len(), |end| self.place_of(end) + 1);
        self.children.get(first..last).unwrap_or_default().iter()
    }

    /// Applies changes in the order of their keys. The branch may then have too many children, or none.
    pub(super) fn apply(&mut self, mut changes: &mut [Change]) {
        while let Some((first, _)) = changes.first() {
            let place = self.place_of(first.as_bytes());
            let count = if place + 1 < self.len() {
                let bound = self.from.get(place + 1);
                changes.partition_point(|(key, _)| key.as_bytes() < bound)
            } else {
                changes.len()
            };
            let (here, rest) = changes.split_at_mut(count);
            self.change_child(place, here);
            if self.children.is_empty() {
                self.begin_anew(rest);
                return;
            }
            changes = rest;
        }
    }

    /// Takes off what is more than a branch may have: the branches that are to stand behind this one.
    pub(super) fn split(&mut self) -> Vec<Part> {
        let pieces = self.len().div_ceil(FANOUT).max(1);
        let size = self.len().div_ceil(pieces);
        let mut behind = Vec::with_capacity(pieces - 1);
        for piece in (1..pieces).rev() {
            let place = piece * size;
            let (from, children) = (self.from.split_off(place), self.children.split_off(place));
            let bound = from.get(0).to_vec();
            behind.push(Part { from: bound, node: Node::Branch(Arc::new(Self { from, children })) });
        }
        behind.reverse();
        behind
    }

    fn place_of(&self, key: &[u8]) -> usize {
        // The first bound counts as less than every key.
        self.from.not_greater(key).saturating_sub(1)
    }

    /// Applies the changes that lie in a child.
    fn change_child(&mut self, place: usize, changes: &mut [Change]) {
        let has_deletion = changes.iter().any(|(_, value)| value.is_none());
        let child = invariant(self.children.get_mut(place), "a branch has a child for each bound");
        let behind = match child {
            Node::Leaf(leaf) => {
                let mut parts = leaf.changed(changes).into_iter();
                match parts.next() {
                    Some(first) => *child = first.node,
                    None => return self.remove(place),
                }
                parts.collect()
            }
            Node::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                branch.apply(changes);
                if branch.children.is_empty() {
                    return self.remove(place);
                }
                branch.split()
            }
        };
        if !behind.is_empty() {
            self.insert(place + 1, behind);
        } else if has_deletion {
            self.join_small(place);
        }
    }

    fn insert(&mut self, place: usize, parts: Vec<Part>) {
        self.from.insert(place, parts.iter().map(|part| part.from.as_slice()));
        self.children.splice(place..place, parts.into_iter().map(|part| part.node));
    }

    fn remove(&mut self, place: usize) {
        self.from.remove(place);
        self.children.remove(place);
    }

    /// Applies the changes that are left when the last child has gone.
    fn begin_anew(&mut self, changes: &mut [Change]) {
        for part in Leaf::default().changed(changes) {
            self.from.push(&part.from);
            self.children.push(part.node);
        }
    }

    /// Joins a child of few entries, as deletions leave it, with one beside it, if both are one node's worth.
    fn join_small(&mut self, place: usize) {
        let is_small = self.children.get(place).is_some_and(Node::is_small);
        if is_small && !self.join(place) && place > 0 {
            self.join(place - 1);
        }
    }

    /// Joins a child with the one behind it; false if that would be too much for one node.
    fn join(&mut self, place: usize) -> bool {
        let pair = self.children.get(place..).and_then(|rest| rest.first_chunk());
        let joined = match pair {
            Some([Node::Leaf(one), Node::Leaf(other)]) => match one.joined(other) {
                Some(joined) => Node::Leaf(Arc::new(joined)),
                None => return false,
            },
            Some([Node::Branch(one), Node::Branch(other)]) if one.len() + other.len() <= FANOUT => {
                Node::Branch(Arc::new(one.joined(other, self.from.get(place + 1))))
            }
            _ => return false,
        };
        self.remove(place + 1);
        if let Some(child) = self.children.get_mut(place) {
            *child = joined;
        }
        true
    }

    /// This branch and the one behind it, whose keys begin at a bound.
    fn joined(&self, behind: &Self, bound: &[u8]) -> Self {
        let mut joined = self.clone();
        for (place, child) in behind.children.iter().enumerate() {
            joined.from.push(if place == 0 { bound } else { behind.from.get(place) });
            joined.children.push(child.clone());
        }
        joined
    }
}

impl Node {
    /// True of less than a quarter of what a node may have.
    fn is_small(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_small(),
            Self::Branch(branch) => branch.len() < FANOUT / 4,
        }
    }
}

use std::{mem, slice, sync::Arc};

use super::{Bounds, Change, Node, Part, Parts, PreparedLeaf, only, packed::Packed};
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

/// A child that leaves were put in the place of, or below.
struct ChangedChild {
    /// The place that it had before.
    place: usize,
    /// The number of children that it has become.
    count: usize,
    has_deletion: bool,
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

    /// The child that has a key, if any has, and its place.
    pub(super) fn child_of(&self, key: &[u8]) -> (usize, &Node) {
        let place = self.place_of(key);
        (place, invariant(self.children.get(place), "a branch has a child for each bound"))
    }

    /// The children that may have keys within bounds.
    pub(super) fn within(&self, bounds: Bounds<'_>) -> slice::Iter<'_, Node> {
        let first = self.place_of(bounds.start);
        let last = bounds.end.map_or(self.len(), |end| self.place_of(end) + 1);
        self.children.get(first..last).unwrap_or_default().iter()
    }

    /// Puts leaves in their places below this branch, which is `level` branches below the root; what was there goes to
    /// `replaced`. The branch may then have too many children, or none.
    pub(super) fn put(&mut self, level: usize, mut prepared: &mut [PreparedLeaf], replaced: &mut Vec<Node>) {
        let mut changed = Vec::new();
        // From the last to the first, so that those before stay in their places.
        while let Some(last) = prepared.last() {
            let place = last.place(level);
            let others = prepared.iter().rposition(|leaf| leaf.place(level) != place);
            let (before, here) = prepared.split_at_mut(others.map_or(0, |last| last + 1));
            let has_deletion = here.iter().any(|leaf| leaf.has_deletion);
            let count = self.put_child(place, level, here, replaced);
            if has_deletion || !changed.is_empty() {
                changed.push(ChangedChild { place, count, has_deletion });
            }
            prepared = before;
        }
        self.join_small_ones(changed.into_iter().rev(), replaced);
    }

    /// Joins children that deletions have left small, of those that were changed, in their order.
    fn join_small_ones(&mut self, changed: impl Iterator<Item = ChangedChild>, replaced: &mut Vec<Node>) {
        // Children that there are more, and less, before a place.
        let mut more = 0;
        let mut less = 0;
        for ChangedChild { place, count, has_deletion } in changed {
            if has_deletion && count == 1 && self.join_small(place + more - less, replaced) {
                less += 1;
            }
            more += count;
            less += 1;
        }
    }

    /// The number of the first changes that lie in a child, as the first one does, and not behind it.
    pub(super) fn count_in(&self, place: usize, changes: &[Change]) -> usize {
        if place + 1 >= self.len() {
            return changes.len();
        }
        let bound = self.from.get(place + 1);
        let is_before = |(key, _): &Change| key.as_bytes() < bound;
        // Mostly few of many: from the first one on, in ever longer steps.
        let mut behind = 1;
        while changes.get(behind).is_some_and(is_before) {
            behind *= 2;
        }
        let least = behind / 2 + 1;
        let unknown = changes.get(least..behind.min(changes.len()));
        least + invariant(unknown, "one step before there is a change").partition_point(is_before)
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

    /// Puts what was prepared below a child in its place, and answers how many children it has become.
    fn put_child(
        &mut self,
        place: usize,
        level: usize,
        prepared: &mut [PreparedLeaf],
        replaced: &mut Vec<Node>,
    ) -> usize {
        let child = invariant(self.children.get_mut(place), "a branch has the children that were prepared");
        let behind = match child {
            Node::Leaf(_) => {
                let mut parts = only(prepared).into_iter();
                match parts.next() {
                    Some(first) => replaced.push(mem::replace(child, first.node)),
                    None => {
                        replaced.push(self.remove(place));
                        return 0;
                    }
                }
                parts.collect()
            }
            Node::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                branch.put(level + 1, prepared, replaced);
                if branch.children.is_empty() {
                    replaced.push(self.remove(place));
                    return 0;
                }
                branch.split()
            }
        };
        let count = 1 + behind.len();
        if !behind.is_empty() {
            self.insert(place + 1, behind);
        }
        count
    }

    fn insert(&mut self, place: usize, parts: Vec<Part>) {
        self.from.insert(place, parts.iter().map(|part| part.from.as_slice()));
        self.children.splice(place..place, parts.into_iter().map(|part| part.node));
    }

    fn remove(&mut self, place: usize) -> Node {
        self.from.remove(place);
        self.children.remove(place)
    }

    /// Joins a child of few entries, as deletions leave it, with one beside it, if both are one node's worth; false otherwise.
    fn join_small(&mut self, place: usize, replaced: &mut Vec<Node>) -> bool {
        let is_small = self.children.get(place).is_some_and(Node::is_small);
        is_small && (self.join(place, replaced) || place > 0 && self.join(place - 1, replaced))
    }

    /// Joins a child with the one behind it; false if that would be too much for one node.
    fn join(&mut self, place: usize, replaced: &mut Vec<Node>) -> bool {
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
        replaced.push(self.remove(place + 1));
        let child = invariant(self.children.get_mut(place), "one of the two that were joined");
        replaced.push(mem::replace(child, joined));
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
    pub(super) fn is_small(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.is_small(),
            Self::Branch(branch) => branch.len() < FANOUT / 4,
        }
    }
}

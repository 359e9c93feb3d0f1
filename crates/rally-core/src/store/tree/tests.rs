use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{base::clamp, store::Space};

type Model = BTreeMap<Key, Bytes>;

/// A key of one of three families, and a value that may be short or long, so that leaves are full of entries or of bytes.
fn change() -> impl Strategy<Value = Change> {
    let key = (0u8..3, 0u16..400)
        .prop_map(|(family, number)| Key::new(Space(7)).byte(family).bytes(&number.to_be_bytes()));
    let value = prop_oneof![
        2 => Just(None),
        3 => (0usize..200).prop_map(|length| Some(Bytes::from(vec![b'v'; length]))),
        2 => (0usize..1_100).prop_map(|length| Some(Bytes::from(vec![b'v'; length]))),
    ];
    (key, value)
}

fn batches() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 0..120), 0..12)
}

fn sorted(batch: Vec<Change>) -> Vec<Change> {
    batch.into_iter().collect::<BTreeMap<Key, Option<Bytes>>>().into_iter().collect()
}

fn entries(model: &Model) -> Vec<Entry> {
    model.iter().map(|(key, value)| Entry { key: key.clone(), value: value.clone() }).collect()
}

fn all() -> KeyRange {
    KeyRange::prefix(&Key::new(Space(7)))
}

/// The entries of each leaf, none of which has too much.
fn leaves(tree: &Tree) -> Vec<usize> {
    fn visit(node: &Node, found: &mut Vec<usize>) {
        match node {
            Node::Leaf(leaf) => {
                let (entries, bytes) = leaf.room();
                assert!(
                    (1..=leaf::MOST).contains(&entries) && bytes <= leaf::MOST_BYTES,
                    "{entries}, {bytes}"
                );
                found.push(entries);
            }
            Node::Branch(branch) => {
                assert!((1..=FANOUT).contains(&branch.len()), "{} children", branch.len());
                branch.within(Bounds::ALL).for_each(|child| visit(child, found));
            }
        }
    }
    let mut found = Vec::new();
    tree.root.iter().for_each(|root| visit(root, &mut found));
    found
}

fn apply(tree: &mut Tree, mut changes: Vec<Change>) {
    let prepared = tree.prepare(&mut changes, Deletions::TakenOut);
    drop(tree.put(prepared));
}

proptest! {
    #[test]
    fn each_version_reads_as_a_plain_map_does(
        batches in batches(), are_kept: bool, deletions in prop_oneof![Just(Deletions::TakenOut), Just(Deletions::Kept)],
        from in change(), until in change(), limit in 0usize..300,
    ) {
        let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
        let mut versions = Vec::new();
        for batch in batches {
            let mut batch = sorted(batch);
            model.extend(batch.clone());
            model.retain(|_, value| deletions == Deletions::Kept || value.is_some());
            // What no other version has is changed in place.
            if !are_kept {
                versions.clear();
            }
            let prepared = tree.prepare(&mut batch, deletions);
            drop(tree.put(prepared));
            versions.push((tree.clone(), model.clone()));
        }
        let ranges = [all(), all().from(from.0.clone()), all().until(until.0.clone()), all().from(from.0).until(until.0)];
        for (tree, model) in &versions {
            prop_assert_eq!(leaves(tree).iter().sum::<usize>(), model.len());
            for range in &ranges {
                let inside = |(key, _): &(&Key, &Option<Bytes>)| {
                    range.start() <= key && range.end().is_none_or(|end| *key < end)
                };
                let found = model.iter().filter(inside).map(|(key, value)| (key.clone(), value.clone()));
                let mut expected: Vec<Change> = found.collect();
                for direction in [Direction::Forward, Direction::Backward] {
                    let found: Vec<Change> = tree.entries(Bounds::of(range), direction).collect();
                    prop_assert_eq!(&found, &expected);
                    let with_value = expected.iter().filter_map(|(key, value)| {
                        Some(Entry { key: key.clone(), value: value.clone()? })
                    });
                    for limit in [limit, usize::MAX] {
                        let first: Vec<Entry> = with_value.clone().take(limit).collect();
                        prop_assert_eq!(tree.scan(range, direction, limit), first);
                    }
                    expected.reverse();
                }
            }
            let keys: Vec<Key> = (0u8..3)
                .flat_map(|family| (0u16..400).map(move |number| (family, number)))
                .map(|(family, number)| Key::new(Space(7)).byte(family).bytes(&number.to_be_bytes()))
                .collect();
            let expected: Vec<Option<Option<Bytes>>> = keys.iter().map(|key| model.get(key).cloned()).collect();
            prop_assert_eq!(&keys.iter().map(|key| tree.get(key)).collect::<Vec<_>>(), &expected);
            prop_assert_eq!(tree.get_many(&keys).collect::<Vec<_>>(), expected);
        }
    }
}

/// Keys of a run, some of them left out, that are put or deleted.
#[derive(Clone, Debug)]
struct Run {
    first: u64,
    count: u64,
    step: u64,
    is_deleted: bool,
}

impl Run {
    fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let value = |number: u64| (!self.is_deleted).then(|| Bytes::from(vec![b'v'; clamp(number % 90)]));
        let numbers = (0..self.count).map(|at| (self.first + at * self.step) % (2 * LARGE));
        numbers.map(move |number| (key(0, number), value(number)))
    }
}

/// Entries of a tree with branches below its root.
const LARGE: u64 = 20_000;

fn runs() -> impl Strategy<Value = Vec<Run>> {
    let run = (0..2 * LARGE, 1u64..4_000, 1u64..40, any::<bool>())
        .prop_map(|(first, count, step, is_deleted)| Run { first, count, step, is_deleted });
    prop::collection::vec(run, 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_tree_of_several_levels_reads_as_a_plain_map_does(
        batches in prop::collection::vec(runs(), 1..6), are_kept: bool,
    ) {
        let mut tree = Tree::default();
        let every_other = (0..LARGE).map(|number| (key(0, 2 * number), Some(Bytes::new())));
        let mut model: Model = every_other.clone().map(|(key, _)| (key, Bytes::new())).collect();
        apply(&mut tree, every_other.collect());
        let mut versions = Vec::new();
        for batch in batches {
            if !are_kept {
                versions.clear();
            }
            let batch = sorted(batch.iter().flat_map(Run::changes).collect());
            for (key, value) in &batch {
                match value {
                    Some(value) => drop(model.insert(key.clone(), value.clone())),
                    None => drop(model.remove(key)),
                }
            }
            apply(&mut tree, batch);
            versions.push((tree.clone(), model.clone()));
        }
        for (tree, model) in &versions {
            prop_assert_eq!(leaves(tree).iter().sum::<usize>(), model.len());
            prop_assert!(tree.scan(&all(), Direction::Forward, usize::MAX) == entries(model));
        }
    }
}

fn key(family: u8, number: u64) -> Key {
    Key::new(Space(7)).byte(family).number(number)
}

#[test]
fn keys_that_come_at_the_end_fill_their_leaves_also_between_other_families() {
    let mut tree = Tree::default();
    let value = || Some(Bytes::from_static(b"v"));
    for number in 0..10_000 {
        apply(&mut tree, (0..3).map(|family| (key(family, number), value())).collect());
    }
    let leaves = leaves(&tree);
    let full = leaves.iter().filter(|length| **length == leaf::MOST).count();
    assert!(full + 10 > leaves.len(), "{full} of {} leaves are full", leaves.len());
}

#[test]
fn values_that_come_at_the_end_fill_their_leaves_by_their_bytes() {
    let mut tree = Tree::default();
    for number in 0..1_000 {
        apply(&mut tree, vec![(key(0, number), Some(Bytes::from(vec![b'v'; 500])))]);
    }
    let entry = 500 + key(0, 0).as_bytes().len();
    assert!(leaves(&tree).iter().rev().skip(1).all(|entries| *entries == leaf::MOST_BYTES / entry));
}

#[test]
fn what_a_batch_leaves_of_many_entries_is_in_few_leaves() {
    for at_once in [20_000, 500] {
        let mut tree = Tree::default();
        let mut kept = Vec::new();
        apply(&mut tree, (0..20_000).map(|number| (key(0, number), Some(Bytes::new()))).collect());
        for first in (0..20_000).step_by(at_once) {
            kept.push(tree.clone());
            let numbers = first..first + u64::try_from(at_once).unwrap();
            let deleted = numbers.filter(|number| number % 50 != 0).map(|number| (key(0, number), None));
            // Some that come beside those that go, so that leaves are parted before others that are joined.
            let come = (0..200).map(|number| (key(1, first + number), Some(Bytes::new())));
            apply(&mut tree, deleted.chain(come).collect());
        }
        let leaves = leaves(&tree);
        let come = 200 * 20_000 / at_once;
        assert_eq!(leaves.iter().sum::<usize>(), 400 + come);
        let most = (400 + come) / 4;
        assert!(leaves.len() < most, "{} leaves instead of {most}, {at_once} at once", leaves.len());
    }
}

#[test]
fn what_is_left_of_many_entries_is_in_few_leaves() {
    let mut tree = Tree::default();
    apply(&mut tree, (0..20_000).map(|number| (key(0, number), Some(Bytes::new()))).collect());
    for number in (0..20_000).filter(|number| number % 50 != 0) {
        apply(&mut tree, vec![(key(0, number), None)]);
    }
    let leaves = leaves(&tree);
    assert_eq!(leaves.iter().sum::<usize>(), 400);
    assert!(leaves.len() < 400 / 4, "{} leaves", leaves.len());
    apply(&mut tree, (0..20_000).map(|number| (key(0, number), None)).collect());
    assert!(tree.root.is_none());
}

#[test]
fn the_work_of_putting_counts_each_new_leaf_and_those_that_may_be_joined() {
    let mut tree = Tree::default();
    let mut many: Vec<Change> = (0..20_000).map(|number| (key(0, number), Some(Bytes::new()))).collect();
    let prepared = tree.prepare(&mut many, Deletions::TakenOut);
    assert_eq!(prepared.work(), 20_000 / leaf::MOST);
    drop(tree.put(prepared));
    let mut one = vec![(key(0, 0), Some(Bytes::new()))];
    assert_eq!(tree.prepare(&mut one, Deletions::TakenOut).work(), 1);
    let mut most_of_one: Vec<Change> = (1..30).map(|number| (key(0, number), None)).collect();
    assert_eq!(tree.prepare(&mut most_of_one, Deletions::Kept).work(), 1);
    assert_eq!(tree.prepare(&mut most_of_one, Deletions::TakenOut).work(), 1 + JOINING);
}

#[test]
fn branches_are_copied_as_long_as_another_version_has_one_of_them() {
    let change = |number| vec![(key(0, number), Some(Bytes::from_static(b"v")))];
    let copies =
        |tree: &Tree, number| tree.copies_branches(&tree.prepare(&mut change(number), Deletions::TakenOut));
    let mut tree = Tree::default();
    apply(&mut tree, (0..20_000).map(|number| (key(0, number), Some(Bytes::new()))).collect());
    assert!(!copies(&tree, 0));
    let kept = tree.clone();
    assert!(copies(&tree, 0));
    // Copies the root and one of the branches below it.
    apply(&mut tree, change(0));
    assert!(!copies(&tree, 0) && copies(&tree, 19_999));
    drop(kept);
    assert!(!copies(&tree, 19_999));
}

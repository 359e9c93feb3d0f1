use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::{
    base::{Kind, TenantId},
    engine::{codec::Slot, keys::IndexedValue, schema::IndexNumber},
    store::{Batch, Commit, MemoryStore, Store},
};

type Members = BTreeSet<u64>;

fn prefix(value: usize) -> Key {
    let value = IndexedValue::text(&value.to_string());
    spaces::indexed(Kind::Tenant, IndexNumber::of(Slot::new(1)), value)
}

fn number(number: u64) -> RecordNumber {
    RecordNumber::new(number).unwrap()
}

/// Applies changes of the set with a prefix, and answers the store's batch.
fn change(store: &MemoryStore, work: impl Fn(&mut ChunkChanges)) {
    let commit = store.write(TenantId::DIRECTORY, &mut |newest| {
        let (mut overlay, mut chunks) = (Overlay::new(newest, Batch::new()), ChunkChanges::default());
        work(&mut chunks);
        chunks.apply(&mut overlay)?;
        Ok(overlay.into_batch())
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
}

fn stored(sets: &[Members]) -> MemoryStore {
    let store = MemoryStore::new();
    change(&store, |chunks| {
        for (value, set) in sets.iter().enumerate() {
            set.iter().for_each(|member| chunks.insert(prefix(value), number(*member)));
        }
    });
    store
}

/// Sets that are close together, far apart, and in very many chunks.
fn members() -> impl Strategy<Value = Members> {
    let step = prop::sample::select(vec![1u64, 7, 1_024, 1_500, 100_000]);
    let even = (0u64..5_000, step, 1u64..1_200)
        .prop_map(|(first, step, length)| (0..length).map(|at| first + at * step).collect::<Members>());
    prop_oneof![prop::collection::btree_set(0u64..6_000, 0..40), even]
}

fn all(mut numbers: Numbers<'_>, at_once: usize) -> Members {
    let mut all = Members::new();
    loop {
        let some = numbers.next_many(at_once).unwrap();
        assert!(some.is_sorted() && some.len() <= at_once);
        if some.is_empty() {
            return all;
        }
        all.extend(some.iter().map(|number| number.get()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn sets_are_joined_as_sets_are(
        sets in prop::collection::vec(members(), 1..4), known in prop::option::of(members()), from in 0u64..20_000,
        first in prop::sample::select(vec![1usize, FEWEST, MOST]), at_once in 1usize..300, most in 0u64..2_000,
    ) {
        let store = stored(&sets);
        let snapshot = store.snapshot(TenantId::DIRECTORY).unwrap();
        let joined = || {
            let mut all: Vec<NumberSet> = (0..sets.len()).map(|value| NumberSet::Stored(prefix(value))).collect();
            all.extend(known.iter().map(|known| NumberSet::of(known.iter().map(|member| number(*member)))));
            Numbers::among(&*snapshot, all, first).unwrap()
        };
        let expected = sets.iter().chain(&known).skip(1).fold(sets[0].clone(), |one, other| &one & other);
        prop_assert_eq!(&all(joined(), at_once), &expected);
        let mut later = joined();
        later.start_at(number(from));
        prop_assert_eq!(all(later, at_once), expected.range(from..).copied().collect::<Members>());
        let few = joined().at_most(most).unwrap();
        let is_few = u64::try_from(expected.len()).unwrap() <= most;
        let few = few.map(|few| few.iter().map(|number| number.get()).collect::<Members>());
        prop_assert_eq!(few, is_few.then_some(expected));
        prop_assert_eq!(last(&*snapshot, &prefix(0)).unwrap().map(RecordNumber::get), sets[0].last().copied());
    }

    #[test]
    fn changes_of_a_set_are_made_in_their_order(
        before in members(), changes in prop::collection::vec((0u64..3_000, any::<bool>()), 0..60),
    ) {
        let store = stored(std::slice::from_ref(&before));
        let change_all = |chunks: &mut ChunkChanges| {
            for (member, is_in) in &changes {
                if *is_in {
                    chunks.insert(prefix(0), number(*member));
                } else {
                    chunks.remove(prefix(0), number(*member));
                }
            }
        };
        let mut expected = before;
        for (member, is_in) in &changes {
            if *is_in { expected.insert(*member) } else { expected.remove(member) };
        }
        let read = |snapshot: &dyn Snapshot| {
            let numbers = Numbers::of(snapshot, NumberSet::Stored(prefix(0)), FEWEST);
            all(numbers, 1_000)
        };
        let snapshot = store.snapshot(TenantId::DIRECTORY).unwrap();
        let (mut chunks, mut ahead) = (ChunkChanges::default(), Overlay::new(&*snapshot, Batch::new()));
        change_all(&mut chunks);
        chunks.insert(prefix(1), number(1));
        chunks.apply_one(&prefix(0), &mut ahead).unwrap();
        prop_assert_eq!(read(&ahead), expected.clone());
        prop_assert!(last(&ahead, &prefix(1)).unwrap().is_none(), "another set is left alone");
        change(&store, change_all);
        prop_assert_eq!(read(&*store.snapshot(TenantId::DIRECTORY).unwrap()), expected);
    }
}

//! The bounds of the journal, and who folds it.

use std::thread;

use rally_core::store::{Commit, Key, Space};
use uuid::Uuid;

use super::*;

fn options() -> Options {
    Options { journal_bytes: 64 << 10, folding: Folding::Host, ..Options::default() }
}

fn tenant() -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(7))
}

fn key(number: u32) -> Key {
    Key::new(Space(1)).bytes(&number.to_be_bytes())
}

fn put(store: &RedbStore, number: u32, bytes: usize) {
    let value = vec![b'x'; bytes];
    let commit = store.write(tenant(), &mut |_| {
        let mut batch = Batch::new();
        batch.put(key(number), value.clone());
        Ok(batch)
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
}

/// The memory of both layers.
fn memory(store: &RedbStore) -> [usize; 2] {
    let open = store.shared.database.open.read();
    let layers = &open.as_ref().unwrap().layers;
    [layers.active.bytes, layers.frozen.as_ref().map_or(0, |layer| layer.bytes)]
}

#[test]
fn what_is_not_in_the_tree_yet_keeps_to_its_memory_whoever_folds() {
    for folding in [Folding::Host, Folding::Background] {
        let journal_memory_bytes = 128 << 10;
        let options = Options { journal_bytes: 1 << 20, journal_memory_bytes, folding, ..options() };
        let store = RedbStore::in_memory(options).unwrap();
        let mut most = 0;
        for number in 0..600 {
            put(&store, number, 2_000);
            let [active, frozen] = memory(&store);
            assert!(
                active <= journal_memory_bytes / 2 && active + frozen <= journal_memory_bytes,
                "{active}, {frozen}"
            );
            most = most.max(active + frozen);
        }
        assert!(most > journal_memory_bytes / 5, "the bound was never near: {most}");
        let snapshot = store.snapshot(tenant()).unwrap();
        assert!((0..600).all(|number| snapshot.get(&key(number)).unwrap().is_some()));
    }
}

#[test]
fn a_batch_that_is_too_large_for_the_journal_goes_into_the_tree_at_once() {
    let store = RedbStore::in_memory(options()).unwrap();
    put(&store, 1, 15_000);
    assert!(memory(&store)[0] > 15_000);
    put(&store, 2, 17_000);
    assert_eq!(memory(&store), [0, 0]);
    let snapshot = store.snapshot(tenant()).unwrap();
    assert!(snapshot.get(&key(1)).unwrap().is_some() && snapshot.get(&key(2)).unwrap().is_some());
}

#[test]
fn a_host_that_folds_does_so_when_it_wants_to() {
    let store = RedbStore::in_memory(options()).unwrap();
    put(&store, 1, 100);
    assert!(memory(&store)[0] > 0);
    store.fold().unwrap();
    assert_eq!(memory(&store), [0, 0]);
}

#[test]
fn what_is_old_enough_is_folded_however_little_it_is() {
    let options = Options { folding: Folding::Background, fold_time: Duration::from_millis(1), ..options() };
    let store = RedbStore::in_memory(options).unwrap();
    for number in 0..3 {
        put(&store, number, 100);
        while memory(&store) != [0, 0] {
            thread::yield_now();
        }
    }
}

#[test]
fn a_journal_goes_on_at_its_beginning_as_often_as_it_comes_to_its_end() {
    let memory = Memory::default();
    let store = RedbStore::with_backend(memory.clone(), options()).unwrap();
    for number in 0..300 {
        put(&store, number, 700 + usize::try_from(number * 13 % 900).unwrap());
    }
    // 300 records of a kilobyte or more have been through 64 KiB, and the last of them are still there.
    drop(store);
    let store = RedbStore::with_backend(memory, options()).unwrap();
    let snapshot = store.snapshot(tenant()).unwrap();
    assert!((0..300).all(|number| snapshot.get(&key(number)).unwrap().is_some()));
}

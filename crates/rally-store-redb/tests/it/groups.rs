//! Writers at the same time.

use std::{collections::BTreeSet, thread};

use parking_lot::Mutex;
use rally_core::store::{Commit, Store};
use rally_store_redb::{Folding, Options, RedbStore};

use crate::{
    crash_backend::CrashDisk,
    faults::Faults,
    support::{get, increment, key, number, options, put, tenant},
};

const THREADS: u64 = 16;
const WRITES: u64 = 40;

#[test]
fn sixteen_writers_at_once_lose_nothing() {
    let disk = CrashDisk::new();
    let options = Options { folding: Folding::Background, ..options() };
    let store = RedbStore::with_backend(disk.backend(), options.clone()).unwrap();
    let seen = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, seen) = (&store, &seen);
            scope.spawn(move || {
                for write in 0..WRITES {
                    // Every other write is of a tenant of its own, which shares commits all the same.
                    let made = increment(store, tenant(1), &key("counter")).unwrap();
                    assert!(seen.lock().insert(made), "{made} was given twice");
                    put(store, tenant(u128::from(thread) + 2), &key(&write.to_string()), b"x");
                }
            });
        }
    });
    drop(store);
    let reopened = RedbStore::with_backend(CrashDisk::from_image(&disk.synced_image()).backend(), options);
    let reopened = reopened.unwrap();
    assert_eq!(number(&get(&reopened, tenant(1), &key("counter")).unwrap()), THREADS * WRITES);
    for thread in 0..THREADS {
        for write in 0..WRITES {
            assert!(get(&reopened, tenant(u128::from(thread) + 2), &key(&write.to_string())).is_some());
        }
    }
}

#[test]
fn a_snapshot_taken_after_an_answer_shows_the_write_whoever_else_writes() {
    let store = RedbStore::in_memory(Options::default()).unwrap();
    thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for write in 1..100_u64 {
                    let made = increment(store, tenant(1), &key("shared")).unwrap();
                    let shown = number(&get(store, tenant(1), &key("shared")).unwrap());
                    assert!(shown >= made, "{made} was answered and {shown} is shown");
                    let own = key(&format!("own {thread}"));
                    put(store, tenant(1), &own, write.to_string().as_bytes());
                    assert_eq!(number(&get(store, tenant(1), &own).unwrap()), write);
                }
            });
        }
    });
}

#[test]
fn a_lone_writer_commits_once_a_write_and_never_for_nothing() {
    let (disk, faults) = (CrashDisk::new(), Faults::default());
    let store = RedbStore::with_backend(faults.backend(&disk), options()).unwrap();
    put(&store, tenant(1), &key("a"), b"1");

    let before = faults.syncs();
    put(&store, tenant(1), &key("a"), b"2");
    assert_eq!(faults.syncs() - before, 1);

    let before = faults.calls();
    let empty = store.write(tenant(1), &mut |_| Ok(Default::default())).unwrap();
    assert_eq!(empty, Commit::Applied);
    let refused = store.write(tenant(1), &mut |_| Err(rally_core::store::Abort::Refused)).unwrap();
    assert_eq!(refused, Commit::Refused);
    assert_eq!(faults.calls(), before, "nothing changed, and the disk was asked");
}

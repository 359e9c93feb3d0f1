//! Closing a store, and opening one that was not closed.

use std::{
    fs,
    sync::{Arc, Barrier},
    thread,
};

use parking_lot::Mutex;
use rally_core::store::{Commit, Store, StoreError};
use rally_store_redb::{Durability, Folding, Options, RedbStore};
use tempfile::tempdir;

use crate::support::{get, key, put, tenant, try_put};

/// Opens a file, and gives the fractions that its recovery reported.
fn open(path: &std::path::Path, options: Options) -> (RedbStore, Vec<f64>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    let store =
        RedbStore::open_with_progress(path, options, move |fraction| listener.lock().push(fraction)).unwrap();
    let told = told.lock().clone();
    (store, told)
}

fn is_unavailable<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { reason }) if reason.contains("closed"))
}

#[test]
fn a_closed_store_leaves_a_file_that_needs_no_recovery_whoever_still_refers_to_it() {
    for durability in [Durability::Standard, Durability::Strict] {
        let folder = tempdir().unwrap();
        let path = folder.path().join("crm.redb");
        let options = Options { durability, ..Options::default() };
        let store = Arc::new(RedbStore::open(&path, options.clone()).unwrap());
        put(&*store, tenant(1), &key("a"), b"1");
        let (other, snapshot) = (store.clone(), store.snapshot(tenant(1)).unwrap());
        store.close().unwrap();
        store.close().unwrap();

        assert!(is_unavailable(other.snapshot(tenant(1))));
        assert!(is_unavailable(try_put(&*other, tenant(1), &key("a"), b"2")));
        match snapshot.get(&key("a")) {
            Ok(value) => assert_eq!(value.as_deref(), Some(&b"1"[..])),
            Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}"),
        }
        let (again, recovery) = open(&path, options);
        assert_eq!(recovery, [0.0; 0], "{durability:?}");
        assert_eq!(get(&again, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
    }
}

#[test]
fn writes_that_have_begun_are_committed_before_the_store_is_closed() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let store = RedbStore::open(&path, Options::default()).unwrap();
    let start = Barrier::new(9);
    let answers: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|number| {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    let keys = (0..50).map(|round| key(&format!("{number} {round}")));
                    keys.map(|key| (try_put(store, tenant(1), &key, b"1"), key)).collect::<Vec<_>>()
                })
            })
            .collect();
        start.wait();
        store.close().unwrap();
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    drop(store);
    let (again, recovery) = open(&path, Options::default());
    assert_eq!(recovery, [0.0; 0]);
    for (answer, key) in answers {
        let is_there = get(&again, tenant(1), &key).is_some();
        match answer {
            Ok(commit) => assert!(commit == Commit::Applied && is_there),
            Err(error) => assert!(is_unavailable::<()>(Err(error)) && !is_there),
        }
    }
}

#[test]
fn a_recovery_says_how_far_it_is() {
    let folder = tempdir().unwrap();
    let (path, copy) = (folder.path().join("crm.redb"), folder.path().join("copy.redb"));
    let options = Options { folding: Folding::Host, ..Options::default() };
    let store = RedbStore::open(&path, options).unwrap();
    for number in 0..300 {
        put(&store, tenant(1), &key(&format!("key {number}")), &[b'x'; 2000]);
    }
    // As a crash would have left it.
    fs::copy(&path, &copy).unwrap();

    let (again, recovery) = open(&copy, Options::default());
    assert!(recovery.len() > 20, "{recovery:?}");
    assert!(recovery.is_sorted(), "{recovery:?}");
    assert_eq!((recovery.first(), recovery.last()), (Some(&0.0), Some(&1.0)));
    assert!(get(&again, tenant(1), &key("key 299")).is_some());
}

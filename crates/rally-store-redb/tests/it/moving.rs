//! A file that is deleted, moved or replaced while it is open.

use std::{fs, path::Path};

use rally_core::store::{Store, StoreError};
use rally_store_redb::{Options, RedbStore};
use tempfile::tempdir;

use crate::support::{get, key, put, tenant, try_put};

fn is_told_so<T>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { reason }) if reason.contains("deleted, moved or replaced"))
}

/// Waits for readers to notice, which they do when they next look.
fn wait_until_reads_are(store: &RedbStore, available: bool) {
    while store.snapshot(tenant(1)).is_ok() != available {
        std::thread::yield_now();
    }
}

fn check(away: impl FnOnce(&Path), back: impl FnOnce(&Path)) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let store = RedbStore::open(&path, Options::default()).unwrap();
    put(&store, tenant(1), &key("a"), b"1");

    away(&path);
    for _ in 0..3 {
        assert!(is_told_so(try_put(&store, tenant(1), &key("a"), b"2")));
    }
    wait_until_reads_are(&store, false);
    assert!(is_told_so(store.snapshot(tenant(1)).map(drop)));

    back(&path);
    put(&store, tenant(1), &key("b"), b"3");
    wait_until_reads_are(&store, true);
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&store, tenant(1), &key("b")).as_deref(), Some(&b"3"[..]));
}

fn aside(path: &Path) -> std::path::PathBuf {
    path.with_extension("aside")
}

#[test]
fn a_file_that_is_moved_serves_nobody_until_it_is_back() {
    check(|path| fs::rename(path, aside(path)).unwrap(), |path| fs::rename(aside(path), path).unwrap());
}

#[test]
fn a_file_that_is_replaced_serves_nobody_until_it_is_back() {
    let replace = |path: &Path| {
        fs::rename(path, aside(path)).unwrap();
        fs::copy(aside(path), path).unwrap();
    };
    check(replace, |path| fs::rename(aside(path), path).unwrap());
}

#[test]
fn a_file_that_is_deleted_serves_nobody_until_it_is_back() {
    // Another name keeps it, as nothing else could bring it back.
    let delete = |path: &Path| {
        fs::hard_link(path, aside(path)).unwrap();
        fs::remove_file(path).unwrap();
    };
    check(delete, |path| fs::hard_link(aside(path), path).unwrap());
}

#[test]
fn a_folder_that_is_moved_takes_its_file_away() {
    let folder = tempdir().unwrap();
    let (inner, moved) = (folder.path().join("inner"), folder.path().join("moved"));
    fs::create_dir(&inner).unwrap();
    let store = RedbStore::open(inner.join("crm.redb"), Options::default()).unwrap();
    fs::rename(&inner, &moved).unwrap();
    assert!(is_told_so(try_put(&store, tenant(1), &key("a"), b"1")));
}

/// The file is gone when the write looks for it again after its commit.
#[test]
fn a_write_whose_file_vanishes_before_its_answer_is_not_acknowledged() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let store = RedbStore::open(&path, Options::default()).unwrap();
    let answer = store.write(tenant(1), &mut |_| {
        fs::remove_file(&path).unwrap();
        Ok(crate::support::batch(&[(&key("a"), Some(b"1"))]))
    });
    assert!(matches!(answer, Err(StoreError::CommitUnknown { .. })), "{answer:?}");
}

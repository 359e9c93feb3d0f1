//! Files of older formats: written by earlier versions, and opened by this one.
//!
//! `golden/format_2.deflate` is a file that a version of format 2 was killed over: three tenants with 200 rows each but for four
//! that were deleted, of which a part was in the tree and the rest in the journal.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use rally_core::{
    TenantId,
    store::{Direction, Key, KeyRange, Space, Store},
};
use rally_store_redb::{FORMAT, OpenError, Options, RedbStore};
use uuid::Uuid;

const FORMAT_2: &[u8] = include_bytes!("../golden/format_2.deflate");
/// The place of the number of the format in the head, and that of the checksum of the head.
const FORMAT_AT: std::ops::Range<usize> = 8..12;

fn golden(path: &Path) {
    fs::write(path, miniz_oxide::inflate::decompress_to_vec(FORMAT_2).unwrap()).unwrap();
}

fn format_of(path: &Path) -> u32 {
    u32::from_le_bytes(fs::read(path).unwrap()[FORMAT_AT].try_into().unwrap())
}

/// The rows of a tenant, each as its number and its value.
fn rows(store: &RedbStore, tenant: u128) -> Vec<(Key, String)> {
    let view = store.snapshot(TenantId::from_uuid(Uuid::from_u128(tenant))).unwrap();
    let all = KeyRange::prefix(&Key::new(Space(1)));
    let entries = view.scan(&all, Direction::Forward, 1_000).unwrap();
    entries.into_iter().map(|entry| (entry.key, String::from_utf8(entry.value.to_vec()).unwrap())).collect()
}

fn expected() -> Vec<(Key, String)> {
    let there = (0..200_u64).filter(|number| !(1..=4).contains(number));
    there.map(|number| (Key::new(Space(1)).number(number), format!("value {number}"))).collect()
}

/// The bytes of keys and values, as a file counts them: each key has the four bytes of its tenant's number before it.
fn live(store: &RedbStore) -> u64 {
    let rows = (1..=3).flat_map(|tenant| rows(store, tenant));
    rows.map(|(key, value)| u64::try_from(4 + key.as_bytes().len() + value.len()).unwrap()).sum()
}

#[test]
fn a_file_of_the_format_before_is_converted_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    golden(&path);
    assert_eq!(format_of(&path), 2);
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let store = RedbStore::open_with_progress(&path, Options::default(), move |done| {
        telling.lock().unwrap().push(done)
    });
    let store = store.unwrap();
    for tenant in 1..=3 {
        assert_eq!(rows(&store, tenant), expected());
    }
    assert!(told.lock().unwrap().contains(&1.0), "{told:?}");
    store.fold().unwrap();
    assert_eq!(store.figures().file.unwrap().live_bytes, Some(live(&store)));
    store.close().unwrap();
    drop(store);
    assert_eq!(format_of(&path), FORMAT);
    let again = RedbStore::open(&path, Options::default()).unwrap();
    assert_eq!(rows(&again, 2), expected());
}

#[test]
fn a_conversion_that_was_interrupted_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    golden(&path);
    let head = fs::read(&path).unwrap()[..28].to_vec();
    drop(RedbStore::open(&path, Options::default()).unwrap());
    // All steps were made, and the head does not say so yet.
    let mut bytes = fs::read(&path).unwrap();
    bytes[..28].copy_from_slice(&head);
    fs::write(&path, bytes).unwrap();
    let store = RedbStore::open(&path, Options::default()).unwrap();
    assert_eq!(rows(&store, 1), expected());
    store.fold().unwrap();
    assert_eq!(store.figures().file.unwrap().live_bytes, Some(live(&store)));
}

#[test]
fn a_file_of_a_newer_format_is_refused_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    drop(RedbStore::open(&path, Options::default()).unwrap());
    let before = fs::read(&path).unwrap();
    let mut bytes = before.clone();
    bytes[FORMAT_AT].copy_from_slice(&(FORMAT + 1).to_le_bytes());
    let sum = xxhash_rust::xxh3::xxh3_64(&bytes[..20]).to_le_bytes();
    bytes[20..28].copy_from_slice(&sum);
    fs::write(&path, &bytes).unwrap();
    let error = RedbStore::open(&path, Options::default()).unwrap_err();
    let told = matches!(error, OpenError::UnknownFormat { found, known: FORMAT, .. } if found == FORMAT + 1);
    assert!(told, "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes, "and left as it is");
}

#[test]
fn bytes_that_are_of_use_are_counted_as_rows_come_change_and_go() {
    let store = RedbStore::in_memory(Options::default()).unwrap();
    let tenant = TenantId::from_uuid(Uuid::from_u128(1));
    let key = |number| Key::new(Space(1)).number(number);
    let write = |changes: &[(u64, Option<&str>)]| {
        let written = store.write(tenant, &mut |_| {
            let mut batch = rally_core::store::Batch::new();
            for (number, value) in changes {
                match value {
                    Some(value) => batch.put(key(*number), (*value).to_owned()),
                    None => batch.delete(key(*number)),
                }
            }
            Ok(batch)
        });
        assert_eq!(written.unwrap(), rally_core::store::Commit::Applied);
        store.fold().unwrap();
        store.figures().file.unwrap().live_bytes
    };
    let row = u64::try_from(4 + key(1).as_bytes().len()).unwrap();
    assert_eq!(write(&[(1, Some("abc")), (2, Some("de"))]), Some(2 * row + 5));
    assert_eq!(write(&[(1, Some("a")), (3, None)]), Some(2 * row + 3));
    assert_eq!(write(&[(1, None), (2, Some(""))]), Some(row));
    assert_eq!(write(&[(2, None)]), Some(0));
}

#[test]
fn a_reader_who_keeps_an_old_state_is_seen() {
    let store = RedbStore::in_memory(Options::default()).unwrap();
    let tenant = TenantId::from_uuid(Uuid::from_u128(1));
    let write = |number: u64| {
        let key = Key::new(Space(1)).number(number);
        let written = store.write(tenant, &mut |_| {
            let mut batch = rally_core::store::Batch::new();
            batch.put(key.clone(), "value");
            Ok(batch)
        });
        assert_eq!(written.unwrap(), rally_core::store::Commit::Applied);
        store.fold().unwrap();
    };
    let oldest = || store.figures().file.unwrap().oldest_snapshot;
    write(1);
    assert!(oldest().is_zero());
    let reader = store.snapshot(tenant).unwrap();
    assert!(oldest().is_zero(), "it reads the newest state");
    write(2);
    assert!(!oldest().is_zero());
    drop(reader);
    assert!(oldest().is_zero());
    let commits = store.figures().commits.unwrap();
    assert_eq!((commits.micros.count(), commits.writes.count(), commits.writes.sum), (2, 2, 2));
}

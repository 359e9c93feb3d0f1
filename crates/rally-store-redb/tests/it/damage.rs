//! A file that is not what was written: every answer is right or an error, whichever byte has changed.

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use rally_core::{
    Atomicity, Config, ContactDraft, Engine, TenantDraft, TenantId,
    store::{Batch, Commit, Direction, Entry, Key, KeyRange, Snapshot, Space, Store, StoreError},
};
use rally_store_redb::{OpenError, Options, RedbStore};
use redb::StorageBackend;
use tempfile::tempdir;

use crate::{
    crash_backend::CrashDisk,
    support::{batch, get, options, put, tenant},
};

/// All rows of a tenant, in their order.
type Rows = Vec<(TenantId, Vec<(Key, Bytes)>)>;

/// The place of the tree behind the head and the journal.
const TREE: usize = 4096 + (64 << 10);

/// The number of bytes that are changed, one at a time.
const FLIPS: usize = 240;

/// Makes a file with records of an engine, closes it, and gives what is in it.
fn write(path: &Path) -> Rows {
    let store = Arc::new(RedbStore::open(path, options()).unwrap());
    let (environment, _) = rally_testkit::environment(7);
    let engine = Engine::with(store.clone(), environment, Config::default());
    let mut tenants = vec![TenantId::DIRECTORY];
    for slug in ["acme", "globex"] {
        let handle = engine.create_tenant(&TenantDraft::new(slug)).unwrap();
        let session = handle.trusted_session("host").unwrap();
        let draft = |number: usize| {
            ContactDraft::new("Ada", "Lovelace", format!("a{number}@x.example")).notes("x".repeat(number * 9))
        };
        for round in 0..12 {
            let drafts: Vec<_> = (round * 20..round * 20 + 20).map(draft).collect();
            session.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
        }
        tenants.push(session.tenant().id);
    }
    let rows = tenants.into_iter().map(|tenant| (tenant, rows(&*store, tenant).unwrap())).collect();
    store.close().unwrap();
    rows
}

fn rows(store: &dyn Store, tenant: TenantId) -> Result<Vec<(Key, Bytes)>, StoreError> {
    let snapshot = store.snapshot(tenant)?;
    let mut rows = Vec::new();
    for space in 0..=u8::MAX {
        let found = scan(&*snapshot, space, Direction::Forward)?;
        rows.extend(found.into_iter().map(|entry| (entry.key, entry.value)));
    }
    Ok(rows)
}

fn scan(snapshot: &dyn Snapshot, space: u8, direction: Direction) -> Result<Vec<Entry>, StoreError> {
    snapshot.scan(&KeyRange::prefix(&Key::new(Space(space))), direction, usize::MAX)
}

/// What a store made of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Right,
    Error,
    Wrong,
}

fn judge<T>(answer: Result<T, StoreError>, is_right: impl FnOnce(T) -> bool) -> Answer {
    match answer.map(is_right) {
        Ok(true) => Answer::Right,
        Ok(false) => Answer::Wrong,
        Err(_) => Answer::Error,
    }
}

/// Asks for everything in every way, before and after more is written.
fn ask(path: &Path, expected: &Rows) -> Vec<Answer> {
    let Ok(store) = RedbStore::open(path, options()) else { return vec![Answer::Error] };
    let mut answers = ask_all(&store, expected);
    for commit in 0..4 {
        let mut batch = Batch::new();
        for number in 0..10 {
            batch.put(Key::new(Space(1)).bytes(&[commit, number]), vec![number; 3000]);
        }
        drop(store.write(tenant(99), &mut |_| Ok(batch.clone())));
    }
    answers.extend(ask_all(&store, expected));
    answers
}

fn ask_all(store: &RedbStore, expected: &Rows) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (tenant, expected) in expected {
        answers.push(judge(rows(store, *tenant), |rows| rows == *expected));
        let Ok(snapshot) = store.snapshot(*tenant) else {
            answers.push(Answer::Error);
            continue;
        };
        for (key, value) in expected {
            answers.push(judge(snapshot.get(key), |found| found.as_ref() == Some(value)));
        }
        let keys: Vec<_> = expected.iter().map(|(key, _)| key.clone()).collect();
        let found = snapshot.get_many(&keys);
        answers.push(judge(found, |found| {
            found.into_iter().flatten().eq(expected.iter().map(|row| row.1.clone()))
        }));
        let backward = (0..=u8::MAX).rev().try_fold(Vec::new(), |mut rows, space| {
            rows.extend(scan(&*snapshot, space, Direction::Backward)?.into_iter().map(|entry| entry.key));
            Ok(rows)
        });
        answers.push(judge(backward, |found| found.into_iter().rev().eq(keys)));
    }
    answers
}

#[test]
fn a_changed_byte_of_a_closed_file_gives_no_wrong_answer() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("crm.redb");
    let expected = write(&path);
    let whole = fs::read(&path).unwrap();
    assert!(ask(&path, &expected).iter().all(|answer| *answer == Answer::Right));

    let (mut harmless, mut noticed, mut wrong) = (0, 0, Vec::new());
    let mut random = 0x9E37_79B9_u64;
    for flip in 0..FLIPS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The head and the first pages of the tree are few beside the others, and matter most; the journal is empty.
        let (start, end) = match flip % 8 {
            0 => (0, 64),
            4 => (TREE, TREE + 4096 * 3),
            _ => (TREE, whole.len()),
        };
        let place = start + usize::try_from(random >> 20).unwrap() % (end - start);
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << ((random >> 10) % 8);
        fs::write(&path, bytes).unwrap();
        let answers = panic::catch_unwind(AssertUnwindSafe(|| ask(&path, &expected)));
        match answers {
            Ok(answers) if answers.contains(&Answer::Wrong) => wrong.push((place, "wrong")),
            Ok(answers) if answers.contains(&Answer::Error) => noticed += 1,
            Ok(_) => harmless += 1,
            Err(_) => wrong.push((place, "panic")),
        }
    }
    println!("of {FLIPS}: {harmless} harmless, {noticed} noticed, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} of {FLIPS} of {} bytes: {wrong:?}", wrong.len(), whole.len());
    assert!(noticed > FLIPS / 4, "{noticed} noticed");
}

#[test]
fn damage_is_told_where_it_is_met_and_all_else_goes_on() {
    let row = |number: usize| Key::new(Space(1)).bytes(format!("row {number:03}").as_bytes());
    let value = |number: usize| format!("value {number:03} ").repeat(100);
    let disk = CrashDisk::new();
    // Without a cache every read reaches the disk.
    let options = Options { cache_bytes: 0, ..options() };
    let store = RedbStore::with_backend(disk.backend(), options.clone()).unwrap();
    for number in 0..300 {
        put(&store, tenant(1), &row(number), value(number).as_bytes());
    }
    store.fold().unwrap();
    let overwrite = |from: &[u8], by: &[u8]| {
        let image = disk.synced_image();
        let places = image.windows(from.len()).enumerate().filter(|(_, found)| *found == from);
        for (place, _) in places {
            disk.backend().write(u64::try_from(place).unwrap(), by).unwrap();
        }
        disk.backend().sync_data().unwrap();
    };
    overwrite(b"value 150 ", b"V");

    for _ in 0..3 {
        let damaged = store.snapshot(tenant(1)).unwrap().get(&row(150));
        assert!(matches!(damaged, Err(StoreError::Corrupt { .. })), "{damaged:?}");
        let all = scan(&*store.snapshot(tenant(1)).unwrap(), 1, Direction::Forward);
        assert!(matches!(all, Err(StoreError::Corrupt { .. })), "{all:?}");
        for number in [0, 10, 299] {
            assert_eq!(get(&store, tenant(1), &row(number)).as_deref(), Some(value(number).as_bytes()));
        }
        put(&store, tenant(2), &row(1), b"more");
        store.fold().unwrap();
    }

    // What finds no place is kept aside, and counts from then on.
    let check = |store: &RedbStore, expected: Option<&[u8]>| {
        assert_eq!(get(store, tenant(1), &row(150)).as_deref(), expected);
        assert_eq!(get(store, tenant(1), &row(10)).as_deref(), Some(value(10).as_bytes()));
        assert_eq!(get(store, tenant(2), &row(1)).as_deref(), Some(&b"more"[..]));
    };
    for expected in [Some(&b"new"[..]), None, Some(b"newer")] {
        let written = store.write(tenant(1), &mut |_| Ok(batch(&[(&row(150), expected)])));
        assert!(matches!(written, Ok(Commit::Applied)), "{written:?}");
        check(&store, expected);
        store.fold().unwrap();
        check(&store, expected);
        let image = CrashDisk::from_image(&disk.synced_image());
        check(&RedbStore::with_backend(image.backend(), options.clone()).unwrap(), expected);
        put(&store, tenant(2), &row(2), b"elsewhere");
        store.fold().unwrap();
        check(&store, expected);
    }

    // Once its place is sound again, a change goes there, and nothing hides it.
    overwrite(b"Value 150 ", b"v");
    put(&store, tenant(1), &row(150), b"newest");
    store.fold().unwrap();
    check(&store, Some(b"newest"));
    let image = CrashDisk::from_image(&disk.synced_image());
    check(&RedbStore::with_backend(image.backend(), options.clone()).unwrap(), Some(b"newest"));
    assert_eq!(scan(&*store.snapshot(tenant(1)).unwrap(), 1, Direction::Forward).unwrap().len(), 300);
}

#[test]
fn a_damaged_record_of_the_journal_is_noticed_by_those_behind_it() {
    const JOURNAL: usize = 4096;
    const RECORD: usize = 512;
    let key = |number: usize| Key::new(Space(1)).bytes(number.to_string().as_bytes());
    let disk = CrashDisk::new();
    let store = RedbStore::with_backend(disk.backend(), options()).unwrap();
    for number in 0..3 {
        put(&store, tenant(1), &key(number), b"value");
    }
    let whole = disk.synced_image();
    for record in 0..3 {
        for place in [0, 17, 24, 40, 60] {
            let mut bytes = whole.clone();
            bytes[JOURNAL + record * RECORD + place] ^= 4;
            let opened = RedbStore::with_backend(CrashDisk::from_image(&bytes).backend(), options());
            // The last one cannot be told from one that a crash has torn.
            match (record, opened) {
                (0 | 1, Err(OpenError::Damaged { .. })) => {}
                (2, Ok(store)) => {
                    let there = (0..3).map(|number| get(&store, tenant(1), &key(number)).is_some());
                    assert!(there.eq([true, true, false]), "{place}");
                }
                (_, opened) => panic!("record {record}, byte {place}: {opened:?}"),
            }
        }
    }
}

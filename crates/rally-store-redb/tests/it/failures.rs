//! A disk that fails: every answer is true, and the store serves again by itself.

use rally_core::{
    TenantId,
    store::{Commit, Store, StoreError},
};
use rally_store_redb::{Durability, Options, RedbStore};

use crate::{
    crash_backend::CrashDisk,
    faults::Faults,
    support::{batch, get, key, number, options, put, tenant, try_put},
};

const WRITES: u64 = 5;

/// Two keys a write, so that half a batch would show, in pages that no later write touches.
fn write(store: &dyn Store, number: u64) -> Result<Commit, StoreError> {
    let text = number.to_string().repeat(3000);
    let (left, right) = (key(&format!("left {number}")), key(&format!("right {number}")));
    store.write(tenant(7), &mut |_| {
        Ok(batch(&[(&left, Some(text.as_bytes())), (&right, Some(text.as_bytes()))]))
    })
}

fn is_there(store: &dyn Store, tenant: TenantId, number: u64) -> bool {
    let left = get(store, tenant, &key(&format!("left {number}")));
    let right = get(store, tenant, &key(&format!("right {number}")));
    assert_eq!(left, right, "half of write {number}");
    left.is_some()
}

fn check_answers(store: &dyn Store, answers: &[Result<Commit, StoreError>], story: &str) {
    for (answer, number) in answers.iter().zip(0..) {
        let there = is_there(store, tenant(7), number);
        match answer {
            Ok(_) => assert!(there, "{story}: write {number} was acknowledged and is lost"),
            Err(StoreError::CommitUnknown { .. }) => {}
            Err(error) => assert!(!there, "{story}: write {number} is there in spite of {error}"),
        }
    }
}

fn open_after_a_crash(
    disk: &CrashDisk,
    options: &Options,
    answers: &[Result<Commit, StoreError>],
    story: &str,
) -> RedbStore {
    let image = CrashDisk::from_image(&disk.synced_image());
    let story = format!("{story}, then the power");
    let reopened = RedbStore::with_backend(image.backend(), options.clone())
        .unwrap_or_else(|error| panic!("{story}: {error}: {error:?}"));
    check_answers(&reopened, answers, &story);
    assert!(get(&reopened, tenant(7), &key("before")).is_some());
    reopened
}

/// Fails so many calls after so many, and says whether that point was reached, and how often the outcome was unknown.
fn fail(durability: Durability, after: usize, calls: usize) -> (bool, usize) {
    let story = format!("{durability:?}, {calls} calls failed after {after}");
    let options = Options { durability, ..options() };
    let (disk, faults) = (CrashDisk::new(), Faults::default());
    let store = RedbStore::with_backend(faults.backend(&disk), options.clone()).unwrap();
    put(&store, tenant(7), &key("before"), b"1");

    faults.fail(after, calls);
    let answers: Vec<_> = (0..WRITES)
        .map(|number| {
            let answer = write(&store, number);
            if number % 2 == 0 {
                // What cannot be folded stays in the journal.
                drop(store.fold());
            }
            answer
        })
        .collect();
    let reached = faults.heal();
    drop(open_after_a_crash(&disk, &options, &answers, &story));

    let again = try_put(&store, tenant(7), &key("after"), b"1");
    assert!(matches!(again, Ok(Commit::Applied)), "{story}: the store does not serve again: {again:?}");
    check_answers(&store, &answers, &story);

    let reopened = open_after_a_crash(&disk, &options, &answers, &story);
    assert!(get(&reopened, tenant(7), &key("after")).is_some());
    let unknown =
        answers.iter().filter(|answer| matches!(answer, Err(StoreError::CommitUnknown { .. }))).count();
    (reached, unknown)
}

fn fail_everywhere(durability: Durability, calls: usize) -> usize {
    let mut unknown = 0;
    for after in 0.. {
        let (reached, doubts) = fail(durability, after, calls);
        unknown += doubts;
        if !reached {
            assert!(after > 20, "so few calls make no commit");
            break;
        }
    }
    unknown
}

#[test]
fn one_failed_call_leaves_no_outcome_unknown() {
    assert_eq!(fail_everywhere(Durability::Standard, 1), 0);
    assert_eq!(fail_everywhere(Durability::Strict, 1), 0);
}

#[test]
fn a_disk_that_fails_for_a_while_gets_only_true_answers() {
    let unknown = fail_everywhere(Durability::Standard, 3) + fail_everywhere(Durability::Standard, 12);
    assert!(unknown > 0, "a store that could not be opened again has claimed to know");
    fail_everywhere(Durability::Strict, 4);
}

#[test]
fn a_failed_read_heals_at_the_next_snapshot() {
    let (disk, faults) = (CrashDisk::new(), Faults::default());
    // Without a cache every read reaches the disk.
    let options = Options { cache_bytes: 0, ..options() };
    let store = RedbStore::with_backend(faults.backend(&disk), options).unwrap();
    for number in 0..500 {
        put(&store, tenant(1), &key(&format!("key {number}")), &[b'x'; 100]);
    }
    store.fold().unwrap();

    faults.fail(0, 1);
    let snapshot = store.snapshot(tenant(1)).unwrap();
    let error = (0..500).find_map(|number| snapshot.get(&key(&format!("key {number}"))).err());
    assert!(matches!(error, Some(StoreError::Unavailable { .. })), "{error:?}");
    assert!(faults.heal());

    assert_eq!(get(&store, tenant(1), &key("key 250")).as_deref(), Some(&[b'x'; 100][..]));
}

#[test]
fn a_disk_that_stays_dead_makes_writing_unavailable_and_reading_not_wrong() {
    // Without a cache every read reaches the disk; with one, what was read before can still be read.
    for cache_bytes in [0, 16 << 20] {
        let (disk, faults) = (CrashDisk::new(), Faults::default());
        let options = Options { cache_bytes, ..options() };
        let store = RedbStore::with_backend(faults.backend(&disk), options).unwrap();
        put(&store, tenant(1), &key("a"), b"1");

        faults.fail(0, usize::MAX);
        assert!(try_put(&store, tenant(1), &key("a"), b"2").is_err());
        for _ in 0..3 {
            let error = try_put(&store, tenant(1), &key("a"), b"2");
            assert!(matches!(error, Err(StoreError::Unavailable { .. })), "{error:?}");
            match store.snapshot(tenant(1)).and_then(|snapshot| snapshot.get(&key("a"))) {
                Ok(value) => assert_eq!(value.as_deref(), Some(&b"1"[..])),
                Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}"),
            }
        }
        faults.heal();
        let found = get(&store, tenant(1), &key("a")).unwrap();
        assert!(number(&found) <= 2);
        put(&store, tenant(1), &key("a"), b"3");
        assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"3"[..]));
    }
}

#[test]
fn a_snapshot_from_before_a_failure_is_right_or_unavailable() {
    let (disk, faults) = (CrashDisk::new(), Faults::default());
    let store = RedbStore::with_backend(faults.backend(&disk), options()).unwrap();
    put(&store, tenant(1), &key("a"), b"1");
    let before = store.snapshot(tenant(1)).unwrap();

    faults.fail(0, 1);
    try_put(&store, tenant(1), &key("a"), b"2").unwrap_err();
    put(&store, tenant(1), &key("a"), b"3");

    match before.get(&key("a")) {
        Ok(value) => assert_eq!(value.as_deref(), Some(&b"1"[..])),
        Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}"),
    }
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"3"[..]));
}

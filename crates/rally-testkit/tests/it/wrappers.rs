use std::sync::Arc;

use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store, StoreError},
};
use rally_testkit::{CountingStore, Counts, FaultyStore, ReadFault, SharedStore, WriteFault};

const TENANT: TenantId = TenantId::DIRECTORY;

fn key(number: u8) -> Key {
    Key::new(Space(7)).byte(number)
}

fn batch(numbers: &[u8]) -> Batch {
    let mut batch = Batch::new();
    for number in numbers {
        batch.put(key(*number), vec![*number]);
    }
    batch
}

fn put(store: &dyn Store, number: u8) -> Result<Commit, StoreError> {
    store.write(TENANT, &mut |_| Ok(batch(&[number])))
}

fn is_there(store: &dyn Store, number: u8) -> bool {
    store.snapshot(TENANT).unwrap().get(&key(number)).unwrap().is_some()
}

fn faulty() -> (Arc<MemoryStore>, FaultyStore) {
    let memory = Arc::new(MemoryStore::new());
    (Arc::clone(&memory), FaultyStore::new(memory))
}

#[test]
fn counts_are_of_what_was_asked_and_answered() {
    let store = CountingStore::new(Arc::new(MemoryStore::new()));
    let commit = store.write(TENANT, &mut |now| {
        now.get(&key(1))?;
        Ok(batch(&[1, 2, 3]))
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
    let commit = store.write(TENANT, &mut |_| Err(Abort::Refused));
    assert_eq!(commit.unwrap(), Commit::Refused);
    let view = store.snapshot(TENANT).unwrap();
    view.get_many(&[key(1), key(1), key(9)]).unwrap();
    view.get_many(&[]).unwrap();
    view.prefetch(&[key(1)]).unwrap();
    view.scan(&KeyRange::prefix(&Key::new(Space(7))), Direction::Forward, 2).unwrap();
    store.ready().unwrap();
    let expected = Counts {
        readies: 1,
        snapshots: 1,
        gets: 1,
        get_manys: 2,
        keys_asked: 3,
        prefetches: 1,
        scans: 1,
        entries: 2,
        round_trips: 4,
        writes: 2,
        builds: 2,
        changes: 3,
    };
    assert_eq!(store.counts(), expected);
    store.reset();
    assert_eq!(store.counts(), Counts::default());
    view.get(&key(1)).unwrap();
    assert_eq!(store.counts(), Counts { gets: 1, ..Counts::default() }, "the key was announced");
    view.get(&key(2)).unwrap();
    assert_eq!(store.counts(), Counts { gets: 2, round_trips: 1, ..Counts::default() });
}

#[test]
fn a_build_that_runs_again_is_counted_again_and_its_batch_once() {
    let (_, faulty) = faulty();
    faulty.fail_write(0, WriteFault::BuiltTwice);
    let store = CountingStore::new(Arc::new(faulty));
    assert_eq!(put(&store, 1).unwrap(), Commit::Applied);
    let counts = store.counts();
    assert_eq!((counts.writes, counts.builds, counts.changes), (1, 2, 1));
}

/// The answer that a fault gives the caller, the runs of `build`, and whether the batch is applied.
#[track_caller]
fn check(fault: WriteFault, expected: &str, expected_runs: usize, applied: bool) {
    let (memory, store) = faulty();
    store.fail_write(1, fault);
    assert_eq!(put(&store, 1).unwrap(), Commit::Applied, "the write before");
    let mut runs = 0;
    let outcome = store.write(TENANT, &mut |_| {
        runs += 1;
        Ok(batch(&[2]))
    });
    let outcome = format!("{outcome:?}");
    assert!(outcome.starts_with(expected), "{fault:?}: {outcome}");
    assert_eq!((runs, is_there(&*memory, 2)), (expected_runs, applied), "{fault:?}");
    assert_eq!(put(&store, 3).unwrap(), Commit::Applied, "the write after");
}

#[test]
fn each_fault_of_a_write_does_what_it_says() {
    check(WriteFault::Unavailable, "Err(Unavailable", 0, false);
    check(WriteFault::Conflict, "Err(Conflict", 1, false);
    check(WriteFault::BuiltTwice, "Ok(Applied", 2, true);
    check(WriteFault::AnswerLost, "Err(CommitUnknown", 1, true);
    check(WriteFault::CommitLost, "Err(CommitUnknown", 1, false);
}

#[test]
fn a_write_that_is_refused_is_refused_under_every_fault_that_lets_it_build() {
    for fault in WriteFault::ALL {
        let (_, store) = faulty();
        store.fail_write(0, fault);
        let outcome = store.write(TENANT, &mut |_| Err(Abort::Refused));
        match fault {
            WriteFault::Unavailable => assert!(matches!(outcome, Err(StoreError::Unavailable { .. }))),
            _ => assert_eq!(outcome.unwrap(), Commit::Refused, "{fault:?}"),
        }
    }
}

#[test]
fn a_batch_that_is_too_large_is_so_under_every_fault_that_lets_it_build() {
    for fault in WriteFault::ALL.into_iter().filter(|fault| *fault != WriteFault::Unavailable) {
        let (_, store) = faulty();
        store.fail_write(0, fault);
        let long = key(1).bytes(&vec![0; store.limits().key_bytes]);
        let outcome = store.write(TENANT, &mut |_| {
            let mut batch = Batch::new();
            batch.delete(long.clone());
            Ok(batch)
        });
        assert!(matches!(outcome, Err(StoreError::TooLarge { .. })), "{fault:?}: {outcome:?}");
    }
}

#[test]
fn reads_fail_at_their_number_within_build_too() {
    let (memory, store) = faulty();
    store.fail_read(0, ReadFault::Unavailable);
    store.fail_read(2, ReadFault::Corrupt);
    store.fail_read(3, ReadFault::Unavailable);
    assert!(matches!(store.snapshot(TENANT).err(), Some(StoreError::Unavailable { .. })));
    let view = store.snapshot(TENANT).unwrap();
    assert!(matches!(view.get(&key(1)), Err(StoreError::Corrupt { .. })));
    let outcome = store.write(TENANT, &mut |now| {
        now.get_many(&[key(1)])?;
        Ok(batch(&[1]))
    });
    assert!(matches!(outcome, Err(StoreError::Unavailable { .. })));
    assert!(!is_there(&*memory, 1));
    assert!(view.scan(&KeyRange::prefix(&key(1)), Direction::Forward, 1).unwrap().is_empty());
}

/// The numbers of the writes that fail.
fn failures(seed: u64, once_in: usize) -> Vec<u8> {
    let (_, store) = faulty();
    store.fail_writes_at_random(seed, once_in, &[WriteFault::Unavailable]);
    (0..200).filter(|number| put(&store, *number).is_err()).collect()
}

#[test]
fn faults_at_random_are_repeated_by_their_seed() {
    let found = failures(1, 4);
    assert!((20..90).contains(&found.len()), "{} of 200", found.len());
    assert_eq!(failures(1, 4), found);
    assert_ne!(failures(2, 4), found);
    assert_eq!(failures(1, 1).len(), 200);
    assert!(failures(1, 0).is_empty());
}

#[test]
fn a_healed_store_fails_no_more() {
    let (_, store) = faulty();
    store.fail_writes_at_random(1, 1, &WriteFault::ALL);
    store.fail_reads_at_random(1, 1);
    store.fail_write(1, WriteFault::Conflict);
    assert!(store.snapshot(TENANT).is_err());
    store.heal();
    for number in 0..20 {
        assert_eq!(put(&store, number).unwrap(), Commit::Applied);
        assert!(is_there(&store, number));
    }
}

#[test]
fn a_shared_store_is_the_other_and_says_that_it_is_shared() {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let shared = SharedStore::new(memory.clone());
    assert_eq!((memory.is_shared(), shared.is_shared()), (false, true));
    assert_eq!(put(&shared, 1).unwrap(), Commit::Applied);
    assert!(is_there(&*memory, 1) && is_there(&shared, 1));
    assert_eq!(shared.limits(), memory.limits());
}

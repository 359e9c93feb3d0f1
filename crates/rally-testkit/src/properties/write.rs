//! Writes, and their ends without a batch.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rally_core::store::{Abort, Batch, Commit, Direction, Store, StoreError};

use super::{
    Property,
    given::{
        Contents, NEIGHBOUR, TENANT, apply, contents, get, key, newest, number, put, puts, snapshot, space,
        try_write, write,
    },
    threads::{all_at_once, without_waiting},
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(build_sees_the_writes_before_it),
        Property::of(build_reads_as_a_snapshot_does),
        Property::of(a_write_that_takes_effect_runs_build),
        Property::of(writes_of_one_tenant_never_interleave),
        Property::of(writers_who_refuse_or_fail_do_not_disturb_those_who_do_not),
        Property::of(the_last_run_of_build_makes_the_batch),
        Property::of(a_refused_write_changes_nothing),
        Property::of(an_error_in_build_is_returned_as_it_is_and_changes_nothing),
        Property::of(a_panic_in_build_changes_nothing_and_leaves_the_store_usable),
    ]
}

/// Adds one to a number within a write.
fn increment(store: &dyn Store, name: &[u8]) {
    let counter = key(7, name);
    write(store, TENANT, |now| {
        let next = number(get(now, &counter)) + 1;
        puts([(counter.clone(), next.to_be_bytes().to_vec())])
    });
}

/// The contents that a check leaves in the store before a write that must not change them.
fn some_contents(store: &dyn Store) -> Contents {
    let contents: Contents =
        ["a", "b", "c"].map(|name| (key(7, name.as_bytes()), name.as_bytes().to_vec().into())).into();
    apply(store, TENANT, &puts(contents.clone()));
    contents
}

fn build_sees_the_writes_before_it(store: &Arc<dyn Store>) {
    for count in 1..=50 {
        increment(&**store, b"counter");
        assert_eq!(number(get(&*snapshot(&**store, TENANT), &key(7, b"counter"))), count);
    }
    put(&**store, TENANT, &key(7, b"counter"), 7u64.to_be_bytes().to_vec());
    let mut batch = Batch::new();
    batch.delete(key(7, b"counter"));
    apply(&**store, TENANT, &batch);
    increment(&**store, b"counter");
    assert_eq!(number(get(&*snapshot(&**store, TENANT), &key(7, b"counter"))), 1, "build saw the deletion");
}

fn build_reads_as_a_snapshot_does(store: &Arc<dyn Store>) {
    let before = some_contents(&**store);
    put(&**store, NEIGHBOUR, &key(7, b"d"), "another's");
    write(&**store, TENANT, |now| {
        assert_eq!(contents(now), before, "a scan within build");
        for (key, value) in &before {
            assert_eq!(get(now, key).as_ref(), Some(value));
        }
        let asked = [key(7, b"d"), key(7, b"a"), key(7, b"d"), key(7, b"a")];
        let values = now.get_many(&asked).expect("a healthy store reads within build");
        assert_eq!(values, [None, Some("a".into()), None, Some("a".into())]);
        let none = now.scan(&space(7), Direction::Backward, 0);
        assert_eq!(none.expect("a healthy store scans within build"), []);
        Batch::new()
    });
}

fn a_write_that_takes_effect_runs_build(store: &Arc<dyn Store>) {
    for empty in [true, false, true] {
        let mut runs = 0;
        write(&**store, TENANT, |_| {
            runs += 1;
            if empty { Batch::new() } else { puts([(key(7, b"a"), "1")]) }
        });
        assert!(runs > 0, "a batch that nobody built was applied, an empty one or not: {empty}");
    }
}

fn writes_of_one_tenant_never_interleave(store: &Arc<dyn Store>) {
    let writer = Arc::clone(store);
    let log = |number: u64| key(1, b"").number(number);
    all_at_once(8, move |thread| {
        for _ in 0..20 {
            write(&*writer, TENANT, |now| {
                let next = number(get(now, &key(7, b"counter")));
                assert_eq!(get(now, &log(next)), None, "entry {next} of the log was written by another");
                puts([
                    (key(7, b"counter"), (next + 1).to_be_bytes().to_vec()),
                    (log(next), thread.to_string().into_bytes()),
                ])
            });
        }
    });
    assert_eq!(number(get(&*snapshot(&**store, TENANT), &key(7, b"counter"))), 160, "no increment is lost");
    let entries = newest(&**store, TENANT);
    for thread in 0..8 {
        let own = entries.values().filter(|value| **value == thread.to_string()).count();
        assert_eq!(own, 20, "entries of thread {thread}");
    }
}

/// Runs each way in which a write can end without a batch, and checks that the caller is told.
fn end_without_a_batch(store: &dyn Store, way: usize) {
    let lost = key(7, b"lost");
    match way % 3 {
        0 => {
            let outcome = try_write(store, TENANT, |_| Err(Abort::Refused));
            assert_eq!(outcome.expect("a refusal is no error"), Commit::Refused);
        }
        1 => {
            let outcome = try_write(store, TENANT, |now| {
                get(now, &lost);
                Err(StoreError::Unavailable { reason: "on purpose".to_owned() }.into())
            });
            assert!(matches!(outcome, Err(StoreError::Unavailable { .. })), "{outcome:?}");
        }
        _ => assert!(panic_in_build(store).is_err(), "a panic in build reaches the caller"),
    }
}

/// Panics without the noise of a panic message.
fn panic_in_build(store: &dyn Store) -> std::thread::Result<Result<Commit, StoreError>> {
    catch_unwind(AssertUnwindSafe(|| {
        store.write(TENANT, &mut |now| {
            contents(now);
            std::panic::resume_unwind(Box::new("on purpose"))
        })
    }))
}

fn writers_who_refuse_or_fail_do_not_disturb_those_who_do_not(store: &Arc<dyn Store>) {
    let writer = Arc::clone(store);
    all_at_once(6, move |thread| {
        for count in 0..15 {
            if thread % 2 == 0 {
                increment(&*writer, b"counter");
            } else {
                end_without_a_batch(&*writer, count);
            }
        }
    });
    let expected = Contents::from([(key(7, b"counter"), 45u64.to_be_bytes().to_vec().into())]);
    assert_eq!(newest(&**store, TENANT), expected);
}

fn the_last_run_of_build_makes_the_batch(store: &Arc<dyn Store>) {
    let writer = Arc::clone(store);
    let expected = all_at_once(4, move |thread| {
        let write_once = |count: usize| {
            let mut runs = 0usize;
            let mut last = None;
            write(&*writer, TENANT, |now| {
                contents(now);
                runs += 1;
                let run = (key(1, format!("{thread} {count} {runs}").as_bytes()), runs.to_string().into());
                last = Some(run.clone());
                puts([run])
            });
            last.expect("build has run")
        };
        (0..15).map(write_once).collect::<Vec<_>>()
    });
    let expected: Contents = expected.into_iter().flatten().collect();
    assert_eq!(newest(&**store, TENANT), expected, "nothing of a run before the last is applied");
}

fn a_refused_write_changes_nothing(store: &Arc<dyn Store>) {
    let before = some_contents(&**store);
    let commit = try_write(&**store, TENANT, |now| {
        assert_eq!(contents(now), before);
        Err(Abort::Refused)
    });
    assert_eq!(commit.expect("a refusal is no error"), Commit::Refused);
    assert_eq!(newest(&**store, TENANT), before);
    let commit = try_write(&**store, NEIGHBOUR, |_| Err(Abort::Refused));
    assert_eq!(commit.expect("a refusal is no error"), Commit::Refused);
    assert!(newest(&**store, NEIGHBOUR).is_empty());
    put(&**store, TENANT, &key(7, b"d"), "d");
    assert_eq!(newest(&**store, TENANT).len(), before.len() + 1, "the next write is applied");
}

/// Every error but a conflict, which a store may take for its own and run `build` again.
fn errors() -> [fn() -> StoreError; 6] {
    [
        || StoreError::Unavailable { reason: "on purpose".to_owned() },
        || StoreError::CommitUnknown { reason: "on purpose".to_owned() },
        || StoreError::TooLarge { what: "value", bytes: 7, limit: 5 },
        || StoreError::Corrupt { what: "on purpose".to_owned() },
        || StoreError::NeedsReopen { reason: "on purpose".to_owned() },
        || StoreError::Backend { source: "on purpose".into() },
    ]
}

fn an_error_in_build_is_returned_as_it_is_and_changes_nothing(store: &Arc<dyn Store>) {
    let before = some_contents(&**store);
    for error in errors() {
        let outcome = try_write(&**store, TENANT, |now| {
            assert_eq!(contents(now), before);
            Err(error().into())
        });
        let returned = outcome.expect_err("an error in build is an error of the write");
        assert_eq!(format!("{returned:?}"), format!("{:?}", error()));
        assert_eq!(newest(&**store, TENANT), before, "after {returned:?}");
    }
    put(&**store, TENANT, &key(7, b"d"), "d");
    assert_eq!(newest(&**store, TENANT).len(), before.len() + 1, "the next write is applied");
}

fn a_panic_in_build_changes_nothing_and_leaves_the_store_usable(store: &Arc<dyn Store>) {
    let before = some_contents(&**store);
    for _ in 0..3 {
        assert!(panic_in_build(&**store).is_err(), "a panic in build reaches the caller");
    }
    let survivor = Arc::clone(store);
    let after = without_waiting("a store after a panic in build", move || {
        let after = newest(&*survivor, TENANT);
        put(&*survivor, TENANT, &key(7, b"d"), "d");
        put(&*survivor, NEIGHBOUR, &key(7, b"d"), "d");
        after
    });
    assert_eq!(after, before);
    assert_eq!(newest(&**store, TENANT).len(), before.len() + 1, "the next write is applied");
    assert_eq!(newest(&**store, NEIGHBOUR).len(), 1, "that of another tenant too");
}

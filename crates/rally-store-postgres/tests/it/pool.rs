//! The connections of a store: none is lost, and none is kept from others without need.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
    time::Duration,
};

use rally_core::store::{Abort, Commit, Snapshot, Store, StoreError};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::postgres;
use tokio::runtime::{Builder, Runtime};

use crate::support::{get, key, one, open, put, tenant, try_put};

fn few(connections: usize) -> Options {
    Options { connections, ..Options::default() }
}

/// A view that has its connection.
fn begun(store: &PostgresStore) -> Result<Box<dyn Snapshot + '_>, StoreError> {
    let view = store.snapshot(tenant(1))?;
    view.get(&key("a"))?;
    Ok(view)
}

#[test]
fn more_views_than_connections_are_unavailable_until_one_is_dropped() {
    let Some(database) = postgres::shared() else { return };
    let options = Options { wait: Duration::from_millis(200), share: Some(2), ..few(2) };
    let store = open(&database.fresh_url(), options);
    put(&store, tenant(1), &key("a"), b"1");
    let (first, second) = (begun(&store).unwrap(), begun(&store).unwrap());
    for _ in 0..2 {
        let third = begun(&store).err();
        assert!(matches!(third, Some(StoreError::Unavailable { .. })), "{third:?}");
        let write = try_put(&store, tenant(1), &key("a"), b"2");
        assert!(matches!(write, Err(StoreError::Unavailable { .. })), "{write:?}");
    }
    drop(first);
    drop(begun(&store).unwrap());
    put(&store, tenant(1), &key("a"), b"2");
    assert_eq!(second.get(&key("a")).unwrap().as_deref(), Some(&b"1"[..]), "it shows its moment still");
    drop(second);
    drop((begun(&store).unwrap(), begun(&store).unwrap()));
}

#[test]
fn a_view_that_nobody_has_read_needs_no_connection() {
    let Some(database) = postgres::shared() else { return };
    let store = open(&database.fresh_url(), Options { wait: Duration::from_millis(200), ..few(1) });
    let views: Vec<_> = (0..10).map(|_| store.snapshot(tenant(1)).unwrap()).collect();
    put(&store, tenant(1), &key("a"), b"1");
    drop(views);
}

#[test]
fn a_busy_tenant_leaves_connections_to_twenty_others() {
    let Some(database) = postgres::shared() else { return };
    let store = &open(&database.fresh_url(), few(2));
    let (is_building, building) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let (is_queued, queued) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let commit = store.write(tenant(0), &mut |newest| {
                newest.get(&key("a"))?;
                is_building.send(()).unwrap();
                released.recv().unwrap();
                Ok(one(&key("a"), b"1"))
            });
            assert_eq!(commit.unwrap(), Commit::Applied);
        });
        building.recv().unwrap();
        for number in 0..10 {
            let is_queued = is_queued.clone();
            scope.spawn(move || {
                is_queued.send(()).unwrap();
                put(store, tenant(0), &key(&format!("b{number}")), b"1");
            });
        }
        queued.iter().take(10).for_each(drop);
        for round in 0..5 {
            for other in 1..=20 {
                put(store, tenant(other), &key("a"), &[round]);
            }
        }
        release.send(()).unwrap();
    });
    let view = store.snapshot(tenant(0)).unwrap();
    assert!((0..10).all(|number| view.get(&key(&format!("b{number}"))).unwrap().is_some()));
}

#[test]
fn a_write_that_ends_early_gives_connection_and_lock_back_at_once() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    let (store, other) = (open(&url, few(1)), open(&url, few(1)));
    let ends: [fn() -> Abort; 3] = [
        || Abort::Refused,
        || Abort::Store(StoreError::Corrupt { what: "a test".to_owned() }),
        || panic!("a build that panics"),
    ];
    for (end, round) in ends.iter().cycle().zip(0_u8..12) {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            store.write(tenant(1), &mut |newest| {
                newest.get(&key("a"))?;
                Err(end())
            })
        }));
        assert!(!matches!(outcome, Ok(Ok(Commit::Applied))), "{outcome:?}");
        put(&other, tenant(1), &key("a"), &[round]);
        assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&[round][..]));
    }
    put(&store, tenant(1), &key("a"), b"x");
}

#[test]
fn a_lock_that_another_server_keeps_makes_a_write_unavailable_and_nothing_else() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    let impatient = Options { wait: Duration::from_millis(200), ..few(2) };
    let (keeper, store) = (open(&url, few(1)), open(&url, impatient));
    put(&store, tenant(1), &key("a"), b"1");
    let commit = keeper.write(tenant(1), &mut |newest| {
        newest.get(&key("a"))?;
        let write = try_put(&store, tenant(1), &key("a"), b"2");
        assert!(matches!(write, Err(StoreError::Unavailable { .. })), "{write:?}");
        assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]), "who reads does not wait");
        put(&store, tenant(2), &key("a"), b"1");
        Ok(one(&key("a"), b"3"))
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
    put(&store, tenant(1), &key("b"), b"1");
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"3"[..]));
}

/// Opens, writes, reads and drops a store on the thread that it is called on.
fn live_and_die(url: &str) {
    let store = open(url, few(2));
    put(&store, tenant(1), &key("a"), b"1");
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
    let view = begun(&store).unwrap();
    drop(view);
}

#[test]
fn a_store_lives_on_the_threads_of_any_runtime() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    for runtime in [Runtime::new(), Builder::new_current_thread().build()] {
        let (runtime, spawned) = (runtime.unwrap(), url.clone());
        runtime.block_on(async {
            live_and_die(&url);
            tokio::spawn(async move { live_and_die(&spawned) }).await.unwrap();
        });
    }
    // Waiting of its own, within another's waiting.
    pollster::block_on(async { live_and_die(&url) });
}

#[test]
fn a_store_opened_within_a_runtime_serves_when_that_is_gone() {
    let Some(database) = postgres::shared() else { return };
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(async { open(&database.fresh_url(), few(2)) });
    runtime.shutdown_background();
    put(&store, tenant(1), &key("a"), b"1");
}

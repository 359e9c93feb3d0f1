//! One tenant with more to do than there are connections for, and another that wants one.

use super::*;

const CONNECTIONS: usize = 8;

/// More than ever find a connection.
const CALLERS: usize = 100;

fn options(share: Option<usize>) -> Options {
    Options { connections: CONNECTIONS, share, ..Options::default() }
}

fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(uuid::Uuid::from_u128(number))
}

/// Views of a tenant that have their connection.
fn views(store: &PostgresStore, number: u128, count: usize) -> Vec<Box<dyn Snapshot + '_>> {
    let view = || {
        let view = store.snapshot(tenant(number)).unwrap();
        view.get(&key("a")).unwrap();
        view
    };
    (0..count).map(|_| view()).collect()
}

#[test]
fn a_tenant_whose_callers_wait_by_the_hundred_leaves_connections_to_another() {
    let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
    for (share, of_one) in [(None, 4), (Some(7), 7), (Some(0), 1)] {
        let store = &PostgresStore::open(&url, options(share)).unwrap();
        let held = views(store, 1, of_one);
        thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| drop(views(store, 1, 1)));
            }
            while store.database.waiting() < CALLERS {
                thread::yield_now();
            }
            for other in 2..40 {
                drop(views(store, other, 1));
                assert_eq!(store.write(tenant(other), &mut |_| Ok(put("a"))).unwrap(), Commit::Applied);
            }
            assert_eq!(store.database.waiting(), CALLERS, "nobody was served out of turn");
            drop(held);
        });
    }
}

#[test]
fn a_caller_beyond_the_share_is_unavailable_when_its_time_is_up() {
    let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
    let brief = Options { wait: Duration::from_millis(100), ..options(Some(2)) };
    let store = &PostgresStore::open(&url, brief).unwrap();
    let held = views(store, 1, 2);
    let refused = store.snapshot(tenant(1)).unwrap().get(&key("a"));
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert_eq!(store.database.waiting(), 0);
    drop(held);
    drop(views(store, 1, 2));
}

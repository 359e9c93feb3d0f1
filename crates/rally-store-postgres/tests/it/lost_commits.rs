//! A connection that is cut before any message of a write, whoever sends it: what is acknowledged is there once, what is
//! refused is not.

use std::time::Duration;

use rally_core::{
    TenantId,
    store::{Batch, Commit, Key, Space, Store, StoreError},
};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::postgres::Server;

use crate::proxy::{Proxy, Sender};

const TENANT: TenantId = TenantId::DIRECTORY;

/// More messages than a write has in either direction.
const ENOUGH: usize = 80;

fn counter() -> Key {
    Key::new(Space(7)).bytes(b"counter")
}

/// Adds one to the counter, and leaves something else behind in the same batch.
fn count_on(store: &dyn Store) -> Result<Commit, StoreError> {
    store.write(TENANT, &mut |newest| {
        let next = number(newest.get(&counter())?.as_deref()) + 1;
        let mut batch = Batch::new();
        batch.put(counter(), next.to_be_bytes().to_vec());
        batch.put(counter().number(next), "written");
        batch.delete(counter().number(next - 1));
        Ok(batch)
    })
}

fn number(value: Option<&[u8]>) -> u64 {
    value.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// The counter's value, on another connection than the one that was cut.
fn counted(store: &dyn Store) -> u64 {
    let view = store.snapshot(TENANT).unwrap();
    let count = number(view.get(&counter()).unwrap().as_deref());
    let traces = [count.saturating_sub(1), count].map(|number| counter().number(number));
    let found: Vec<bool> = view.get_many(&traces).unwrap().iter().map(Option::is_some).collect();
    assert!(found == [false, true] || count == 0, "half of a batch is there");
    count
}

struct Given {
    _server: Server,
    proxy: Proxy,
    store: PostgresStore,
    /// The same tables, past the proxy.
    beside: PostgresStore,
}

fn given(options: Options) -> Option<Given> {
    let server = Server::start()?;
    let proxy = Proxy::start(server.socket());
    let store = PostgresStore::open(&proxy.url("cut"), options).unwrap();
    let beside = PostgresStore::open(&format!("{}&schema=cut", server.url()), Options::default()).unwrap();
    Some(Given { _server: server, proxy, store, beside })
}

#[test]
fn a_write_whose_connection_is_cut_anywhere_is_applied_once() {
    let Some(given) = given(Options::default()) else { return };
    let mut expected = 0;
    for from in [Sender::Client, Sender::Server] {
        let mut cuts = 0;
        for passed in 0..ENOUGH {
            given.proxy.cut(from, passed, false);
            let commit = count_on(&given.store);
            let was_cut = given.proxy.heal();
            assert!(matches!(commit, Ok(Commit::Applied)), "cut at {passed} from {from:?}: {commit:?}");
            expected += 1;
            assert_eq!(counted(&given.beside), expected, "cut at {passed} from {from:?}");
            cuts += usize::from(was_cut);
        }
        assert!((5..ENOUGH).contains(&cuts), "{cuts} cuts of what the {from:?} sends");
    }
}

#[test]
fn what_is_told_is_true_when_nobody_can_be_asked_after_the_cut() {
    let options = Options { find_out: Duration::from_millis(150), ..Options::default() };
    let Some(given) = given(options) else { return };
    let (mut expected, mut told_unknown) = (0, 0);
    for from in [Sender::Client, Sender::Server] {
        for passed in 0..ENOUGH {
            given.proxy.cut(from, passed, true);
            let commit = count_on(&given.store);
            given.proxy.heal();
            // The next write waits for the end of the one before, so what is seen behind it is final.
            assert_eq!(count_on(&given.beside).unwrap(), Commit::Applied);
            let found = counted(&given.beside) - expected - 1;
            let truth = match &commit {
                Ok(Commit::Applied) => found == 1,
                Err(StoreError::Unavailable { .. }) => found == 0,
                Err(StoreError::CommitUnknown { .. }) => found <= 1,
                _ => false,
            };
            assert!(truth, "cut at {passed} from {from:?}: {commit:?}, and {found} is there");
            told_unknown += usize::from(matches!(commit, Err(StoreError::CommitUnknown { .. })));
            expected += 1 + found;
        }
    }
    assert!((1..ENOUGH).contains(&told_unknown), "{told_unknown} outcomes are unknown");
}

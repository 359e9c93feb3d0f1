//! A primary and a standby that every commit waits for: what was acknowledged is there when the standby takes over.

use std::time::Duration;

use rally_core::store::{Commit, Store, StoreError};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::postgres::Server;

use crate::{
    load::Load,
    support::{ask, get, key, open, put, tenant, try_put},
};

/// Both servers in one URL, the primary first.
fn both(primary: &Server, standby: &Server) -> String {
    let ports = (primary.port(), standby.port());
    format!("postgres://rally@127.0.0.1:{},127.0.0.1:{}/postgres?schema=both", ports.0, ports.1)
}

fn sync_states(primary: &Server) -> Vec<String> {
    ask(&primary.url(), "SELECT sync_state FROM pg_stat_replication")
}

#[test]
fn a_standby_that_takes_over_under_load_has_all_that_was_acknowledged() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    assert_eq!(sync_states(&primary), ["sync"]);
    let load = Load::on(&both(&primary, &standby));
    load.run(|| {
        load.wait_for_writes(100);
        load.failover(|| {
            primary.kill();
            standby.promote();
        });
        load.wait_for_each(5);
    });
    assert_eq!(ask(&standby.url(), "SELECT pg_is_in_recovery()"), ["f"]);
}

#[test]
fn a_commit_that_no_standby_confirms_is_not_acknowledged() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    let url = both(&primary, &standby);
    let brief = Duration::from_millis(300);
    let impatient =
        Options { wait: brief, answer: Duration::from_secs(2), find_out: brief, ..Options::default() };
    let (store, patient) = (open(&url, impatient), open(&url, Options::default()));
    put(&store, tenant(1), &key("a"), b"1");

    standby.kill();
    let told = try_put(&store, tenant(1), &key("a"), b"2");
    assert!(matches!(told, Err(StoreError::CommitUnknown { .. })), "{told:?}");
    // It still holds the tenant, so nobody builds on what may yet be lost.
    let next = try_put(&store, tenant(1), &key("b"), b"1");
    assert!(matches!(next, Err(StoreError::Unavailable { .. })), "{next:?}");
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));

    standby.restart();
    assert_eq!(try_put(&patient, tenant(1), &key("b"), b"1").unwrap(), Commit::Applied);
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"2"[..]));
    assert_eq!(get(&store, tenant(1), &key("b")).as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_store_opens_on_whichever_host_takes_writes() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    let url = both(&standby, &primary);
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"1");

    let alone = format!("{}&schema=both", standby.url());
    let error = PostgresStore::open(&alone, Options::default()).unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    primary.kill();
    standby.promote();
    let store: &dyn Store = &open(&url, Options::default());
    assert_eq!(get(store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
    put(store, tenant(1), &key("a"), b"2");
}

//! A process of the database that dies at the commit, before its record is written and behind that.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use rally_core::store::{Commit, Store, StoreError};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::postgres::{Server, Setup};

use crate::support::{ask, get, key, number, one, open, put, tenant};

/// Adds one to a counter, and counts the attempts.
fn count_on(store: &PostgresStore, attempts: &AtomicUsize) -> Result<Commit, StoreError> {
    store.write(tenant(1), &mut |newest| {
        attempts.fetch_add(1, Ordering::SeqCst);
        let next = newest.get(&key("a"))?.map_or(0, |value| number(&value)) + 1;
        Ok(one(&key("a"), next.to_string().as_bytes()))
    })
}

fn counted(store: &PostgresStore) -> u64 {
    number(&get(store, tenant(1), &key("a")).unwrap())
}

/// The server's answer once it gives one that is not empty.
fn eventually(url: &str, sql: &str) -> String {
    loop {
        match ask(url, sql).into_iter().next() {
            Some(answer) if !answer.is_empty() => return answer,
            _ => thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

/// The process of the database that waits for a standby with its commit.
fn waiting_for_a_standby(url: &str) -> String {
    eventually(url, "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'")
}

#[test]
fn a_process_that_aborts_behind_the_record_of_its_commit_has_written_once() {
    let Some(server) = Server::start() else { return };
    let store = open(&server.fresh_url(), Options::default());
    let attempts = AtomicUsize::new(0);
    put(&store, tenant(1), &key("a"), b"0");
    ask(&server.url(), "ALTER SYSTEM SET synchronous_standby_names TO 'nobody'");
    ask(&server.url(), "SELECT pg_reload_conf()");
    let (writes, commit) = thread::scope(|scope| {
        // Until one has to wait.
        let writing = scope.spawn(|| {
            (1..).find_map(|writes| {
                let before = attempts.load(Ordering::SeqCst);
                let commit = count_on(&store, &attempts);
                let logged = fs::read_to_string(server.log()).unwrap();
                assert_eq!(attempts.load(Ordering::SeqCst), before + 1, "{commit:?}");
                (commit.is_err() || logged.contains("signal 6")).then_some((writes, commit))
            })
        });
        let process = waiting_for_a_standby(&server.url());
        let killed = Command::new("kill").args(["-ABRT", &process]).status().unwrap();
        assert!(killed.success());
        writing.join().unwrap().unwrap()
    });
    assert_eq!(commit.unwrap(), Commit::Applied, "its record is found");
    assert_eq!(counted(&store), writes);
}

/// The database can make no new segment of its log while this is there.
struct Full<'a>(&'a Path);

impl<'a> Full<'a> {
    fn new(folder: &'a Path) -> Self {
        fs::set_permissions(folder, Permissions::from_mode(0o500)).unwrap();
        Self(folder)
    }
}

impl Drop for Full<'_> {
    fn drop(&mut self) {
        fs::set_permissions(self.0, Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn a_panic_of_the_database_at_the_commit_is_found_out_and_the_write_run_again() {
    // The commit writes the log, and nobody else before it.
    let quiet = [("wal_writer_delay", "10s"), ("bgwriter_delay", "10s"), ("autovacuum", "off")];
    let setup = Setup { settings: &quiet, ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    let store = open(&server.fresh_url(), Options::default());
    let attempts = AtomicUsize::new(0);
    put(&store, tenant(1), &key("a"), b"0");
    let folder = server.data().join("pg_wal");
    let commit = thread::scope(|scope| {
        let full = Full::new(&folder);
        // What comes next needs a new segment.
        ask(&server.url(), "SELECT pg_switch_wal()");
        let writing = scope.spawn(|| count_on(&store, &attempts));
        let panicked = |log: &str| log.contains("PANIC") && log.contains("STATEMENT:  COMMIT");
        while !panicked(&fs::read_to_string(server.log()).unwrap()) {
            assert!(!writing.is_finished(), "it was written in spite of all");
            thread::park_timeout(Duration::from_millis(20));
        }
        // It may have begun to recover, and to fail at that.
        server.kill();
        drop(full);
        server.restart();
        writing.join().unwrap()
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
    assert_eq!((attempts.load(Ordering::SeqCst), counted(&store)), (2, 1));
}

//! Servers and databases that fall silent, and connections that have gone stale: others are kept from their work for
//! seconds at most, and callers are told nothing of it where a new connection helps.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rally_core::store::{Commit, Snapshot, Store, StoreError};
use rally_store_postgres::{Options, PostgresStore};
use rally_testkit::postgres::Server;

use crate::{
    proxy::Proxy,
    support::{ask, engines, get, key, one, open, put, tenant, try_put},
};

const CONNECTIONS: usize = 16;

/// More than there are connections.
const CALLERS: u128 = 20;

/// A store behind a proxy.
fn behind(server: &Server, options: Options) -> (Proxy, PostgresStore) {
    let proxy = Proxy::start(server.socket());
    let store = open(&proxy.url("silence"), options);
    (proxy, store)
}

/// The same tables, past the proxy.
fn beside(server: &Server) -> PostgresStore {
    open(&format!("{}&schema=silence", server.url()), Options::default())
}

#[test]
fn a_server_that_is_cut_off_in_a_write_keeps_its_tenant_from_others_no_longer_than_it_may_be_silent() {
    let Some(server) = Server::start() else { return };
    let options = Options { idle_write: Duration::from_millis(300), ..Options::default() };
    let (proxy, store) = behind(&server, options);
    let other = beside(&server);
    put(&store, tenant(1), &key("a"), b"before");
    let builds = AtomicUsize::new(0);
    let commit = store.write(tenant(1), &mut |newest| {
        let seen = newest.get(&key("a"))?;
        if builds.fetch_add(1, Ordering::Relaxed) == 0 {
            assert_eq!(seen.as_deref(), Some(&b"before"[..]));
            proxy.freeze();
            // Whose limit of waiting for the lock is far less than what a view may be silent.
            put(&other, tenant(1), &key("a"), b"other");
            proxy.heal();
        } else {
            assert_eq!(seen.as_deref(), Some(&b"other"[..]));
        }
        Ok(one(&key("a"), b"after"))
    });
    assert_eq!(commit.unwrap(), Commit::Applied);
    assert!(builds.load(Ordering::Relaxed) > 1, "what it had seen was no longer so");
    assert_eq!(get(&other, tenant(1), &key("a")).as_deref(), Some(&b"after"[..]));
}

#[test]
fn a_write_that_computes_for_long_is_not_taken_for_a_server_that_was_cut_off() {
    let Some(server) = Server::start() else { return };
    let url = server.fresh_url();
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"before");
    let compute = |options: Options, builds: &AtomicUsize| {
        open(&url, options).write(tenant(1), &mut |newest| {
            newest.get(&key("a"))?;
            if builds.fetch_add(1, Ordering::Relaxed) == 0 {
                ask(&server.url(), "SELECT pg_sleep(1.2)");
            }
            Ok(one(&key("a"), b"after"))
        })
    };
    let brief = Duration::from_millis(300);
    // Unless it takes longer than a view may be silent.
    for (idle_read, expected) in [(Duration::from_secs(60), 1), (brief, 2)] {
        let builds = AtomicUsize::new(0);
        let options = Options { idle_write: brief, idle_read, ..Options::default() };
        assert_eq!(compute(options, &builds).unwrap(), Commit::Applied);
        assert_eq!(builds.load(Ordering::Relaxed), expected);
    }
}

#[test]
fn a_view_may_be_silent_longer_than_a_write_and_not_for_ever() {
    let Some(server) = Server::start() else { return };
    let url = server.fresh_url();
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"1");
    let brief = Duration::from_millis(200);

    let store = open(&url, Options { idle_write: Duration::from_millis(1), ..Options::default() });
    let view = store.snapshot(tenant(1)).unwrap();
    view.get(&key("a")).unwrap();
    ask(&server.url(), "SELECT pg_sleep(0.05)");
    assert!(view.get(&key("a")).unwrap().is_some());
    drop(view);

    let store = open(&url, Options { idle_read: brief, ..Options::default() });
    let view = store.snapshot(tenant(1)).unwrap();
    view.get(&key("a")).unwrap();
    let in_transaction = "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'";
    while !ask(&server.url(), in_transaction).is_empty() {}
    assert!(matches!(view.get(&key("a")), Err(StoreError::Unavailable { .. })));
}

#[test]
fn the_database_notices_a_server_that_is_gone_as_soon_as_the_server_does_the_database() {
    let Some(server) = Server::start() else { return };
    let url = format!("{}?schema=silence", server.over_tcp().url());
    let store = open(&url, Options { silence: Duration::from_secs(7), ..Options::default() });
    put(&store, tenant(1), &key("a"), b"1");
    // Another session would tell its own, so the database notes those of the store's.
    ask(
        &server.url(),
        "CREATE TABLE public.noted (name text, setting text);
         CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.noted SELECT name, setting FROM pg_settings;
             RETURN NEW;
         END $$;
         CREATE TRIGGER noting AFTER UPDATE ON silence.rally_heads EXECUTE FUNCTION public.note()",
    );
    put(&store, tenant(1), &key("a"), b"2");
    for (name, expected) in [
        ("tcp_user_timeout", "7000"),
        ("tcp_keepalives_idle", "7"),
        ("tcp_keepalives_interval", "1"),
        ("tcp_keepalives_count", "7"),
        ("client_connection_check_interval", "7000"),
        ("idle_in_transaction_session_timeout", "5000"),
        ("lock_timeout", "10000"),
    ] {
        let noted = ask(&server.url(), &format!("SELECT setting FROM public.noted WHERE name = '{name}'"));
        assert_eq!(noted, [expected], "{name}");
    }
}

/// Makes so many connections, and has all of them forgotten.
fn go_stale(server: &Server, proxy: &Proxy, store: &PostgresStore, connections: usize) -> usize {
    let views: Vec<Box<dyn Snapshot + '_>> =
        (0..connections).map(|_| store.snapshot(tenant(1)).unwrap()).collect();
    views.iter().for_each(|view| drop(view.get(&key("a")).unwrap()));
    drop(views);
    // What ends a view is sent behind it, and would be what finds its connection cut.
    let busy = "SELECT pid FROM pg_stat_activity WHERE application_name = 'rally' AND state <> 'idle'";
    while !ask(&server.url(), busy).is_empty() {}
    proxy.forget()
}

#[test]
fn one_stale_connection_tells_of_all_and_no_caller_hears_of_it() {
    let Some(server) = Server::start() else { return };
    let options = Options { connections: CONNECTIONS, share: Some(CONNECTIONS), ..Options::default() };
    let (proxy, store) = behind(&server, options);
    put(&store, tenant(1), &key("a"), b"1");

    let before = go_stale(&server, &proxy, &store, CONNECTIONS);
    put(&store, tenant(1), &key("a"), b"2");
    assert_eq!(proxy.forget(), before + 1, "the first was lost, and another made for it at once");

    for round in 0..3_u8 {
        go_stale(&server, &proxy, &store, CONNECTIONS);
        let (store, start) = (&store, Barrier::new(usize::try_from(CALLERS).unwrap()));
        thread::scope(|scope| {
            for number in 0..CALLERS {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let read = store.snapshot(tenant(1)).unwrap().get(&key("a"));
                    assert!(read.is_ok(), "{number} in round {round}: {read:?}");
                    let write = try_put(store, tenant(number), &key("b"), &[round]);
                    assert!(write.is_ok(), "{number} in round {round}: {write:?}");
                });
            }
        });
    }
}

#[test]
fn connections_that_the_database_has_ended_are_no_callers_concern() {
    let Some(server) = Server::start() else { return };
    let store = &open(&server.fresh_url(), Options { share: Some(CONNECTIONS), ..Options::default() });
    put(store, tenant(1), &key("a"), b"1");
    for end in [true, false] {
        let views: Vec<_> = (0..CONNECTIONS).map(|_| store.snapshot(tenant(1)).unwrap()).collect();
        views.iter().for_each(|view| drop(view.get(&key("a")).unwrap()));
        drop(views);
        if end {
            let all =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rally'";
            assert!(ask(&server.url(), all).len() >= CONNECTIONS);
        } else {
            server.restart();
        }
        thread::scope(|scope| {
            for number in 0..CALLERS {
                scope.spawn(move || put(store, tenant(number), &key("b"), b"1"));
            }
        });
    }
}

#[test]
fn a_frozen_database_is_not_ready_and_is_so_again_when_it_goes_on() {
    let Some(server) = Server::start() else { return };
    // Whoever waits for an answer waits for ever.
    let options = Options { ready: Duration::from_millis(300), answer: Duration::MAX, ..Options::default() };
    let store = &open(&server.fresh_url(), options);
    store.ready().unwrap();
    server.freeze();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let ready = store.ready();
                assert!(matches!(ready, Err(StoreError::Unavailable { .. })), "{ready:?}");
            });
        }
    });
    // A connection that is made anew is not waited for either.
    assert!(store.ready().is_err());
    server.thaw();
    while store.ready().is_err() {}
    put(store, tenant(1), &key("a"), b"1");
}

#[test]
fn a_database_whose_connections_are_all_busy_is_ready() {
    let Some(server) = Server::start() else { return };
    let url = server.fresh_url();
    let engine = &engines(&url, 1)[0];
    let options = Options { connections: 1, wait: Duration::from_millis(1), ..Options::default() };
    let store = open(&url, options);
    let view = store.snapshot(tenant(1)).unwrap();
    view.get(&key("a")).unwrap();
    assert!(store.snapshot(tenant(1)).unwrap().get(&key("a")).is_err(), "there is no other");
    for _ in 0..3 {
        store.ready().unwrap();
        engine.ready().unwrap();
    }
    let name = "SELECT pid FROM pg_stat_activity WHERE application_name = 'rally'";
    let connections = ask(&server.url(), name).len();
    store.ready().unwrap();
    assert_eq!(ask(&server.url(), name).len(), connections, "it is asked on one that is kept");
}

//! Opening a store: whom it meets, what it finds there, and what it says.

use std::{net::TcpListener, thread, time::Duration};

use rally_core::{
    Code, TenantId,
    store::{Direction, Key, KeyRange, Space, Store, StoreError},
};
use rally_store_postgres::{OpenError, Options, PostgresStore, SCHEMA_VERSION};
use rally_testkit::postgres::{self, Server, Setup};

use crate::support::{ask, engines, get, key, open, put, tenant, try_put};

fn refusal(url: &str) -> OpenError {
    let error = PostgresStore::open(url, Options::default()).unwrap_err();
    let at_once = PostgresStore::open_when_reachable(url, Options::default());
    match &at_once {
        Ok(store) => assert!(error.is_unreachable() && store.is_shared(), "{error}"),
        Err(again) => assert_eq!(again.to_string(), error.to_string()),
    }
    error
}

/// The schema of a URL.
fn schema(url: &str) -> &str {
    url.rsplit('=').next().unwrap()
}

fn version(url: &str, schema: &str) -> Vec<String> {
    ask(url, &format!("SELECT version FROM {schema}.rally_schema"))
}

fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn whom_the_server_does_not_let_in_is_refused_and_no_password_is_told() {
    let setup = Setup { password: Some("sesame"), ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    let at = |who: &str, database: &str| format!("postgres://{who}@127.0.0.1:{}/{database}", server.port());
    for url in [
        server.database().with_password("hushhush").url(),
        at("rally:hushhush", "postgres"),
        at("nobody:hushhush", "postgres"),
        at("rally", "postgres"),
        at("rally:sesame", "nowhere"),
    ] {
        let error = refusal(&url);
        assert!(matches!(error, OpenError::Refused { .. }), "{url}: {error:?}");
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hushhush") && !told.contains("sesame"), "{told}");
    }
    let url = format!("{}&schema=secret", server.url());
    let store = open(&url, Options::default());
    put(&store, tenant(1), &key("a"), b"1");
    server.kill();
    let told = format!("{store:?} {:?}", try_put(&store, tenant(1), &key("a"), b"2").unwrap_err());
    assert!(told.contains("secret") && !told.contains("sesame"), "{told}");
}

#[test]
fn an_unknown_database_is_refused_by_its_name() {
    let Some(server) = Server::start() else { return };
    let error = refusal(&format!("postgres://rally@127.0.0.1:{}/nowhere", server.port()));
    assert!(matches!(error, OpenError::Refused { .. }) && error.to_string().contains("nowhere"), "{error:?}");
}

#[test]
fn where_nobody_answers_a_store_waits_if_it_is_asked_to() {
    let error = refusal(&format!("postgres://rally@127.0.0.1:{}/postgres", nobody()));
    assert!(error.is_unreachable(), "{error:?}");
    let error = refusal("postgres://rally@nowhere.invalid/postgres");
    assert!(error.is_unreachable(), "{error:?}");
    let error = refusal("postgres:///postgres?host=/nowhere&user=rally");
    assert!(error.is_unreachable(), "{error:?}");
}

#[test]
fn who_takes_a_connection_and_says_nothing_is_unreachable_before_long() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://rally@{}/postgres", silent.local_addr().unwrap());
    // Any answer would take longer than a test may.
    let options = Options { connect: Duration::from_millis(50), answer: Duration::MAX, ..Options::default() };
    let error = PostgresStore::open(&url, options).unwrap_err();
    assert!(error.is_unreachable() && error.to_string().contains("not ready"), "{error:?}");
}

#[test]
fn a_store_opened_before_its_server_serves_once_that_is_there() {
    let Some(server) = Server::start() else { return };
    let url = server.fresh_url();
    server.stop();
    let store = PostgresStore::open_when_reachable(&url, Options::default()).unwrap();
    for _ in 0..2 {
        let write = try_put(&store, tenant(1), &key("a"), b"1");
        assert!(matches!(write, Err(StoreError::Unavailable { .. })), "{write:?}");
        let read = store.snapshot(TenantId::DIRECTORY).and_then(|view| view.get(&key("a")));
        assert!(matches!(read, Err(StoreError::Unavailable { .. })), "{read:?}");
    }
    server.restart();
    put(&store, tenant(1), &key("a"), b"1");
    assert_eq!(get(&open(&url, Options::default()), tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
}

#[test]
fn tables_of_a_later_version_are_left_alone() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"1");
    let set = |version: i32| {
        ask(&database.url(), &format!("UPDATE {}.rally_schema SET version = {version}", schema(&url)));
    };
    for later in [99, 2, -1] {
        set(later);
        let error = refusal(&url);
        let told = matches!(error, OpenError::UnknownVersion { found, known: 1, .. } if found == later);
        assert!(told, "{error:?}");
        assert_eq!(version(&database.url(), schema(&url)), [later.to_string()]);
    }
    set(1);
    assert_eq!(get(&open(&url, Options::default()), tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
}

#[test]
fn tables_of_version_0_are_brought_to_the_present_one() {
    let Some(database) = postgres::shared() else { return };
    let url = database.fresh_url();
    let name = schema(&url);
    ask(
        &database.url(),
        &format!(
            "CREATE SCHEMA {name};
             CREATE TABLE {name}.rally_schema (one boolean PRIMARY KEY CHECK (one), version integer NOT NULL);
             INSERT INTO {name}.rally_schema VALUES (true, 0)",
        ),
    );
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"1");
    assert_eq!(version(&database.url(), name), ["1"]);
}

/// The tables of each released version, with rows.
const RELEASED: [(i32, &str); 1] = [(1, include_str!("../golden/version_1.sql"))];

/// A rehearsal for the version after this one: its program has to do the same with all of these.
#[test]
fn tables_of_every_released_version_are_read_and_written_on() {
    let Some(database) = postgres::shared() else { return };
    let known: Vec<i32> = RELEASED.iter().map(|(version, _)| *version).collect();
    assert_eq!(known, (1..=SCHEMA_VERSION).collect::<Vec<_>>(), "a version has no tables here");
    for (_, tables) in RELEASED {
        let url = database.fresh_url();
        let name = schema(&url);
        ask(&database.url(), &format!("CREATE SCHEMA {name}; SET search_path TO {name}; {tables}"));
        let store = open(&url, Options::default());
        assert_eq!(version(&database.url(), name), [SCHEMA_VERSION.to_string()]);
        let all = |space| {
            let view = store.snapshot(tenant(1)).unwrap();
            let range = KeyRange::prefix(&Key::new(Space(space)));
            let rows = view.scan(&range, Direction::Forward, 10).unwrap();
            rows.into_iter().map(|row| (row.key, row.value)).collect::<Vec<_>>()
        };
        let row = |space, key: &[u8], value: &'static [u8]| (Key::new(Space(space)).bytes(key), value.into());
        assert_eq!(all(7), [row(7, b"a", b"1"), row(7, b"a\x00\xff", b"\x00\xff"), row(7, b"b", b"")]);
        assert_eq!(all(255), [row(255, b"", b"9")]);
        assert_eq!(get(&store, tenant(2), &key("a")).as_deref(), Some(&b"2"[..]));
        put(&store, tenant(1), &key("a"), b"new");
        drop(store);
        let again = open(&url, Options::default());
        assert_eq!(get(&again, tenant(1), &key("a")).as_deref(), Some(&b"new"[..]));
        assert_eq!(get(&again, tenant(2), &key("a")).as_deref(), Some(&b"2"[..]));
    }
}

#[test]
fn eight_stores_opened_at_once_make_the_tables_once() {
    let Some(database) = postgres::shared() else { return };
    for _ in 0..6 {
        let url = &database.fresh_url();
        thread::scope(|scope| {
            for number in 0..8_u8 {
                scope.spawn(move || {
                    put(&open(url, Options::default()), tenant(number.into()), &key("a"), &[number]);
                });
            }
        });
        let store = open(url, Options::default());
        assert!((0..8_u8).all(|number| get(&store, tenant(number.into()), &key("a")).is_some()));
        assert_eq!(version(&database.url(), schema(url)), ["1"]);
    }
}

#[test]
fn who_may_make_no_schema_uses_the_one_that_is_there() {
    let Some(server) = Server::start() else { return };
    ask(&server.url(), "CREATE ROLE tenant LOGIN; CREATE SCHEMA given AUTHORIZATION tenant");
    let url =
        |schema: &str| format!("postgres://tenant@127.0.0.1:{}/postgres?schema={schema}", server.port());
    put(&open(&url("given"), Options::default()), tenant(1), &key("a"), b"1");
    let error = refusal(&url("wanted"));
    assert!(matches!(error, OpenError::SetUp { .. }), "{error:?}");
    assert!(error.to_string().contains("permission denied"), "{error}");
}

#[test]
fn who_may_only_read_and_write_rows_uses_the_tables_that_are_there() {
    let Some(server) = Server::start() else { return };
    drop(open(&format!("{}&schema=made", server.url()), Options::default()));
    ask(
        &server.url(),
        "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA made TO clerk;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA made TO clerk",
    );
    let url = format!("postgres://clerk@127.0.0.1:{}/postgres?schema=made", server.port());
    put(&open(&url, Options::default()), tenant(1), &key("a"), b"1");
}

#[test]
fn a_schema_may_be_called_as_a_word_of_sql() {
    let Some(server) = Server::start() else { return };
    for name in ["default", "user", "all", "_1"] {
        put(
            &open(&format!("{}&schema={name}", server.url()), Options::default()),
            tenant(1),
            &key("a"),
            b"1",
        );
    }
    let schemas = "SELECT schemaname FROM pg_tables WHERE tablename = 'rally_rows' ORDER BY schemaname";
    assert_eq!(ask(&server.url(), schemas), ["_1", "all", "default", "user"]);
}

/// The connections of a store are made anew at its next call.
fn end_connections(url: &str) {
    let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rally'";
    assert!(!ask(url, all).is_empty());
}

/// Checks that a store does not answer for a reason that its error tells, and answers again once that has passed.
fn is_away_meanwhile(server: &Server, reason: &str, begin: &str, end: &str) {
    let engine = &engines(&format!("{}&schema=crm", server.url()), 1)[0];
    let store = open(&format!("{}&schema=crm", server.url()), Options::default());
    put(&store, tenant(1), &key("a"), b"1");
    let check = |what: &str| {
        let calls = [
            store.snapshot(tenant(1)).and_then(|view| view.get(&key("a")).map(drop)),
            try_put(&store, tenant(1), &key("a"), b"2").map(drop),
            store.ready(),
        ];
        for call in calls {
            let told = call.as_ref().map_err(ToString::to_string);
            assert!(matches!(call, Err(StoreError::Unavailable { .. })), "{what}: {told:?}");
            assert!(told.unwrap_err().contains(reason), "{what}: {call:?}");
        }
        let error = engine.ready().unwrap_err();
        assert_eq!(error.code(), Code::Unavailable, "{error:?}");
    };
    ask(&server.url(), begin);
    store.ready().unwrap_err();
    check("while connections are as they were");
    end_connections(&server.url());
    check("when they are made anew");
    ask(&server.url(), end);
    assert_eq!(
        get(&store, tenant(1), &key("a")).as_deref(),
        Some(&b"1"[..]),
        "nothing was written meanwhile"
    );
    store.ready().unwrap();
    engine.ready().unwrap();
    put(&store, tenant(1), &key("a"), b"2");
}

#[test]
fn a_schema_that_goes_while_a_store_is_open_is_waited_for_and_not_made_anew() {
    let Some(server) = Server::start() else { return };
    is_away_meanwhile(
        &server,
        "restore them",
        "ALTER SCHEMA crm RENAME TO aside",
        "ALTER SCHEMA aside RENAME TO crm",
    );

    let url = format!("{}&schema=crm", server.url());
    let store = open(&url, Options::default());
    put(&store, tenant(1), &key("a"), b"1");
    ask(&server.url(), "DROP SCHEMA crm CASCADE");
    let read = || store.snapshot(tenant(1)).and_then(|view| view.get(&key("a")));
    assert!(matches!(read(), Err(StoreError::Unavailable { .. })), "{:?}", read());
    end_connections(&server.url());
    assert!(matches!(read(), Err(StoreError::Unavailable { .. })), "{:?}", read());
    assert_eq!(ask(&server.url(), "SELECT nspname FROM pg_namespace WHERE nspname = 'crm'"), [""; 0]);
    // Whoever wants empty tables opens the store anew.
    assert_eq!(get(&open(&url, Options::default()), tenant(1), &key("a")), None);
    assert_eq!(read().unwrap(), None);
}

#[test]
fn tables_that_a_later_program_brings_to_its_version_are_used_no_more_by_a_store_that_is_open() {
    let Some(server) = Server::start() else { return };
    let set = |version| format!("UPDATE crm.rally_schema SET version = {version}");
    is_away_meanwhile(&server, "of version 2, this program knows 1", &set(2), &set(1));
}

#[test]
fn as_many_connections_as_are_wanted_are_there_before_a_call_needs_them() {
    let Some(server) = Server::start() else { return };
    for (connections, connections_ahead, expected) in [(4, 0, 1), (4, 1, 1), (4, 3, 3), (4, 5, 4)] {
        let name = format!("ahead{connections_ahead}");
        let url = format!("{}&application_name={name}", server.url());
        let store = open(&url, Options { connections, connections_ahead, ..Options::default() });
        let count = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'");
        assert_eq!(
            ask(&server.url(), &count),
            [expected.to_string()],
            "{connections_ahead} of {connections}"
        );
        drop(store);
    }
}

#[test]
fn a_store_is_opened_though_the_database_has_fewer_connections_left_than_it_may_have() {
    let setup = Setup {
        settings: &[("max_connections", "8"), ("superuser_reserved_connections", "0")],
        ..Setup::default()
    };
    let Some(server) = Server::start_with(&setup) else { return };
    let options = Options { connections: 16, connections_ahead: 16, ..Options::default() };
    let store = open(&server.url(), options);
    put(&store, tenant(1), &key("a"), b"1");
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
}

//! `psql` is the client here.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rally_testkit::postgres::{Server, Setup, shared};

const BOUND: Duration = Duration::from_secs(60);

fn psql(url: &str, text: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-XAtqw", "-c", text, url]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The output of `psql` for some SQL, or its error message.
fn sql(url: &str, text: &str) -> Result<String, String> {
    let output = psql(url, text).output().unwrap();
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() { Ok(printed(&output.stdout)) } else { Err(printed(&output.stderr)) }
}

#[track_caller]
fn check(url: &str, text: &str, expected: &str) {
    assert_eq!(sql(url, text).as_deref(), Ok(expected));
}

#[test]
fn the_shared_server_answers_and_names_a_schema_once() {
    let Some(database) = shared() else { return };
    check(&database.url(), "select 1 + 1", "2");
    let (first, second) = (database.fresh_url(), database.fresh_url());
    assert!(first.contains("schema=t_"), "{first}");
    assert_ne!(first, second);
}

#[test]
fn what_was_written_outlives_a_kill() {
    let Some(server) = Server::start() else { return };
    let url = server.url();
    sql(&url, "create table t as select generate_series(1, 1000) as n").unwrap();
    // A loop does not look whether the postmaster is there.
    let mut busy = psql(&url, "do $$ begin loop null; end loop; end $$").spawn().unwrap();
    let looping = "select count(*) from pg_stat_activity where query like 'do %'";
    eventually(|| sql(&url, looping).as_deref() == Ok("1"));
    server.kill();
    assert!(!busy.wait().unwrap().success());
    sql(&url, "select 1").unwrap_err();
    server.restart();
    check(&url, "select sum(n) from t", "500500");
}

#[test]
fn a_server_may_be_killed_stopped_and_started_in_any_order() {
    let Some(server) = Server::start() else { return };
    let steps = [Server::kill, Server::stop, Server::stop, Server::kill, Server::kill];
    for (number, step) in steps.iter().enumerate() {
        step(&server);
        sql(&server.url(), "select 1").unwrap_err();
        if number % 2 == 0 {
            server.restart();
            check(&server.over_tcp().url(), "select 1", "1");
        }
    }
    server.restart();
    check(&server.url(), "select 1", "1");
}

#[test]
fn a_frozen_server_keeps_its_connections_and_says_nothing_until_it_goes_on() {
    let Some(server) = Server::start() else { return };
    server.freeze();
    let mut waiting = psql(&server.url(), "select 1").spawn().unwrap();
    let mut impatient = psql(&server.url(), "select 1").env("PGCONNECT_TIMEOUT", "2").spawn().unwrap();
    assert!(!impatient.wait().unwrap().success());
    assert!(waiting.try_wait().unwrap().is_none());
    server.thaw();
    assert!(waiting.wait().unwrap().success());
    server.freeze();
    drop(server);
}

#[test]
fn a_promoted_standby_has_what_was_acknowledged() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    sql(&primary.url(), "create table t (n int)").unwrap();
    for number in 1..=20 {
        sql(&primary.url(), &format!("insert into t values ({number})")).unwrap();
    }
    primary.kill();
    check(&standby.url(), "select pg_is_in_recovery()", "t");
    standby.promote();
    check(&standby.url(), "select sum(n) from t", "210");
    sql(&standby.url(), "insert into t values (21)").unwrap();
}

#[test]
fn a_commit_waits_for_the_standby() {
    let Some(primary) = Server::start() else { return };
    let standby = primary.standby();
    sql(&primary.url(), "create table t (n int)").unwrap();
    standby.kill();
    let mut waiting = psql(&primary.url(), "insert into t values (1)").spawn().unwrap();
    let asleep = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";
    eventually(|| sql(&primary.url(), asleep).as_deref() == Ok("1"));
    check(&primary.url(), "select count(*) from t", "0");
    standby.restart();
    assert!(waiting.wait().unwrap().success());
    check(&standby.url(), "select pg_is_in_recovery()", "t");
}

#[test]
fn a_password_is_asked_for_on_socket_and_port() {
    let setup = Setup { password: Some("secret"), ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    for database in [server.database(), server.over_tcp()] {
        check(&database.url(), "select current_user", "rally");
        let refusal = sql(&database.with_password("wrong").url(), "select 1").unwrap_err();
        assert!(refusal.contains("password authentication failed"), "{refusal}");
    }
    let standby = server.standby();
    check(&standby.url(), "select current_user", "rally");
}

#[test]
fn settings_and_files_are_there_before_the_start() {
    let setup = Setup {
        settings: &[("work_mem", "7MB"), ("application_name", "it's"), ("max_connections", "17")],
        files: &[("server.key", b"a key")],
        ..Setup::default()
    };
    let Some(server) = Server::start_with(&setup) else { return };
    check(&server.url(), "show work_mem", "7MB");
    check(&server.url(), "show max_connections", "17");
    let data = server.socket().parent().unwrap().join("data");
    let key = fs::metadata(data.join("server.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert_eq!(key.uid(), fs::metadata(&data).unwrap().uid());
    assert_eq!(sql(&server.url(), "select pg_read_file('server.key')").unwrap(), "a key");
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let setup = Setup { settings: &[("work_mem", "nonsense")], ..Setup::default() };
    let started = std::panic::catch_unwind(|| Server::start_with(&setup).map(|_| ()));
    let Err(panic) = started else { return assert_eq!(started.unwrap(), None) };
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("invalid value for parameter \"work_mem\""), "{text}");
}

#[test]
fn nothing_is_left_of_a_dropped_server() {
    let Some(server) = Server::start() else { return };
    let (standby, socket) = (server.standby(), server.socket());
    server.kill();
    drop(server);
    assert!(!socket.parent().unwrap().exists());
    drop(standby);
}

#[test]
fn nothing_is_left_behind_however_the_process_ends() {
    for ending in ["panics", "exits", "is killed"] {
        let Some(mut process) = Holder::start(ending) else { return };
        let mut connections: Vec<_> = process.sockets.iter().map(|socket| greet(socket)).collect();
        process.end(ending);
        for connection in &mut connections {
            assert_eq!(connection.read(&mut [0]).unwrap(), 0, "the end of the stream");
        }
        for socket in &process.sockets {
            eventually(|| !socket.parent().is_some_and(Path::exists));
        }
    }
}

/// A connection that a server has answered on: it ends when the server does.
fn greet(socket: &Path) -> UnixStream {
    // Of the protocol: the length of the message, and the request for TLS, which a socket does not have.
    const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let mut connection = UnixStream::connect(socket).unwrap();
    connection.set_read_timeout(Some(BOUND)).unwrap();
    connection.write_all(&REQUEST).unwrap();
    let mut answer = [0];
    connection.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"N");
    connection
}

/// Another process of this program, which has the shared server and one of its own.
struct Holder {
    child: Child,
    sockets: Vec<PathBuf>,
}

impl Holder {
    fn start(ending: &str) -> Option<Self> {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "postgres::servers_are_held_for_another_test", "--nocapture"])
            .env("RALLY_TEST_ENDING", ending)
            .env_remove("RALLY_TEST_POSTGRES_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let socket = |line: io::Result<String>| line.unwrap().split_once("socket ").map(|(_, it)| it.into());
        let sockets: Vec<PathBuf> = lines.filter_map(socket).take(2).collect();
        if sockets.is_empty() {
            assert!(child.wait().unwrap().success());
            return None;
        }
        Some(Self { child, sockets })
    }

    fn end(&mut self, ending: &str) {
        match ending {
            "is killed" => self.child.kill().unwrap(),
            _ => self.child.stdin.take().unwrap().write_all(b"\n").unwrap(),
        }
        self.child.wait().unwrap();
    }
}

/// A part of the test above, in a process of its own.
#[test]
fn servers_are_held_for_another_test() {
    let Ok(ending) = env::var("RALLY_TEST_ENDING") else { return };
    let (Some(database), Some(server)) = (shared(), Server::start()) else { return };
    let sockets = "select setting || '/.s.PGSQL.' || current_setting('port') from pg_settings where name = \
                   'unix_socket_directories'";
    let shared = sql(&database.url(), sockets).unwrap();
    write!(io::stdout(), "\nsocket {shared}\nsocket {}\n", server.socket().display()).unwrap();
    io::stdin().read_line(&mut String::new()).unwrap();
    match ending.as_str() {
        "panics" => panic!("as asked"),
        "exits" => std::process::exit(3),
        _ => {}
    }
}

/// Waits for what another process does, whose doing wakes nobody here.
#[track_caller]
fn eventually(holds: impl Fn() -> bool) {
    let end = Instant::now() + BOUND;
    while !holds() {
        assert!(Instant::now() < end, "it does not come to pass");
        thread::park_timeout(Duration::from_millis(20));
    }
}

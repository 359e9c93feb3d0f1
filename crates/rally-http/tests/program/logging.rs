//! A log that nobody reads, or that cannot be written, holds up nothing.

use std::{
    fs::OpenOptions,
    io::{self, BufRead, BufReader, Read},
    process::Stdio,
};

use crate::{
    running::{Folder, Running, rally},
    serving::contact,
};

/// The access lines of so many requests are more than a pipe holds.
const REQUESTS: usize = 1_000;

fn serve(folder: &Folder, stderr: impl Into<Stdio>) -> Running {
    let store = folder.store();
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--rate-limit", "0", "--store", &store];
    Running::logging_elsewhere(rally(folder.path(), &arguments), stderr)
}

#[track_caller]
fn assert_answers(server: &Running) {
    let key = server.key();
    for _ in 0..REQUESTS {
        assert_eq!(server.send("GET", "/api/contacts?limit=1", &key, "").0, 200);
    }
    assert_eq!(server.send("POST", "/api/contacts", &key, &contact("a@x.example")).0, 201);
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_no_request_and_loses_no_line_within_the_bound() {
    let folder = Folder::new();
    let (mut reader, writer) = io::pipe().unwrap();
    let server = serve(&folder, writer);
    assert_answers(&server);
    server.signal("TERM");
    let mut log = String::new();
    reader.read_to_string(&mut log).unwrap();
    assert_eq!(server.ended(), Some(0));
    assert_eq!(log.lines().filter(|line| line.contains(r#""status":200"#)).count(), REQUESTS);
}

#[test]
fn lines_beyond_the_bound_are_dropped_and_told_of_once_the_log_is_read() {
    let folder = Folder::new();
    let (reader, writer) = io::pipe().unwrap();
    let server = serve(&folder, writer);
    let long = format!("/{}", "x".repeat(8_000));
    for _ in 0..700 {
        assert_eq!(server.send("GET", &long, "", "").0, 404);
    }
    let mut lines = BufReader::new(reader).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.contains("lines of the log were dropped")));
    server.signal("TERM");
    assert!(lines.count() < 700);
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn a_server_ends_although_nobody_reads_its_log() {
    let folder = Folder::new();
    let (_reader, writer) = io::pipe().unwrap();
    let server = serve(&folder, writer);
    assert_answers(&server);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_pipe_whose_reader_has_gone_cuts_off_no_request() {
    let folder = Folder::new();
    let (reader, writer) = io::pipe().unwrap();
    let server = serve(&folder, writer);
    drop(reader);
    assert_answers(&server);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_full_disk_under_the_log_cuts_off_no_request() {
    let folder = Folder::new();
    let server = serve(&folder, OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_answers(&server);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_fake_logs_no_request_unless_it_is_told_to() {
    let folder = Folder::new();
    let log_of = |level: Option<&str>| {
        let mut command = rally(folder.path(), &["fake", "--json"]);
        command.env_remove("RALLY_LOG").envs(level.map(|level| ("RALLY_LOG", level)));
        let server = Running::start(command).unwrap();
        assert_eq!(server.send("GET", "/api/contacts", &server.key(), "").0, 200);
        server.signal("INT");
        server.ended_with_log()
    };
    assert_eq!(log_of(None), "");
    assert!(log_of(Some("info")).contains("/api/contacts"));
}

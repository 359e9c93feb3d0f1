//! The end of a server, at any moment and with clients that do not let go of it.

use std::{
    io::{self, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use rally_store_redb::{Options, RedbStore};

use crate::{
    running::{Folder, Running, rally, signal},
    serving::contact,
    wire::send,
};

/// Opens the file of a server that has ended, which must not need to be recovered.
#[track_caller]
fn assert_was_closed(folder: &Folder) {
    let path = folder.path().join("crm.redb");
    let opened =
        RedbStore::open_with_progress(path, Options::default(), |_| panic!("the file was not closed"));
    opened.unwrap();
}

#[test]
fn a_server_that_is_asked_to_stop_among_its_clients_closes_its_file() {
    for _ in 0..3 {
        let folder = Folder::new();
        let server = folder.serve(&["--rate-limit", "0"]);
        let (key, address) = (server.key(), server.address().to_owned());
        let answered = AtomicUsize::new(0);
        thread::scope(|scope| {
            for writer in 0..8 {
                let (key, address, answered) = (&key, &address, &answered);
                scope.spawn(move || {
                    for number in 0.. {
                        let body = contact(&format!("w{writer}-{number}@x.example"));
                        if send(address, "POST", "/api/contacts", key, &body).is_none() {
                            break;
                        }
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            while answered.load(Ordering::SeqCst) < 50 {
                assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
            }
            assert_eq!(server.terminate(), Some(0));
        });
        assert_was_closed(&folder);
    }
}

#[test]
fn a_second_signal_ends_the_wait_for_a_request_and_the_file_is_closed_all_the_same() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    let mut unfinished = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /api/contacts HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Length: 100\r\n\r\n{{",
        server.key()
    );
    unfinished.write_all(head.as_bytes()).unwrap();
    server.signal("INT");
    while send(server.address(), "GET", "/healthz", "", "").is_some() {}
    server.signal("INT");
    assert_eq!(server.ended(), Some(0));
    assert_was_closed(&folder);
}

#[test]
fn an_interrupt_right_after_the_announcement_is_an_orderly_end() {
    for _ in 0..20 {
        let folder = Folder::new();
        let server = folder.start(&["fake", "--json"]);
        server.signal("INT");
        assert_eq!(server.ended(), Some(0));
    }
}

#[test]
fn a_fake_ends_with_its_standard_input_if_it_is_told_to() {
    let folder = Folder::new();
    for (arguments, ends) in
        [(&["fake", "--json", "--exit-with-stdin"][..], true), (&["fake", "--json"], false)]
    {
        let mut command = rally(folder.path(), arguments);
        let (reader, writer) = io::pipe().unwrap();
        command.stdin(reader);
        let server = Running::start(command).unwrap();
        assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
        drop(writer);
        if ends {
            assert_eq!(server.ended(), Some(0));
        } else {
            assert_eq!(server.send("GET", "/healthz", "", "").0, 200);
        }
    }
}

#[test]
fn a_server_outlives_its_terminal() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    server.signal("HUP");
    assert_eq!(server.send("GET", "/readyz", "", "").0, 200);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_file_that_was_not_closed_is_recovered_and_the_log_says_so() {
    let folder = Folder::new();
    let server = folder.serve(&[]);
    assert_eq!(server.send("POST", "/api/contacts", &server.key(), &contact("a@x.example")).0, 201);
    server.kill();
    let server = folder.serve(&[]);
    assert!(server.log().contains("the file is being recovered after a crash"), "{}", server.log());
}

#[test]
fn the_port_answers_and_a_signal_is_heeded_while_the_store_is_being_opened() {
    let folder = Folder::new();
    // Takes connections and says nothing.
    let database = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@{}/d?sslmode=disable", database.local_addr().unwrap());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut command = rally(folder.path(), &["serve", "--listen", &address]);
    let mut server = command.env("RALLY_STORE", url).stderr(Stdio::null()).spawn().unwrap();
    let readiness = loop {
        if let Some(answer) = send(&address, "GET", "/readyz", "", "") {
            break answer;
        }
    };
    assert_eq!((readiness.0, &readiness.1["detail"]), (503, &"the store is being opened".into()));
    assert_eq!(send(&address, "GET", "/healthz", "", "").unwrap().0, 200);
    signal(&server, "TERM");
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

//! Answers that reach callers who have not sent all yet, and the end of connections.

use std::sync::Arc;

use rally_http::ServeOptions;

use super::server::{CONTACTS, Server, patient};
use crate::support::{ADA, HeldStore, Setting};

const MIB: usize = 1 << 20;

#[test]
fn a_caller_who_sends_all_before_reading_gets_every_early_answer() {
    let engine = rally_core::Config { requests_per_minute: 20, ..rally_core::Config::default() };
    let server = Server::with(Setting { engine, ..Setting::default() }, patient());
    let body = vec![b' '; 3 * MIB];
    let json = "Content-Type: application/json\r\n";
    let length = format!("Content-Length: {}\r\n", body.len());
    let (reader, admin) = (server.api.reader.clone(), server.api.admin.clone());
    let mut seen = [0; 5];
    for number in 0..50 {
        let (key, kind, statuses): (&str, &str, &[&str]) = match number % 5 {
            0 => ("nobody", json, &["401"]),
            1 => (&reader, json, &["403", "429"]),
            2 => (&admin, json, &["413", "429"]),
            3 => (&admin, "Content-Type: text/plain\r\n", &["415", "429"]),
            _ => (&admin, json, &["413", "429"]),
        };
        let mut client = server.connect();
        client.send(format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n{kind}{length}\r\n"));
        client.send(&body);
        let answer = client.rest();
        let status = answer.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{number}: {answer:?}");
        assert!(answer.contains("connection: close") && answer.ends_with('}'), "{number}: {answer}");
        let known = ["401", "403", "413", "415", "429"].iter().position(|known| *known == status).unwrap();
        seen[known] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

#[test]
fn a_small_body_that_nobody_wants_does_not_cost_the_connection() {
    let server = Server::new(patient());
    let mut client = server.connect();
    let head = format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    for _ in 0..3 {
        client.send(&head);
        client.send(vec![b' '; 40_000]);
        assert!(client.answer().starts_with("HTTP/1.1 401"));
        client.send(vec![b' '; 60_000]);
    }
    client.send(server.head(&format!("GET {CONTACTS}"), ""));
    assert!(client.answer().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_body_of_unknown_length_is_dropped_up_to_the_limit() {
    let server = Server::new(ServeOptions { unread_bytes: 1_000, ..patient() });
    let head = format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut client = server.connect();
    client.send(&head);
    assert!(client.answer().starts_with("HTTP/1.1 401"));
    client.send(format!("3e8\r\n{}\r\n0\r\n\r\n", " ".repeat(1_000)));
    client.send(&head);
    assert!(client.answer().starts_with("HTTP/1.1 401"));
    client.send(format!("3e9\r\n{}\r\n", " ".repeat(1_001)));
    assert_eq!(client.answer(), "", "it is closed");
}

#[test]
fn a_caller_who_waits_to_be_told_to_send_is_told_the_answer_alone() {
    let server = Server::new(patient());
    let mut client = server.connect();
    let expecting = "Content-Length: 10\r\nExpect: 100-continue\r\n";
    client.send(format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\n{expecting}\r\n"));
    let answer = client.rest();
    assert!(answer.starts_with("HTTP/1.1 401") && !answer.contains(" 100 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    let mut client = server.connect();
    let expecting = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", ADA.len());
    client.send(server.head(&format!("POST {CONTACTS}"), &expecting));
    assert!(client.answer().starts_with("HTTP/1.1 100"));
    client.send(ADA);
    assert!(client.answer().starts_with("HTTP/1.1 201"));
}

#[test]
fn a_server_that_stops_says_so_in_its_answers_and_waits_only_so_long() {
    let store = Arc::new(HeldStore::default());
    let options = ServeOptions { grace: super::server::SHORT, ..patient() };
    let mut server = Server::with(Setting { store: store.clone(), ..Setting::default() }, options);
    let mut idle = server.connect();
    idle.send(server.head("GET /healthz", ""));
    assert!(idle.answer().starts_with("HTTP/1.1 200"));
    assert!(server.get(CONTACTS).starts_with("HTTP/1.1 200"));
    let held = store.hold_next_write();
    let mut busy = server.connect();
    let length = format!("Content-Length: {}\r\n", ADA.len());
    busy.send(server.head(&format!("POST {CONTACTS}"), &length) + ADA);
    held.wait();
    server.stop();
    idle.wait_for_end();
    server.wait();
    busy.wait_for_end();
    held.release();
}

#[test]
fn head_that_is_answered_304_has_no_length() {
    let server = Server::new(patient());
    let id = server.api.add("ada@x.example");
    let path = format!("{CONTACTS}/{id}");
    let tag = server.api.get(&path).send().header("ETag").to_owned();
    for method in ["HEAD", "GET"] {
        let mut client = server.connect();
        let more = format!("If-None-Match: {tag}\r\nConnection: close\r\n");
        client.send(server.head(&format!("{method} {path}"), &more));
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 304") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(!answer.contains("content-length") && !answer.contains("transfer-encoding"), "{answer}");
    }
}

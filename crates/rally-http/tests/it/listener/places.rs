//! More connections than there are places.

use std::sync::Arc;

use rally_http::ServeOptions;

use super::server::{CONTACTS, Client, Server, patient};
use crate::support::{ADA, HeldStore, Setting};

/// A connection that has had an answer.
fn used(server: &Server) -> Client {
    let mut client = server.connect();
    ask(server, &mut client);
    client
}

fn ask(server: &Server, client: &mut Client) {
    client.send(server.head("GET /healthz", ""));
    assert!(client.answer().starts_with("HTTP/1.1 200"));
}

#[test]
fn the_longest_idle_connection_makes_room_for_a_new_one() {
    for (most, most_per_source) in [(2, 100), (100, 2)] {
        let options =
            ServeOptions { max_connections: most, max_connections_per_source: most_per_source, ..patient() };
        let server = Server::new(options);
        let (mut first, mut second) = (used(&server), used(&server));
        ask(&server, &mut first);
        let mut third = used(&server);
        second.wait_for_end();
        ask(&server, &mut first);
        ask(&server, &mut third);
    }
}

#[test]
fn a_trusted_proxy_may_have_more_connections_than_another_source() {
    let options = ServeOptions {
        max_connections: 4,
        max_connections_per_source: 1,
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..patient()
    };
    let server = Server::new(options);
    let mut clients = [(); 4].map(|()| used(&server));
    for client in &mut clients {
        ask(&server, client);
    }
    let mut fifth = used(&server);
    clients[0].wait_for_end();
    ask(&server, &mut fifth);
}

#[test]
fn a_connection_that_works_is_not_closed_for_another() {
    let store = Arc::new(HeldStore::default());
    let options = ServeOptions { max_connections: 1, ..patient() };
    let server = Server::with(Setting { store: store.clone(), ..Setting::default() }, options);
    let held = store.hold_next_write();
    let mut busy = server.connect();
    let length = format!("Content-Length: {}\r\n", ADA.len());
    busy.send(server.head(&format!("POST {CONTACTS}"), &length) + ADA);
    held.wait();
    server.connect().wait_for_end();
    held.release();
    assert!(busy.answer().starts_with("HTTP/1.1 201"));
    drop(used(&server));
}

#[test]
fn a_crowd_of_silent_connections_does_not_keep_a_caller_away() {
    let options = ServeOptions { max_connections_per_source: 20, ..patient() };
    let server = Server::new(options);
    let mut real = used(&server);
    let mut silent: Vec<Client> = Vec::new();
    for number in 0..400 {
        silent.push(server.connect());
        if number % 5 == 0 {
            ask(&server, &mut real);
        }
    }
    for gone in silent.iter_mut().take(300) {
        gone.wait_for_end();
    }
    ask(&server, &mut real);
    drop(used(&server));
}

//! Time-outs of connections, each so short that it is reached, or so long that another is.

use std::io::Write;

use rally_http::ServeOptions;

use super::server::{CONTACTS, SHORT, Server, patient};
use crate::support::ADA;

#[test]
fn a_request_whose_headers_do_not_end_is_given_up() {
    let server = Server::new(ServeOptions { head_timeout: SHORT, linger: SHORT, ..patient() });
    server.connect().wait_for_end();
    let mut first = server.connect();
    first.send("GET / HTTP/1.1\r\nHost: x\r\n");
    first.wait_for_end();
    let mut second = server.connect();
    second.send(server.head("GET /healthz", ""));
    assert!(second.answer().starts_with("HTTP/1.1 200"));
    second.send("GET /");
    second.wait_for_end();
}

#[test]
fn a_connection_without_a_request_is_closed() {
    let server = Server::new(ServeOptions { idle_timeout: SHORT, linger: SHORT, ..patient() });
    let mut used = server.connect();
    used.send(server.head("GET /healthz", ""));
    used.answer();
    used.wait_for_end();
    // Neither a preface of HTTP/2 that does not go on nor settings are a request.
    for settings in [&[][..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]] {
        let mut half = server.connect();
        half.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        half.send(settings);
        half.wait_for_end();
    }
}

#[test]
fn a_reader_who_takes_nothing_is_cut_off() {
    let server = Server::new(ServeOptions { write_timeout: SHORT, ..patient() });
    let mut client = server.connect();
    // Together more than the system keeps for a connection, by far.
    let ask = server.head("GET /docs/swagger-ui-bundle.js", "");
    client.send(ask.repeat(50));
    let refused = loop {
        if let Err(error) = client.0.write(b" ") {
            break error.kind();
        }
    };
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    assert!(matches!(refused, BrokenPipe | ConnectionReset), "{refused}");
}

#[test]
fn a_caller_who_still_sends_is_not_waited_for_for_ever() {
    let server = Server::new(ServeOptions { linger: SHORT, unread_bytes: 10, ..patient() });
    let mut client = server.connect();
    client.send(format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n{ADA}"));
    assert!(client.answer().starts_with("HTTP/1.1 401"));
    // The writing side is closed by now, and the reading side soon.
    while client.0.write(b" ").is_ok() {}
}

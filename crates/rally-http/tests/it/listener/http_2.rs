//! Connections of HTTP/2 whose other side does not do its part.

use std::sync::Arc;

use axum::{body::Bytes, http::Request};
use h2::client::{Builder, SendRequest};
use rally_http::{Config, ServeOptions};
use tokio::{net::TcpStream, task::JoinHandle};

use super::server::{CONTACTS, LONG, PATIENCE, SHORT, Server, patient};
use crate::support::{ADA, HeldStore, Setting};

/// A client whose streams take so many bytes of an answer.
struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn connect(server: &Server, window: u32) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let builder = Builder::new().initial_window_size(window).handshake(stream);
        let (requests, connection) = builder.await.unwrap();
        Self { requests: requests.ready().await.unwrap(), connection: tokio::spawn(connection) }
    }

    fn ask(
        &mut self,
        server: &Server,
        method: &str,
        path: &str,
        body: &'static str,
    ) -> h2::client::ResponseFuture {
        let request = Request::builder().method(method).uri(format!("http://x.example{path}"));
        let request = request.header("x-api-key", &server.api.admin).body(()).unwrap();
        let (answer, mut sent) = self.requests.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            sent.send_data(body.into(), true).unwrap();
        }
        answer
    }

    async fn status(&mut self, server: &Server, path: &str) -> u16 {
        self.ask(server, "GET", path, "").await.unwrap().status().as_u16()
    }
}

/// A server with a page of contacts that is larger than the room for two of them.
fn with_little_room(options: ServeOptions) -> Server {
    let http = Config { body_budget: 50_000, ..Config::default() };
    let server = Server::with(Setting { http, ..Setting::default() }, options);
    for number in 0..50 {
        server.api.add(&format!("c{number}@x.example"));
    }
    let page = server.api.get(CONTACTS).send().body.len();
    assert!((25_000..50_000).contains(&page), "{page}");
    server
}

#[test]
fn answers_that_nobody_takes_leave_no_room_for_more() {
    let server = with_little_room(patient());
    server.runtime.block_on(async {
        let mut client = Client::connect(&server, 0).await;
        let first = client.ask(&server, "GET", CONTACTS, "").await.unwrap();
        assert_eq!(first.status(), 200);
        let refused = client.ask(&server, "GET", CONTACTS, "").await.unwrap();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (503, &"1".parse().unwrap())
        );
        // Pages that all share take no room.
        for path in ["/healthz", "/docs", "/docs/swagger-ui-bundle.js", "/openapi.json"] {
            for _ in 0..10 {
                assert_eq!(client.status(&server, path).await, 200);
            }
        }
        drop(first);
        while client.status(&server, CONTACTS).await == 503 {}
    });
}

#[test]
fn an_answer_that_is_half_sent_takes_its_room_until_it_is_sent_or_given_up() {
    let server = with_little_room(patient());
    server.runtime.block_on(async {
        // The last piece of the answer is taken from its body, and waits for the window.
        let mut client = Client::connect(&server, 20_000).await;
        let first = client.ask(&server, "GET", CONTACTS, "").await.unwrap();
        assert_eq!(client.status(&server, CONTACTS).await, 503);
        let mut other = Client::connect(&server, 1 << 20).await;
        assert_eq!(other.status(&server, CONTACTS).await, 503);
        let mut body = first.into_body();
        while let Some(bytes) = body.data().await {
            body.flow_control().release_capacity(bytes.unwrap().len()).unwrap();
        }
        while other.status(&server, CONTACTS).await == 503 {}
    });
}

#[test]
fn a_connection_whose_answers_do_not_move_is_reset() {
    let server = Server::new(ServeOptions { write_timeout: SHORT, ..patient() });
    server.runtime.block_on(async {
        let mut client = Client::connect(&server, 0).await;
        let answers: Vec<_> = (0..20).map(|_| client.ask(&server, "GET", "/docs", "")).collect();
        let mut taken = Vec::new();
        for answer in answers {
            taken.push(answer.await);
        }
        let ended = tokio::time::timeout(PATIENCE, client.connection).await.unwrap();
        assert!(ended.unwrap().is_err());
    });
}

#[test]
fn a_connection_without_streams_is_closed() {
    let server = Server::new(ServeOptions { idle_timeout: SHORT, ..patient() });
    server.runtime.block_on(async {
        let mut client = Client::connect(&server, 1 << 20).await;
        assert_eq!(client.status(&server, "/healthz").await, 200);
        let ended = tokio::time::timeout(PATIENCE, client.connection).await.unwrap();
        ended.unwrap().unwrap();
    });
}

#[test]
fn a_connection_carries_so_many_streams() {
    let server = Server::new(ServeOptions { max_streams: 7, ..patient() });
    server.runtime.block_on(async {
        let mut client = Client::connect(&server, 1 << 20).await;
        assert_eq!(client.status(&server, "/healthz").await, 200);
        assert_eq!(client.requests.current_max_send_streams(), 7);
    });
}

#[test]
fn a_peer_who_gives_no_sign_of_life_is_given_up() {
    let server = Server::new(ServeOptions { ping_interval: SHORT, ping_timeout: SHORT, ..patient() });
    let mut client = server.connect();
    // The preface and empty settings, and no word thereafter.
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    client.wait_for_end();
}

#[test]
fn a_server_that_stops_takes_no_stream_and_ends_those_that_run() {
    let store = Arc::new(HeldStore::default());
    let options = ServeOptions { grace: LONG, ..patient() };
    let mut server = Server::with(Setting { store: store.clone(), ..Setting::default() }, options);
    let mut client = server.runtime.block_on(Client::connect(&server, 1 << 20));
    let held = store.hold_next_write();
    let answer = client.ask(&server, "POST", CONTACTS, ADA);
    held.wait();
    server.stop();
    held.release();
    assert_eq!(server.runtime.block_on(answer).unwrap().status(), 201);
    let ended = async { tokio::time::timeout(PATIENCE, client.connection).await };
    server.runtime.block_on(ended).unwrap().unwrap().unwrap();
    server.wait();
}

//! Behaviour of every request, whatever its path.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
};

use axum::{
    body::{Body, Bytes},
    http::Method,
};
use insta::assert_snapshot;
use rally_core::store::MemoryStore;
use rally_http::{WorkOn, limits, testing::Fake};
use rally_testkit::{FaultyStore, ReadFault, WriteFault};

use crate::support::{ADA, Api, HeldStore, Setting};

const CONTACTS: &str = "/api/v1/contacts";

#[test]
fn a_sane_id_of_a_request_is_kept_and_others_are_replaced() {
    let api = Api::new();
    let id =
        |sent: &str| api.get(CONTACTS).header("X-Request-Id", sent).send().header("X-Request-Id").to_owned();
    for sane in ["a", "0f3c-42", &"x".repeat(128)] {
        assert_eq!(id(sane), sane);
    }
    for other in ["", "a b", &"x".repeat(129), "ü"] {
        let minted = id(other);
        assert_eq!(minted.len(), 36, "{other}");
        assert_ne!(minted, id(other));
    }
}

#[test]
fn an_id_of_a_request_is_the_trace_of_its_problem() {
    let api = Api::new();
    let answer = api.get("/nothing").header("X-Request-Id", "").send().is(404);
    assert_eq!(answer.value()["traceId"], answer.header("X-Request-Id"));
}

#[test]
fn unknown_paths_are_problems() {
    let api = Api::new();
    for path in [
        "/",
        "/nothing",
        "/api/v1",
        "/api/nothing",
        "/api/v1/contacts/",
        "/api/v1/contacts/a/b",
        "/API/contacts",
    ] {
        let answer = api.get(path).send();
        assert_eq!(answer.told(), "404 not_found: there is nothing at this path", "{path}");
    }
    for path in ["/api/v1/%00", "/api/../healthz", "/api/v1/contacts/..%2f..", "/%2e%2e/x", "/api/v1/%ff"] {
        let answer = api.get(path).send();
        assert_eq!(answer.status.as_u16(), 404, "{path}");
    }
    assert_snapshot!(api.get("/api/nothing?x=1").send(), @r#"
    404
    {
      "code": "not_found",
      "detail": "there is nothing at this path",
      "instance": "/api/nothing",
      "status": 404,
      "title": "Not found",
      "traceId": "t",
      "type": "https://rally.example/problems/not_found"
    }
    "#);
}

#[test]
fn a_path_tells_which_methods_it_takes() {
    let api = Api::new();
    for (method, path, allowed) in [
        ("DELETE", CONTACTS, "GET,HEAD,POST"),
        ("OPTIONS", CONTACTS, "GET,HEAD,POST"),
        ("BREW", CONTACTS, "GET,HEAD,POST"),
        ("POST", "/api/contacts/7", "DELETE,GET,HEAD,PATCH,PUT"),
        ("GET", "/api/contacts/upsert", "PUT"),
        ("GET", "/api/contacts/bulk", "POST"),
        ("POST", "/healthz", "GET,HEAD"),
    ] {
        let answer = api.ask(Method::from_bytes(method.as_bytes()).unwrap(), path).send();
        assert_eq!(answer.told(), "405 method_not_allowed: this path does not take this method; see Allow");
        let mut allow: Vec<&str> = answer.header("Allow").split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
    }
}

#[test]
fn head_is_get_without_a_body() {
    let api = Api::new();
    let id = api.add("ada@x.example");
    for path in
        [CONTACTS.to_owned(), format!("{CONTACTS}/{id}"), "/healthz".to_owned(), "/api/nothing".to_owned()]
    {
        let (get, head) = (api.get(&path).send(), api.ask(Method::HEAD, &path).send());
        assert_eq!((head.status, head.body.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("Content-Length"), get.body.len().to_string(), "{path}");
        assert_eq!(head.header("ETag"), get.header("ETag"));
        assert_eq!(head.header("Content-Type"), get.header("Content-Type"));
    }
}

#[test]
fn answers_are_not_guessed_at_and_not_kept() {
    let api = Api::new();
    let answer = api.get(CONTACTS).send();
    assert_eq!(answer.header("X-Content-Type-Options"), "nosniff");
    assert_eq!(answer.header("Cache-Control"), "private, no-cache");
}

#[test]
fn a_body_is_json() {
    let api = Api::new();
    let told = |kind: &str| api.post(CONTACTS, ADA).header("Content-Type", kind).send().told();
    assert_snapshot!(told("text/plain"), @"415 unsupported_media_type: send the body as application/json, in UTF-8");
    for kind in ["application/x-www-form-urlencoded", "application/json; charset=latin1", "", "ü"] {
        assert_eq!(told(kind), told("text/plain"), "{kind}");
    }
    let packed = api.post(CONTACTS, ADA).header("Content-Encoding", "gzip").send();
    assert_snapshot!(packed.told(), @"415 unsupported_media_type: send the body as it is, without a Content-Encoding other than identity");
    api.post(CONTACTS, ADA).header("Content-Type", "application/json; charset=UTF-8").send().is(201);
    api.ask(Method::POST, CONTACTS).body(ADA.replace("ada", "b")).send().is(201);
    let vendor = api.post(CONTACTS, ADA.replace("ada", "c")).header("Content-Type", "application/vnd.x+json");
    vendor.send().is(201);
}

#[test]
fn a_body_may_say_that_it_is_not_coded() {
    let api = Api::new();
    let send = |number: usize, name: &'static str, value: &str| {
        api.post(CONTACTS, ADA.replace("ada", &format!("a{number}"))).header(name, value).send()
    };
    for (number, coding) in ["identity", "Identity", "", "identity, identity"].into_iter().enumerate() {
        send(number, "Content-Encoding", coding).is(201);
    }
    for coding in ["gzip", "x-gzip", "br", "deflate", "identity, gzip", "zstd", "*"] {
        let answer = send(9, "Content-Encoding", coding).is(415);
        assert_eq!(answer.header("Accept-Encoding"), "identity", "{coding}");
    }
    for (number, charset) in ["utf8", "UTF8", "\"utf8\"", "utf-8", "us-ascii"].into_iter().enumerate() {
        send(10 + number, "Content-Type", &format!("application/json; charset={charset}")).is(201);
    }
    let answer = send(20, "Content-Type", "application/json; charset=utf-16").is(415);
    assert_eq!(answer.header("Accept-Encoding"), "", "the coding is none of its faults");
}

#[test]
fn a_body_without_a_length_has_the_same_limit() {
    let api = Api::new();
    let chunks =
        (0..=limits::BODY_BYTES / 1024).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024])));
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    assert_snapshot!(api.post(CONTACTS, body).send().told(), @"413 payload_too_large: the body must not be larger than 1048576 bytes");
}

#[test]
fn a_failing_store_is_not_told_about() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    api.get(CONTACTS).send().is(200);
    store.fail_read(0, ReadFault::Corrupt);
    let answer = api.get(CONTACTS).send();
    assert_snapshot!(answer, @r#"
    500
    {
      "code": "internal",
      "detail": "something went wrong here; the log has the reason",
      "instance": "/api/v1/contacts",
      "status": 500,
      "title": "Internal error",
      "traceId": "t",
      "type": "https://rally.example/problems/internal"
    }
    "#);
    store.fail_read(0, ReadFault::Unavailable);
    assert_eq!(api.get(CONTACTS).send().is(503).header("Retry-After"), "1");
    store.fail_write(0, WriteFault::CommitLost);
    assert_snapshot!(api.post(CONTACTS, ADA).send().told(), @"503 unavailable: the connection to the store was lost and the write may or may not have happened; look before you repeat it, or repeat it with the same idempotency key");
    api.get(CONTACTS).send().is(200);
}

/// Sends the bytes of a request and reads until the other side hangs up.
fn speak(fake: &Fake, request: &str) -> String {
    let mut stream = connect(fake);
    stream.write_all(request.as_bytes()).unwrap();
    read_all(stream)
}

fn connect(fake: &Fake) -> TcpStream {
    TcpStream::connect(fake.url().strip_prefix("http://").unwrap()).unwrap()
}

fn read_all(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    // A server that has not read all of a request resets the connection behind its answer.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn head(fake: &Fake, line: &str, more: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Api-Key: {}\r\n{more}\r\n",
        fake.api_key()
    )
}

#[test]
fn a_body_that_is_cut_off_is_no_request() {
    let fake = Fake::start();
    let cut =
        head(&fake, "POST /api/contacts", "Content-Length: 1000\r\nContent-Type: application/json\r\n") + ADA;
    let mut stream = connect(&fake);
    stream.write_all(cut.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_all(stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(
        speak(&fake, &head(&fake, "GET /api/contacts", "")).ends_with("\r\n\r\n[]"),
        "nothing was written"
    );
}

#[test]
fn a_body_that_breaks_off_is_named() {
    let api = Api::new();
    let chunks = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("gone"))];
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    assert_snapshot!(api.post(CONTACTS, body).send().told(), @"400 malformed_json: the body ended before it was whole");
}

#[test]
fn a_panic_is_the_problem_of_its_request_alone() {
    for work_on in [WorkOn::BlockingThreads, WorkOn::BlockingThreadsForWrites, WorkOn::ServingThread] {
        let store = Arc::new(HeldStore::default());
        let http = rally_http::Config { work_on, ..rally_http::Config::default() };
        let api = Api::with(Setting { store: store.clone(), http, ..Setting::default() });
        api.get(CONTACTS).send().is(200);
        store.panic_at_next_read();
        let answer = api.get(CONTACTS).send();
        assert_eq!(answer.told(), "500 internal: something went wrong here; the log has the reason");
        assert_eq!(answer.header("X-Request-Id"), "t");
        api.get(CONTACTS).send().is(200);
    }
}

#[test]
fn a_server_that_is_told_to_stop_finishes_what_runs() {
    let store = Arc::new(HeldStore::default());
    let api = Api::with(Setting { store: store.clone(), ..Setting::default() });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let router = rally_http::router(api.engine.clone(), Default::default());
    let serving = runtime.spawn(rally_http::serve(listener, router, Default::default(), async {
        let _ = stopped.await;
    }));
    api.get(CONTACTS).send().is(200);
    let held = store.hold_next_write();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("POST {CONTACTS} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n", api.admin);
    write!(stream, "{head}Content-Length: {}\r\n\r\n{ADA}", ADA.len()).unwrap();
    held.wait();
    stop.send(()).unwrap();
    // The listener is closed first, so this ends as soon as the stop has been heard.
    while is_healthy(address) {}
    held.release();
    let answer = read_all(stream);
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("connection: close"), "{answer}");
    runtime.block_on(serving).unwrap().unwrap();
}

fn is_healthy(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let sent = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    sent.is_ok() && read_all(stream).starts_with("HTTP/1.1 200")
}

#[test]
fn a_declared_length_beyond_the_limit_is_refused_before_it_comes() {
    let fake = Fake::start();
    let more = "Content-Length: 2097152\r\nContent-Type: application/json\r\n";
    let answer = speak(&fake, &head(&fake, "POST /api/contacts", more));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn odd_request_lines_get_clean_answers() {
    let fake = Fake::start();
    for (line, status) in [
        ("GET /api/contacts", "200"),
        ("GET http://acme.localhost/api/contacts", "200"),
        ("GET http://other.localhost/api/contacts", "401"),
        ("BREW /api/contacts", "405"),
        ("GET /api/contacts/../contacts", "404"),
        ("GET /api/contacts/%00", "404"),
        ("OPTIONS *", "404"),
        ("CONNECT x.example:80", "404"),
        ("GET /api/\u{1}", "400"),
    ] {
        let answer = speak(&fake, &head(&fake, line, ""));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
    }
}

#[test]
fn a_fake_is_gone_when_it_is_dropped() {
    let fake = Fake::builder().tenant("first").tenant("second").without_rate_limit().start().unwrap();
    assert_eq!(fake.tenant(), "first");
    assert!(fake.api_key().starts_with("rk_test_"));
    assert_ne!(fake.api_key_of("second").unwrap(), fake.api_key());
    let address = fake.url().strip_prefix("http://").unwrap().to_owned();
    // A connection that is open does not keep it.
    let mut idle = TcpStream::connect(&address).unwrap();
    assert!(!speak(&fake, &head(&fake, "GET /api/contacts", "")).contains("x-ratelimit"));
    drop(fake);
    assert!(TcpStream::connect(&address).is_err());
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[tokio::test]
async fn a_fake_starts_and_stops_within_a_runtime() {
    let fake = Fake::start();
    assert!(TcpStream::connect(fake.url().strip_prefix("http://").unwrap()).is_ok());
}

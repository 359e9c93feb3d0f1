//! The host of a request, and the length of its query.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use axum::http::Version;
use insta::assert_snapshot;
use rally_http::{limits, testing::Fake};

use crate::support::Api;

const CONTACTS: &str = "/api/v1/contacts";

fn speak(fake: &Fake, head: &str) -> String {
    let mut stream = TcpStream::connect(fake.url().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(format!("GET /healthz {head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_request_in_http_1_1_names_one_host() {
    let fake = Fake::start();
    for (head, phrase) in [
        ("HTTP/1.1\r\n", "is required"),
        ("HTTP/1.1\r\nHost: a\r\nHost: a\r\n", "is given twice"),
        ("HTTP/1.1\r\nHost: a b\r\n", "must be a host, with or without a port"),
        ("HTTP/1.1\r\nHost:\r\n", "must be a host, with or without a port"),
        ("HTTP/1.0\r\nHost: a/b\r\n", "must be a host, with or without a port"),
    ] {
        let answer = speak(&fake, head);
        let version = head.split("\r\n").next().unwrap();
        assert!(answer.starts_with(&format!("{version} 400")), "{head}: {answer}");
        assert!(answer.contains("application/problem+json"), "{head}: {answer}");
        assert!(answer.contains(&format!(r#""errors":{{"Host":["{phrase}"]}}"#)), "{head}: {answer}");
    }
    for head in ["HTTP/1.0\r\n", "HTTP/1.1\r\nHost: [::1]:8080\r\n", "HTTP/1.1\r\nHost: acme.localhost\r\n"] {
        assert!(speak(&fake, head).contains(" 200 OK"), "{head}");
    }
}

#[test]
fn a_call_in_process_names_a_host_or_none() {
    let api = Api::new();
    api.get(CONTACTS).send().is(200);
    let answer = api.get(CONTACTS).header("Host", "a b").send();
    assert_snapshot!(answer.told(), @"400 validation: Host must be a host, with or without a port");
    let mut request = api.get(CONTACTS).from("192.0.2.1:1").into_request();
    request.headers_mut().remove("Host");
    *request.version_mut() = Version::HTTP_2;
    assert_eq!(api.answer(request).is(200).items().len(), 0);
}

#[test]
fn a_query_has_a_longest_length() {
    let api = Api::new();
    let query = |length: usize| format!("{CONTACTS}?_={}", "x".repeat(length - 2));
    api.get(&query(limits::QUERY_BYTES)).send().is(200);
    let answer = api.get(&query(limits::QUERY_BYTES + 1)).send();
    assert_snapshot!(answer.told(), @"400 limit_exceeded: the query must not be longer than 4096 bytes");
    api.get(&format!("/healthz?{}", "x".repeat(limits::QUERY_BYTES + 1))).send().is(400);
}

#[test]
fn links_repeat_the_parameters_that_count_and_no_others() {
    let api = Api::new();
    let [first, _] = ["a@x.example", "b@x.example"].map(|email| api.add(email));
    let list = api.get(&format!("{CONTACTS}?utm=1&limit=1&token=secret&fields=id&%75tm=2")).send();
    let next = format!("</api/v1/contacts?limit=1&fields=id&after={first}>; rel=\"next\"");
    assert!(list.header("Link").contains(&next), "{}", list.header("Link"));
    assert!(!list.header("Link").contains("secret"));
    let feed = api.get("/api/v1/sync/changes?_=1&after=0&limit=1").send();
    assert_eq!(feed.header("Link"), "</api/v1/sync/changes?limit=1&after=1>; rel=\"next\"");
}

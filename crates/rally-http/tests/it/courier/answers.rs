use std::time::Duration;

use rally_core::{RetryAfter, Timestamp};
use rally_http::{CourierOptions, SendError, Step};
use tokio::runtime::Runtime;

use super::{Manner, Receiver, hasty, near, send, sent_to};

#[test]
fn an_event_is_sent_as_it_was_signed() {
    Runtime::new().unwrap().block_on(async {
        let receiver = Receiver::start([Manner::ok()]).await;
        let answer = send(near(), &receiver.url("/hook?a=1#b")).await.unwrap();
        assert_eq!((answer.status, answer.retry_after, answer.body.len()), (200, None, 0));
        let received = receiver.requests().remove(0);
        assert!(received.head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"), "{}", received.head);
        assert_eq!(received.body, br#"{"type":"contact.created"}"#);
        for (name, value) in [
            ("host", format!("127.0.0.1:{}", receiver.port()).as_str()),
            ("content-type", "application/json"),
            ("accept-encoding", "identity"),
            ("connection", "close"),
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1700000000"),
        ] {
            assert_eq!(received.header(name), value, "{name}");
        }
        assert!(received.header("user-agent").starts_with("Rally/"), "{}", received.head);
    });
}

#[test]
fn a_status_is_told_whatever_it_is() {
    for (line, status) in [
        ("200 OK", 200),
        ("299 Whatever", 299),
        ("410 Gone", 410),
        ("429 Too Many Requests", 429),
        ("500 Internal Server Error", 500),
        ("999 Beyond", 999),
    ] {
        assert_eq!(sent_to(Manner::status(line, ""), near()).unwrap().status, status);
    }
}

#[test]
fn a_receiver_says_when_to_come_again() {
    let asked = |value: &str| {
        let header = format!("Retry-After: {value}\r\n");
        sent_to(Manner::status("429 Too Many Requests", &header), near()).unwrap().retry_after
    };
    assert_eq!(asked("120"), Some(RetryAfter::Seconds(120)));
    let at = Timestamp::from_micros(784_111_777_000_000);
    assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(RetryAfter::At(at)));
    assert_eq!(asked("soon"), None);
}

#[test]
fn a_redirect_is_an_answer_and_not_followed() {
    Runtime::new().unwrap().block_on(async {
        let elsewhere = Receiver::start([Manner::ok()]).await;
        for line in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
        {
            let location = format!("Location: {}\r\n", elsewhere.url("/"));
            let receiver = Receiver::start([Manner::status(line, &location)]).await;
            let answer = send(near(), &receiver.url("/hook")).await.unwrap();
            assert!(line.starts_with(&answer.status.to_string()), "{line}: {answer:?}");
        }
        assert_eq!(elsewhere.requests().len(), 0);
    });
}

#[test]
fn a_body_is_read_to_the_bound_and_never_decompressed() {
    let body = |bytes: usize| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {bytes}\r\n\r\n");
        Manner::Answer([head.as_bytes(), &vec![0x1f; bytes]].concat())
    };
    for (sent, read) in [(1_000, 1_000), (16_384, 16_384), (16_385, 16_384), (10_000_000, 16_384)] {
        let answer = sent_to(body(sent), near()).unwrap();
        assert_eq!((answer.status, answer.body.len()), (200, read));
        assert!(answer.body.iter().all(|byte| *byte == 0x1f));
    }
    let smaller = CourierOptions { answer_body_bytes: 10, ..near() };
    assert_eq!(sent_to(body(1_000), smaller).unwrap().body.len(), 10);
}

#[test]
fn an_answer_without_an_end_is_read_to_the_bound() {
    let until_closed = Manner::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 4_096]);
    let answer = sent_to(until_closed, near()).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 16_384));
    let chunks = b"HTTP/1.1 503 Unavailable\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = sent_to(Manner::Endless(chunks.to_vec(), b"1\r\nx\r\n".to_vec()), near()).unwrap();
    assert_eq!(answer.status, 503);
    // Chunks that are mostly frame: what is read over the connection is bounded too.
    let framed = b"0000000000000001\r\nx\r\n".to_vec();
    let answer = sent_to(Manner::Endless(chunks.to_vec(), framed), near()).unwrap();
    assert_eq!(answer.status, 503);
    assert!((1_000..8_000).contains(&answer.body.len()), "{}", answer.body.len());
}

#[track_caller]
fn assert_no_answer(manner: Manner, options: CourierOptions) {
    match sent_to(manner, options) {
        Err(SendError::Exchange(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_head_beyond_its_bounds_is_no_answer() {
    let filler = |bytes| format!("X-Filler: {}\r\n", "a".repeat(bytes));
    let many = |headers| Manner::status("200 OK", &"X-A: b\r\n".repeat(headers));
    assert!(sent_to(many(63), near()).is_ok());
    assert_no_answer(many(64), near());
    assert!(sent_to(Manner::status("200 OK", &filler(30_000)), near()).is_ok());
    assert_no_answer(Manner::status("200 OK", &filler(40_000)), near());
    assert_no_answer(Manner::status("200 OK", &filler(1 << 20)), near());
    assert_no_answer(Manner::status("200 OK", &"X-A: b\r\n".repeat(100_000)), near());
    assert_no_answer(Manner::Endless(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), near());
    assert_no_answer(many(10), CourierOptions { answer_headers: 5, ..near() });
}

#[test]
fn what_is_no_http_is_no_answer() {
    let answer = |bytes: &[u8]| Manner::Answer(bytes.to_vec());
    for bytes in [&b""[..], b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 2", b"HTTP/1.1 99 Low\r\n\r\n", b"\0\0\0"]
    {
        assert_no_answer(answer(bytes), near());
    }
    assert_no_answer(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), near());
    assert_no_answer(Manner::Reset, near());
}

#[test]
fn a_receiver_that_stops_is_given_up() {
    for (sent, step) in [
        (&b""[..], Step::Answer),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Step::Answer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Step::Body),
    ] {
        let told = sent_to(Manner::Hang(sent.to_vec()), hasty()).unwrap_err();
        assert_eq!(told, SendError::TimedOut { step, after: Duration::from_millis(300) });
    }
}

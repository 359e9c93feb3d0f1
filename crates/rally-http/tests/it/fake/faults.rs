//! Faults that a test arms.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use rally_http::testing::{Fake, Fault, FaultAction, FaultPoint};
use serde_json::{Value, json};

use super::client::{Answer, api, contact, contacts, control, speak};

fn arm(fake: &Fake, fault: &Value) -> Answer {
    control(fake, "POST", "/tenants/acme/faults", &fault.to_string())
}

/// The bytes of an answer and how its connection has ended.
fn ending(fake: &Fake, method: &str, path: &str, body: &str) -> (String, Result<(), ErrorKind>) {
    let mut stream = TcpStream::connect(fake.url().strip_prefix("http://").unwrap()).unwrap();
    let head =
        format!("{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {}\r\n", fake.api_key());
    write!(stream, "{head}Connection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut bytes = Vec::new();
    let ended = loop {
        let mut piece = [0; 4096];
        match stream.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            Err(error) => break Err(error.kind()),
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), ended)
}

#[test]
fn a_status_comes_in_place_of_the_work_and_names_its_fault() {
    let fake = Fake::start();
    let fault = json!({
        "point": "before", "action": {"kind": "status", "status": 503, "retryAfter": 7},
        "match": {"method": "POST", "route": "/contacts", "nth": 2}, "times": 1,
    });
    let armed = arm(&fake, &fault).is(201).json();
    assert_eq!((&armed["id"], &armed["fired"]), (&"f1".into(), &0.into()));
    let post = |name: &str, status: u16| api(&fake, "POST", "/contacts", &contact(name)).is(status);
    assert_eq!(post("ada", 201).header("x-rally-fault"), None);
    api(&fake, "GET", "/contacts", "").is(200);
    let hit = post("bob", 503);
    assert_eq!((hit.header("x-rally-fault"), hit.header("retry-after")), (Some("f1"), Some("7")));
    assert_eq!((&hit.json()["code"], &hit.json()["status"]), (&"unavailable".into(), &503.into()));
    post("bob", 201);
    let listed = control(&fake, "GET", "/tenants/acme/faults", "").is(200).json();
    assert_eq!((&listed[0]["matched"], &listed[0]["fired"]), (&3.into(), &1.into()));
    assert_eq!(listed[0]["match"]["route"], "/contacts");
}

#[test]
fn each_status_has_the_body_of_the_apis_own() {
    let fake = Fake::start();
    for (status, code) in [
        (400, "validation"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (429, "rate_limited"),
        (500, "internal"),
        (503, "unavailable"),
    ] {
        fake.arm(Fault::status(status)).unwrap();
        let answer = api(&fake, "GET", "/contacts", "").is(status);
        assert_eq!(answer.json()["code"], code, "{status}");
        assert_eq!(answer.header("retry-after").is_some(), matches!(status, 429 | 503), "{status}");
    }
}

#[test]
fn after_the_commit_the_write_is_there_and_its_answer_is_not() {
    let fake = Fake::start();
    let post = |name: &str| ending(&fake, "POST", "/contacts", &contact(name));
    fake.arm(Fault::lost_answer().route("POST", "/contacts")).unwrap();
    let (bytes, ended) = post("ada");
    assert_eq!((bytes.as_str(), ended), ("", Err(ErrorKind::ConnectionReset)), "by a real reset");
    fake.arm(Fault::new(FaultPoint::AfterCommit, FaultAction::Drop)).unwrap();
    assert_eq!(post("bob"), (String::new(), Ok(())), "closed in order");
    fake.arm(Fault::new(FaultPoint::AfterCommit, FaultAction::Status { status: 500, retry_after: None }))
        .unwrap();
    assert!(post("eve").0.starts_with("HTTP/1.1 500"));
    assert_eq!(contacts(&fake), 3);
    fake.arm(Fault::new(FaultPoint::Before, FaultAction::Reset { at: 0 })).unwrap();
    assert_eq!(post("zoe"), (String::new(), Err(ErrorKind::ConnectionReset)));
    assert_eq!(contacts(&fake), 3, "before the work nothing is done");
    fake.verify_faults().unwrap();
}

#[test]
fn bodies_break_off_and_come_slowly() {
    let fake = Fake::start();
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    let whole = speak(fake.url(), "GET", "/api/contacts", &format!("X-Api-Key: {}\r\n", fake.api_key()), "");
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    fake.arm(Fault::new(FaultPoint::Body, FaultAction::Truncate { at: 20 })).unwrap();
    let (cut, ended) = ending(&fake, "GET", "/contacts", "");
    let (cut_head, cut_body) = cut.split_once("\r\n\r\n").unwrap();
    assert_eq!((cut_body, ended), (body.get(..20).unwrap(), Ok(())));
    assert!(cut_head.contains(&format!("content-length: {}", body.len())), "{cut_head}");
    assert!(cut_head.contains("x-rally-fault: f1") && !head.contains("x-rally-fault"));
    let slow = FaultAction::Slow { bytes: body.len().div_ceil(4), pause: Duration::from_millis(20) };
    fake.arm(Fault::new(FaultPoint::Body, slow)).unwrap();
    let begun = Instant::now();
    assert_eq!(api(&fake, "GET", "/contacts", "").is(200).body, body);
    assert!(begun.elapsed() >= Duration::from_millis(80), "four pauses");
    fake.arm(Fault::new(FaultPoint::Before, FaultAction::Delay { by: Duration::from_millis(50) })).unwrap();
    let begun = Instant::now();
    assert_eq!(api(&fake, "GET", "/contacts", "").is(200).header("x-rally-fault"), Some("f3"));
    assert!(begun.elapsed() >= Duration::from_millis(50));
}

#[test]
fn the_wire_breaks_at_a_byte_of_the_whole_answer() {
    let fake = Fake::start();
    for (action, ended) in [
        (json!({"kind": "reset", "at": 15}), Err(ErrorKind::ConnectionReset)),
        (json!({"kind": "truncate", "at": 15}), Ok(())),
    ] {
        arm(&fake, &json!({"point": "wire", "action": action})).is(201);
        assert_eq!(ending(&fake, "GET", "/contacts", ""), ("HTTP/1.1 200 OK".to_owned(), ended), "{action}");
    }
    arm(&fake, &json!({"point": "wire", "action": {"kind": "reset"}})).is(201);
    assert_eq!(ending(&fake, "GET", "/contacts", ""), (String::new(), Err(ErrorKind::ConnectionReset)));
    api(&fake, "GET", "/contacts", "").is(200);
}

#[test]
fn what_cannot_happen_is_refused_when_it_is_armed() {
    let fake = Fake::start();
    let status = json!({"kind": "status", "status": 503});
    for (fault, wrong) in [
        (json!({"point": "before", "action": status, "match": {"route": "/contact"}}), "match.route"),
        (
            json!({"point": "before", "action": status, "match": {"method": "PATCH", "route": "/pipelines"}}),
            "match.route",
        ),
        (json!({"point": "before", "action": status, "match": {"method": "BREW"}}), "match.method"),
        (json!({"point": "before", "action": status, "match": {"event": "deal.won"}}), "match.event"),
        (json!({"point": "before", "action": {"kind": "truncate", "at": 1}}), "action"),
        (json!({"point": "before", "action": {"kind": "reset", "at": 1}}), "action"),
        (json!({"point": "before", "action": {"kind": "status", "status": 418}}), "action.status"),
        (json!({"point": "webhook", "action": {"kind": "status", "status": 99}}), "action.status"),
        (json!({"point": "webhook", "action": status, "match": {"event": "deal.lose"}}), "match.event"),
        (json!({"point": "webhook", "action": status, "match": {"method": "POST"}}), "match.method"),
        (json!({"point": "before", "action": {"kind": "delay", "by": "61s"}}), "action.by"),
        (json!({"point": "body", "action": {"kind": "slow", "bytes": 0, "pause": 0}}), "action.bytes"),
        (json!({"point": "body", "action": {"kind": "slow", "bytes": 1, "pause": "11s"}}), "action.pause"),
        (json!({"point": "before", "action": status, "match": {"nth": 0}}), "match.nth"),
        (json!({"point": "before", "action": status, "match": {"every": 0}}), "match.every"),
        (json!({"point": "before", "action": status, "times": 0}), "times"),
    ] {
        let refused = arm(&fake, &fault).is(400).json();
        assert!(refused["errors"][wrong].is_array(), "{fault}: {refused}");
    }
    for fault in [
        json!({}),
        json!({"point": "later", "action": status}),
        json!({"point": "before", "action": {"kind": "explode"}}),
        json!({"point": "before", "action": status, "match": {"path": "/deals"}}),
    ] {
        assert_eq!(arm(&fake, &fault).is(400).json()["code"], "validation", "{fault}");
    }
    assert!(fake.faults().is_empty());
}

#[test]
fn a_fault_that_has_not_happened_fails_the_verification() {
    let fake = Fake::start();
    let verify = || control(&fake, "POST", "/tenants/acme/faults/verify", "").is(200).json();
    assert_eq!(verify()["passed"], true);
    fake.arm(Fault::status(503).route("GET", "/deals").times(2)).unwrap();
    fake.arm(Fault::status(503).route("GET", "/contacts").every(2)).unwrap();
    api(&fake, "GET", "/deals", "").is(503);
    api(&fake, "GET", "/contacts", "").is(503);
    let told = verify();
    assert_eq!((&told["passed"], told["unfired"].as_array().unwrap().len()), (&false.into(), 1));
    assert_eq!(told["unfired"][0]["match"]["route"], "/deals");
    assert!(fake.verify_faults().unwrap_err().detail().contains("f1 (1 of"));
    api(&fake, "GET", "/deals", "").is(503);
    assert_eq!(verify()["passed"], true);
    fake.verify_faults().unwrap();
}

#[test]
fn a_fault_is_for_one_tenant_and_one_credential_and_ends_when_it_is_disarmed() {
    let fake = Fake::start();
    let other = fake.create_tenant("other").unwrap();
    let by_write = Fault::status(503).credential(fake.keys().write.get(..20).unwrap()).every(1);
    let armed = fake.arm(by_write).unwrap();
    api(&fake, "GET", "/contacts", "").is(200);
    api(&other, "GET", "/contacts", "").is(200);
    let write = fake.keys().write.clone();
    super::client::with_key(&fake, &write, "GET", "/contacts", "").is(503);
    let path = format!("/tenants/acme/faults/{}", armed.id);
    assert_eq!(control(&fake, "DELETE", &path, "").is(200).json()["disarmed"], 1);
    control(&fake, "DELETE", &path, "").is(404);
    super::client::with_key(&fake, &write, "GET", "/contacts", "").is(200);
    fake.arm(Fault::status(503).every(1)).unwrap();
    assert_eq!(control(&fake, "DELETE", "/tenants/acme/faults", "").is(200).json()["disarmed"], 1);
    fake.arm(Fault::status(503).every(1)).unwrap();
    fake.reset();
    api(&fake, "GET", "/contacts", "").is(200);
}

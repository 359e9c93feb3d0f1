//! Spans of requests and of deliveries, as a collector gets them.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use serde_json::json;

use crate::{
    protobuf::{Message, Value},
    receiver::Receiver,
    running::{Folder, Running, rally},
    serving::contact,
    wire::Request,
};

/// The longest time that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A span as it came.
#[derive(Clone, Debug)]
struct Span {
    service: String,
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: u64,
    /// 0 where nothing is said, 2 for an error.
    status: u64,
    attributes: BTreeMap<String, String>,
}

const SERVER: u64 = 2;
const CLIENT: u64 = 3;

/// A collector that takes all spans, as long as the test runs.
#[derive(Clone)]
struct Collector {
    url: String,
    spans: Arc<(Mutex<Vec<Span>>, Condvar)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self { url, spans: Arc::default() };
        let collecting = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                collecting.take(stream).unwrap();
            }
        });
        collector
    }

    fn take(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(&stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head)? > 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/x-protobuf"), "{head}");
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body)?;
        self.spans.0.lock().unwrap().extend(spans(&body));
        self.spans.1.notify_all();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.0.lock().unwrap().clone()
    }

    /// Waits until what has come is enough.
    #[track_caller]
    fn until(&self, is_enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let (spans, changed) = &*self.spans;
        let waiting = changed.wait_timeout_while(spans.lock().unwrap(), PATIENCE, |spans| !is_enough(spans));
        let (spans, waited) = waiting.unwrap();
        assert!(!waited.timed_out(), "that is not enough: {spans:?}");
        spans.clone()
    }
}

/// The spans of an `ExportTraceServiceRequest`.
fn spans(bytes: &[u8]) -> Vec<Span> {
    let mut all = Vec::new();
    for of_resource in Message::read(bytes).messages(1) {
        let resource = of_resource.messages(1).into_iter().next().unwrap();
        let service = attributes(&resource, 1).remove("service.name").unwrap();
        for of_scope in of_resource.messages(2) {
            all.extend(of_scope.messages(2).iter().map(|span| read(span, &service)));
        }
    }
    all
}

fn read(span: &Message, service: &str) -> Span {
    let (began, ended) = (span.number(7), span.number(8));
    assert!(began > 1_700_000_000_000_000_000 && ended >= began, "{began} {ended}");
    Span {
        service: service.to_owned(),
        trace: hex(&span.bytes(1)),
        id: hex(&span.bytes(2)),
        parent: hex(&span.bytes(4)),
        name: span.text(5),
        kind: span.number(6),
        status: span.messages(15).first().map_or(0, |status| status.number(3)),
        attributes: attributes(span, 9),
    }
}

/// Attributes by their names; a list has commas.
fn attributes(of: &Message, field: u64) -> BTreeMap<String, String> {
    let pairs = of.messages(field);
    pairs.iter().map(|pair| (pair.text(1), value(&pair.messages(2)[0]))).collect()
}

fn value(any: &Message) -> String {
    match any.first() {
        Some((1, Value::Bytes(text))) => String::from_utf8(text.clone()).unwrap(),
        Some((_, Value::Number(number))) => number.to_string(),
        Some((5, Value::Bytes(list))) => {
            Message::read(list).messages(1).iter().map(value).collect::<Vec<_>>().join(",")
        }
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server on the folder's file whose spans go to a collector.
fn serve(folder: &Folder, url: &str, more: &[&str]) -> Running {
    let arguments = ["--tenant", "acme", "--rate-limit", "0", "--otlp-endpoint", url];
    folder.serve(&[&arguments, more].concat())
}

/// Sends a request that names its place in a trace.
fn traced(server: &Running, method: &str, path: &str, body: &str, flags: &str) -> u16 {
    let key = server.key();
    let request = Request { method, path, key: &key, once: "", body };
    let lines = format!("traceparent: 00-{TRACE}-{CALLER}-{flags}\r\n");
    request.send_with(server.address(), &lines).unwrap().status
}

#[test]
fn a_request_and_the_delivery_that_follows_are_in_the_callers_trace() {
    let (folder, collector, receiver) = (Folder::new(), Collector::start(), Receiver::start());
    let server = serve(&folder, &collector.url, &["--webhook-allow-loopback", "--otlp-service-name", "crm"]);
    let hook = json!({ "name": "hook", "url": receiver.url(), "events": ["contact.created"] }).to_string();
    assert_eq!(server.send("POST", "/api/v1/webhooks", &server.key(), &hook).0, 201);
    assert_eq!(traced(&server, "POST", "/api/v1/contacts?fields=id", &contact("a@x.example"), "01"), 201);
    let sent = receiver.until(|received| !received.is_empty());
    let key = server.key();
    // What is left is sent before the end.
    assert_eq!(server.terminate(), Some(0));
    let spans = collector.spans();
    let named =
        |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{spans:?}"));
    let (request, attempt) = (named("POST /api/v1/contacts"), named("POST"));
    assert_eq!((request.trace.as_str(), request.parent.as_str()), (TRACE, CALLER));
    assert_eq!((request.kind, request.status, request.service.as_str()), (SERVER, 0, "crm"));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/api/v1/contacts"),
        ("url.path", "/api/v1/contacts"),
        ("url.scheme", "http"),
        ("http.response.status_code", "201"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(request.attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!((&attempt.trace, &attempt.parent), (&request.trace, &request.id));
    assert_eq!((attempt.kind, attempt.status), (CLIENT, 0));
    assert_eq!(attempt.attributes["http.response.status_code"], "204");
    let told = sent[0].header("traceparent");
    assert_eq!(told, format!("00-{TRACE}-{}-01", attempt.id), "the receiver is told the attempt");
    // The request that named no trace has begun one.
    let other = named("POST /api/v1/webhooks");
    assert!(other.parent.is_empty() && other.trace != TRACE, "{other:?}");
    let secrets = ["acme", &key, receiver.url(), "fields", "localhost"];
    for attribute in spans.iter().flat_map(|span| span.attributes.values()) {
        assert!(!secrets.iter().any(|secret| attribute.contains(secret)), "{attribute}");
    }
}

#[test]
fn what_the_caller_does_not_sample_and_what_watches_the_server_have_no_spans() {
    let (folder, collector) = (Folder::new(), Collector::start());
    let server = serve(&folder, &collector.url, &[]);
    let no_id = "/api/v1/contacts/00000000-0000-7000-8000-000000000000";
    assert_eq!(traced(&server, "GET", no_id, "", "01"), 404);
    assert_eq!(traced(&server, "GET", "/api/v1/deals", "", "00"), 200);
    assert_eq!(traced(&server, "GET", "/readyz", "", "01"), 200);
    assert_eq!(traced(&server, "GET", "/nowhere", "", "01"), 404);
    assert_eq!(server.terminate(), Some(0));
    let mut told: Vec<(String, u64)> =
        collector.spans().into_iter().map(|span| (span.name, span.status)).collect();
    told.sort();
    let expected = [("GET", 0), ("GET /api/v1/contacts/{id}", 0)];
    assert_eq!(told, expected.map(|(name, status)| (name.to_owned(), status)));
}

/// The counts of spans by how they have ended.
fn counts(server: &Running) -> [u64; 3] {
    let page = Request::get("/metrics", "").send(server.address()).unwrap().text;
    ["sent", "failed", "dropped"].map(|outcome| {
        let name = format!("rally_spans_total{{outcome=\"{outcome}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
    })
}

/// Sends requests until spans have ended so.
#[track_caller]
fn ask_until(server: &Running, is_enough: impl Fn([u64; 3]) -> bool) {
    let key = server.key();
    for _ in 0..1_000 {
        if is_enough(counts(server)) {
            return;
        }
        for _ in 0..100 {
            assert_eq!(server.send("GET", "/api/v1/contacts", &key, "").0, 200);
        }
    }
    panic!("spans end as {:?}: {}", counts(server), server.log());
}

#[test]
fn a_collector_that_never_answers_holds_up_no_request_and_not_the_end() {
    let folder = Folder::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let server = serve(&folder, &url, &[]);
    // More than may wait and are under way: the rest is dropped.
    ask_until(&server, |[_, _, dropped]| dropped > 0);
    assert_eq!(counts(&server)[0], 0);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_collector_that_is_away_is_told_of_once_and_sent_to_again_when_it_is_back() {
    let folder = Folder::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = serve(&folder, &format!("http://{nobody}"), &[]);
    ask_until(&server, |[_, failed, _]| failed > 0);
    let log = server.log();
    let complaint = "the collector of traces takes no spans at present";
    assert_eq!(log.matches(complaint).count(), 1, "{log}");
    assert!(log.contains("no connection was made"), "{log}");
    let listener = TcpListener::bind(nobody).unwrap();
    let collector = Collector { url: String::new(), spans: Arc::default() };
    let collecting = collector.clone();
    thread::spawn(move || {
        listener.incoming().map_while(Result::ok).try_for_each(|stream| collecting.take(stream))
    });
    ask_until(&server, |[sent, _, _]| sent > 0);
    assert!(!collector.spans().is_empty());
    assert_eq!(server.log().matches(complaint).count(), 1);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_collector_can_be_named_as_the_standard_has_it_and_a_wrong_one_ends_the_start() {
    let (folder, collector) = (Folder::new(), Collector::start());
    let store = folder.store();
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--tenant", "acme", "--store", &store];
    let mut command = rally(folder.path(), &arguments);
    command.envs([("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()), ("OTEL_SERVICE_NAME", "till")]);
    let server = Running::start(command).unwrap();
    assert_eq!(server.send("GET", "/api/v1/contacts", &server.key(), "").0, 200);
    assert_eq!(collector.until(|spans| !spans.is_empty())[0].service, "till");
    assert_eq!(server.terminate(), Some(0));
    let complaint = folder.complaint(&["serve", "--otlp-endpoint", "http://u:hush@h", "--store", "memory"]);
    assert!(complaint.contains("OTEL_EXPORTER_OTLP_HEADERS") && !complaint.contains("hush"), "{complaint}");
}

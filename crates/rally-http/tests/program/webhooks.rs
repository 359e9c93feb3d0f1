//! Webhooks of a server that is killed, and of several on one database; and the commands for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use axum::http::{HeaderMap, HeaderName};
use rally_testkit::postgres;
use serde_json::{Value, json};

use crate::{
    receiver::{Received, Receiver},
    running::{Folder, Running, rally, rows},
    serving::contact,
    wire::send,
};

/// A server that sends to this machine, and takes over soon what another has left.
const NEAR: [&str; 5] = ["--webhook-allow-loopback", "--webhook-lease", "1", "--rate-limit", "0"];

const WRITERS: usize = 8;

/// The times that a server is killed, unless the environment says otherwise.
const KILLS: usize = 3;

fn kills() -> usize {
    env::var("RALLY_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

#[track_caller]
fn hook(server: &Running, key: &str, url: &str, more: Value) -> Value {
    let mut draft = json!({ "name": "hook", "url": url, "events": ["*"] });
    draft.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let (status, made) = server.send("POST", "/api/v1/webhooks", key, &draft.to_string());
    assert_eq!(status, 201, "{made}");
    made
}

/// The whole feed, by the numbers of its changes.
fn feed(server: &Running, key: &str) -> BTreeMap<u64, Value> {
    let mut all = BTreeMap::new();
    loop {
        let after = all.last_key_value().map_or(0, |(id, _)| *id);
        let (status, page) = server.send("GET", &format!("/api/v1/sync/changes?after={after}"), key, "");
        assert_eq!(status, 200, "{page}");
        let page = page.as_array().unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.iter().map(|entry| (entry["id"].as_u64().unwrap(), entry.clone())));
    }
}

/// Writers whose server may be killed at any moment, and the changes that were acknowledged to them.
#[derive(Default)]
struct Writers {
    acknowledged: Mutex<Vec<(String, String)>>,
    next: AtomicUsize,
}

impl Writers {
    /// Creates a contact and changes it a few times, again and again, until the server is gone.
    fn write(&self, address: &str, key: &str) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let body = contact(&format!("c{number}@x.example"));
            let Some(id) = self.send(address, "POST", "/api/v1/contacts", key, &body) else { return };
            for score in 0..4 {
                let (path, body) =
                    (format!("/api/v1/contacts/{id}"), json!({ "leadScore": score }).to_string());
                if self.send(address, "PUT", &path, key, &body).is_none() {
                    return;
                }
            }
        }
    }

    fn send(&self, address: &str, method: &str, path: &str, key: &str, body: &str) -> Option<String> {
        let (status, record) = send(address, method, path, key, body)?;
        assert!([200, 201].contains(&status), "{status}: {record}");
        let text = |name: &str| record[name].as_str().unwrap().to_owned();
        self.acknowledged.lock().unwrap().push((text("id"), text("updatedAt")));
        Some(text("id"))
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }
}

/// Checks what has come against the feed: an event of each change, none of any other, in order for each record.
#[track_caller]
fn assert_told(received: &[Received], feed: &BTreeMap<u64, Value>) {
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for event in received {
        let entry = feed.get(&event.sequence()).unwrap_or_else(|| panic!("no such change: {event:?}"));
        let id = event.event["data"]["id"].as_str().unwrap().to_owned();
        assert_eq!(entry["entityId"], id.as_str(), "{event:?}");
        assert_eq!(entry["changedAt"], event.event["data"]["updatedAt"], "{event:?}");
        if known.insert(event.header("webhook-id").to_owned()) {
            let before = newest.insert(id, event.sequence());
            assert!(before < Some(event.sequence()), "out of order: {event:?}");
        }
    }
    assert_eq!(known.len(), feed.len());
}

#[test]
fn every_acknowledged_change_is_delivered_though_the_server_is_killed_at_random() {
    let (folder, receiver, writers) = (Folder::new(), Receiver::start(), Writers::default());
    let mut server = folder.serve(&NEAR);
    let key = server.key();
    hook(&server, &key, receiver.url(), json!({}));
    for kill in 0..kills() {
        // Some tens of writes, of another number each time.
        let moment = writers.count() + 20 + kill * 37 % 101;
        thread::scope(|scope| {
            let address = server.address().to_owned();
            let writing: Vec<_> = (0..WRITERS)
                .map(|_| {
                    let (writers, address, key) = (&writers, address.clone(), &key);
                    scope.spawn(move || writers.write(&address, key))
                })
                .collect();
            while writers.count() < moment && !writing.iter().any(thread::ScopedJoinHandle::is_finished) {
                thread::yield_now();
            }
            server.signal("KILL");
        });
        server.kill();
        server = folder.serve(&NEAR);
    }
    let feed = feed(&server, &key);
    let changes: BTreeSet<(String, String)> = feed
        .values()
        .map(|entry| ["entityId", "changedAt"].map(|name| entry[name].as_str().unwrap().to_owned()).into())
        .collect();
    for change in writers.acknowledged.lock().unwrap().iter() {
        assert!(changes.contains(change), "{change:?} was acknowledged and is not in the feed");
    }
    receiver.until_all(&feed.keys().copied().collect());
    assert_told(&receiver.received(), &feed);
}

#[test]
fn what_a_killed_server_had_on_its_way_another_of_the_database_delivers() {
    let Some(database) = postgres::shared() else { return };
    let (folder, url, receiver) = (Folder::new(), database.fresh_url(), Receiver::start());
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--store", &url];
    let start = || Running::start(rally(folder.path(), &[&arguments[..], &NEAR[..]].concat())).unwrap();
    let first = start();
    let key = first.key();
    hook(&first, &key, receiver.url(), json!({ "ordering": "none" }));
    receiver.hold();
    for number in 0..30 {
        let body = contact(&format!("c{number}@x.example"));
        assert_eq!(first.send("POST", "/api/v1/contacts", &key, &body).0, 201);
    }
    receiver.until(|received| received.len() >= 8);
    let second = start();
    first.kill();
    receiver.release();
    let feed = feed(&second, &key);
    assert_eq!(feed.len(), 30);
    receiver.until_all(&feed.keys().copied().collect());
    let known: BTreeSet<String> =
        receiver.received().iter().map(|event| event.header("webhook-id").to_owned()).collect();
    assert_eq!(known.len(), 30);
}

#[test]
fn a_server_sends_to_this_machine_only_if_it_is_told_so() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let server = folder.serve(&[]);
    let draft = json!({ "name": "hook", "url": receiver.url(), "events": ["*"] }).to_string();
    let (status, problem) = server.send("POST", "/api/v1/webhooks", &server.key(), &draft);
    assert_eq!((status, &problem["errors"]["url"][0]), (400, &json!("must begin with https://")));
}

#[test]
fn proxies_of_the_environment_are_not_used_for_webhooks() {
    let (folder, receiver, proxy) = (Folder::new(), Receiver::start(), Receiver::start());
    let store = folder.store();
    let arguments = ["serve", "--json", "--listen", "127.0.0.1:0", "--store", &store];
    let mut command = rally(folder.path(), &[&arguments[..], &NEAR[..]].concat());
    for name in ["http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(name, proxy.url());
    }
    let server = Running::start(command).unwrap();
    hook(&server, &server.key(), receiver.url(), json!({}));
    assert_eq!(server.send("POST", "/api/v1/contacts", &server.key(), &contact("a@x.example")).0, 201);
    receiver.until(|received| received.len() == 1);
    assert!(proxy.received().is_empty());
}

#[test]
fn a_server_that_is_asked_to_stop_does_not_wait_for_receivers_that_never_answer() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let server = folder.serve(&NEAR);
    hook(&server, &server.key(), receiver.url(), json!({}));
    receiver.hold();
    assert_eq!(server.send("POST", "/api/v1/contacts", &server.key(), &contact("a@x.example")).0, 201);
    receiver.until(|received| received.len() == 1);
    let key = server.key();
    assert_eq!(server.terminate(), Some(0));
    receiver.release();
    let server = folder.serve(&NEAR);
    receiver.until(|received| received.len() == 2);
    assert_eq!(feed(&server, &key).len(), 1);
}

/// The arguments of a command on a server's webhooks.
fn on<'a>(command: &'a str, server: &'a str, key: &'a str) -> Vec<&'a str> {
    vec!["webhooks", command, "--tenant", "demo", "--server", server, "--api-key", key]
}

#[test]
fn events_are_followed_and_sent_on_as_they_were_signed() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let server = folder.start(&["fake", "--json", "--tenant", "demo"]);
    let (url, key) = (server.ready["url"].as_str().unwrap().to_owned(), server.key());
    let mut arguments = on("tail", &url, &key);
    arguments.extend(["--forward", receiver.url(), "--json"]);
    let tail = folder.start(&arguments);
    assert_eq!((&tail.ready["ready"], &tail.ready["forward"]), (&json!(true), &json!(receiver.url())));
    let created = server.send("POST", "/api/v1/contacts", &key, &contact("a@x.example")).1;
    let told: Value = serde_json::from_str(&tail.line().unwrap()).unwrap();
    assert_eq!((&told["status"], &told["event"]["type"]), (&json!(204), &json!("contact.created")));
    assert_eq!(told["event"]["data"]["id"], created["id"]);
    let received = receiver.until(|received| received.len() == 1).remove(0);
    let headers: HeaderMap = received
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    let secret = tail.ready["secret"].as_str().unwrap();
    standardwebhooks::Webhook::new(secret).unwrap().verify(&received.body, &headers).unwrap();
    assert_eq!(rows(&folder.printed(&on("list", &url, &key))).len(), 2);
    assert_eq!(tail.terminate(), Some(0));
    assert_eq!(rows(&folder.printed(&on("list", &url, &key))).len(), 1, "its webhook is gone with it");
}

#[test]
fn people_read_the_secret_and_that_events_come() {
    let folder = Folder::new();
    let server = folder.start(&["fake", "--json", "--tenant", "demo"]);
    let (url, key) = (server.ready["url"].as_str().unwrap().to_owned(), server.key());
    let tail = folder.start(&on("tail", &url, &key));
    assert!(tail.ready.as_str().unwrap().starts_with("secret whsec_"), "{}", tail.ready);
    assert_eq!(tail.line().unwrap(), "ready: events of demo come here");
    let id = server.send("POST", "/api/v1/contacts", &key, &contact("a@x.example")).1["id"].clone();
    let line = tail.line().unwrap();
    assert!(line.starts_with("contact.created\t1\t") && line.ends_with("\t204"), "{line}");
    assert_eq!(server.send("DELETE", &format!("/api/v1/contacts/{}", id.as_str().unwrap()), &key, "").0, 200);
    assert!(tail.line().unwrap().starts_with("contact.deleted\t2\t"));
}

#[test]
fn a_webhook_is_listed_tested_and_sent_the_past() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let server = folder.start(&["fake", "--json", "--tenant", "demo"]);
    let (url, key) = (server.ready["url"].as_str().unwrap().to_owned(), server.key());
    for number in 0..3 {
        let body = contact(&format!("c{number}@x.example"));
        assert_eq!(server.send("POST", "/api/v1/contacts", &key, &body).0, 201);
    }
    let hook = hook(&server, &key, receiver.url(), json!({}));
    let id = hook["id"].as_str().unwrap();
    let listed = rows(&folder.printed(&on("list", &url, &key)));
    assert_eq!(listed[1][..5], [id, "hook", receiver.url(), "*", "active"]);
    let tested = rows(&folder.printed(&[&on("test", &url, &key)[..], &[id]].concat()));
    assert_eq!(tested[1][1..4], ["webhook.test", "succeeded", "204"]);
    folder.printed(&[&on("replay", &url, &key)[..], &[id, "--from", "2"]].concat());
    let received = receiver.until(|received| received.len() == 3);
    let of_changes = received.iter().filter(|event| event.event["type"] != "webhook.test");
    assert_eq!(of_changes.map(Received::sequence).collect::<BTreeSet<_>>(), BTreeSet::from([2, 3]));
}

#[test]
fn what_is_wrong_with_a_command_on_webhooks_is_said_in_a_sentence() {
    let folder = Folder::new();
    let server = folder.start(&["fake", "--json", "--tenant", "demo"]);
    let (url, key) = (server.ready["url"].as_str().unwrap().to_owned(), server.key());
    let nowhere = "0190c000-0000-7000-8000-000000000000";
    for (arguments, says) in [
        (
            vec!["webhooks", "list", "--tenant", "other", "--server", &url, "--api-key", &key],
            "one of the tenant \"demo\"",
        ),
        (vec!["webhooks", "list", "--tenant", "demo", "--server", &url], "RALLY_API_KEY"),
        (on("list", &url, "rk_test_wrong"), "the API key or token is missing, unknown"),
        (on("list", "http://127.0.0.1:1", &key), "the server http://127.0.0.1:1 does not answer"),
        ([&on("test", &url, &key)[..], &[nowhere]].concat(), "there is no such webhook"),
        ([&on("replay", &url, &key)[..], &[nowhere, "--from", "1"]].concat(), "there is no such webhook"),
        ([&on("tail", &url, &key)[..], &["--event", "deal.lots"]].concat(), "events"),
    ] {
        let complaint = folder.complaint(&arguments);
        assert!(complaint.starts_with("rally: ") && complaint.contains(says), "{arguments:?}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

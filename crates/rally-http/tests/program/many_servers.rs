//! Several servers on one database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rally_testkit::postgres;
use serde_json::{Value, json};

use crate::{
    running::{Folder, Running, rally},
    serving::everything,
    wire::{Answer, Request},
};

const CONTACTS: usize = 180;
const WRITERS: usize = 6;

/// The most times that one contact is sent.
const ATTEMPTS: usize = 1_000;

/// The most times that a server is started on the port that it had, which a connection may hold for a moment.
const STARTS: usize = 20;

fn try_serve(folder: &Folder, url: &str, listen: &str) -> Result<Running, String> {
    let arguments = ["serve", "--json", "--listen", listen, "--store", url, "--rate-limit", "0"];
    Running::start(rally(folder.path(), &arguments))
}

/// Starts servers at the same moment.
fn serve_at_once(folder: &Folder, url: &str, count: usize) -> Vec<Running> {
    thread::scope(|scope| {
        let starting: Vec<_> =
            (0..count).map(|_| scope.spawn(|| try_serve(folder, url, "127.0.0.1:0").unwrap())).collect();
        starting.into_iter().map(|server| server.join().unwrap()).collect()
    })
}

fn serve_again(folder: &Folder, url: &str, address: &str) -> Running {
    let mut starts = (0..STARTS).map(|_| try_serve(folder, url, address));
    starts.find_map(Result::ok).unwrap()
}

/// The key that exactly one of them has announced.
fn only_key(servers: &[Running]) -> String {
    let announced = servers.iter().map(|server| &server.ready["tenants"]);
    let demo = |tenants: &Value| {
        assert_eq!(tenants.as_array().map(Vec::len), Some(1), "{tenants}");
        assert_eq!(tenants[0]["slug"], "demo");
        tenants[0]["apiKey"].as_str().map(str::to_owned)
    };
    let keys: Vec<String> = announced.filter_map(demo).collect();
    let [key] = &keys[..] else { panic!("{} keys were announced", keys.len()) };
    key.clone()
}

#[test]
fn servers_that_start_at_once_on_an_empty_database_make_one_tenant() {
    let Some(database) = postgres::shared() else { return };
    let folder = Folder::new();
    for _ in 0..3 {
        let servers = serve_at_once(&folder, &database.fresh_url(), 3);
        let key = only_key(&servers);
        for server in &servers {
            server.until(200, &Request::get("/readyz", ""));
            assert_eq!(server.send("GET", "/api/v1/contacts", &key, "").0, 200);
        }
    }
}

/// The knowledge of clients that write and read while one of the servers dies.
struct Clients<'c> {
    addresses: &'c [String],
    key: &'c str,
    next: AtomicUsize,
    acknowledged: Mutex<BTreeMap<String, String>>,
    written: AtomicBool,
}

impl Clients<'_> {
    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Writes what nobody has written yet, each contact first through another server than the one before.
    fn write(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= CONTACTS {
                return;
            }
            let email = format!("c{number}@x.example");
            let id = self.write_one(number, &email);
            assert_eq!(self.acknowledged.lock().unwrap().insert(email, id), None);
        }
    }

    /// Sends one contact until it is acknowledged, and answers its id. Some are sent once more, through another server,
    /// as by a client that the answer has not reached.
    fn write_one(&self, number: usize, email: &str) -> String {
        let body =
            json!({"firstName": "Contact", "lastName": number.to_string(), "email": email}).to_string();
        let once = format!("import-{number}");
        let post =
            Request { method: "POST", path: "/api/v1/contacts", key: self.key, once: &once, body: &body };
        let id = self.acknowledged(&post, number).body["id"].clone();
        if number.is_multiple_of(10) {
            let again = self.acknowledged(&post, number + 1);
            assert_eq!((&again.body["id"], again.header("Idempotent-Replayed")), (&id, "true"));
        }
        id.as_str().unwrap().to_owned()
    }

    /// The answer that acknowledges a write, after any that do not, from whichever server.
    fn acknowledged(&self, post: &Request<'_>, first: usize) -> Answer {
        for address in self.addresses.iter().cycle().skip(first % self.addresses.len()).take(ATTEMPTS) {
            match post.send(address) {
                Some(answer) if answer.status == 201 => return answer,
                Some(answer) => assert!(answer.status >= 500, "{}: {}", answer.status, answer.body),
                None => {}
            }
        }
        panic!("{} was not acknowledged in {ATTEMPTS} attempts", post.body)
    }

    /// Follows the feed until all is written and it has no new change.
    fn follow(&self, address: &str) -> Vec<Value> {
        let mut seen: Vec<Value> = Vec::new();
        loop {
            let is_over = self.written.load(Ordering::SeqCst);
            let after = seen.last().map_or(0, |entry| entry["id"].as_u64().unwrap());
            let path = format!("/api/v1/sync/changes?after={after}");
            let answer = Request::get(&path, self.key).send(address).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.body);
            let entries = answer.body.as_array().unwrap();
            if entries.is_empty() && is_over {
                return seen;
            }
            seen.extend(entries.iter().cloned());
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_one_of_three_servers_is_killed() {
    let Some(database) = postgres::shared() else { return };
    let (folder, url) = (Folder::new(), database.fresh_url());
    let mut servers = serve_at_once(&folder, &url, 3);
    let key = only_key(&servers);
    let addresses: Vec<String> = servers.iter().map(|server| server.address().to_owned()).collect();
    let clients = Clients {
        addresses: &addresses,
        key: &key,
        next: AtomicUsize::new(0),
        acknowledged: Mutex::default(),
        written: AtomicBool::new(false),
    };

    let (feed, _again) = thread::scope(|scope| {
        let reader = scope.spawn(|| clients.follow(&addresses[2]));
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| clients.write())).collect();
        while clients.count() < CONTACTS / 2 && !writers.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::yield_now();
        }
        servers.remove(0).kill();
        let again = serve_again(&folder, &url, &addresses[0]);
        let written: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        clients.written.store(true, Ordering::SeqCst);
        assert!(written.iter().all(Result::is_ok), "a writer has given up");
        (reader.join().unwrap(), again)
    });

    let acknowledged = clients.acknowledged.into_inner().unwrap();
    let listed = everything(|offset| {
        servers[0].send("GET", &format!("/api/v1/contacts?limit=37&offset={offset}"), &key, "").1
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let contacts: BTreeMap<String, String> =
        listed.iter().map(|contact| (text(&contact["email"]), text(&contact["id"]))).collect();
    assert_eq!((contacts.len(), listed.len()), (CONTACTS, CONTACTS));
    assert_eq!(acknowledged, contacts);
    let told: BTreeSet<String> = feed.iter().map(|entry| text(&entry["entityId"])).collect();
    assert_eq!(told, contacts.into_values().collect());
    assert!(feed.iter().map(|entry| entry["id"].as_u64().unwrap()).eq((1..).take(CONTACTS)));
}

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use rally_benches::fixture;
use rally_core::{Atomicity, ContactDraft, WriteOptions};

use crate::{Sizes, client::Client, server::Server};

/// One kind of request that a tenant floods the server with.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    /// Makes what the flood needs, and gives the paths that it is about.
    pub(crate) prepare: fn(&Server, Sizes) -> Vec<String>,
    pub(crate) run: fn(&Server, Sizes, &[String]),
}

/// Users that are created at once.
const USERS: usize = 300;
/// Records with many links that are deleted one after the other.
const DELETIONS: u64 = 2;

pub(crate) const FLOODS: [Flood; 6] = [
    Flood { name: "search and count", prepare: |_, _| paths("/api/v1/contacts?q=a&count=true"), run: read },
    Flood {
        name: "filters and count",
        prepare: |_, _| paths("/api/v1/contacts?lifecycleStage=lead&leadSource=website&count=true"),
        run: read,
    },
    Flood { name: "forecast", prepare: forecast, run: read },
    Flood { name: "users", prepare: |_, _| Vec::new(), run: create_users },
    Flood { name: "bulks of 100", prepare: |_, _| Vec::new(), run: create_in_bulk },
    Flood { name: "deletion", prepare: contacts_with_links, run: delete },
];

fn paths(path: &str) -> Vec<String> {
    vec![path.to_owned()]
}

fn forecast(server: &Server, _: Sizes) -> Vec<String> {
    let pipeline = server.flood.pipelines().default().expect("a pipeline");
    paths(&format!("/api/v1/pipelines/{}/forecast", pipeline.id))
}

fn read(server: &Server, sizes: Sizes, paths: &[String]) {
    flood(server, sizes, |client, _| client.get(&paths[0]).status);
}

fn create_in_bulk(server: &Server, sizes: Sizes, _: &[String]) {
    flood(server, sizes, |client, server| {
        client.send("POST", "/api/v1/contacts/bulk", &fixture::bulk(server.numbers(100), 100)).status
    });
}

/// Sends requests on all connections until the time is over; 503 is an answer of a server that bounds its queues.
fn flood(server: &Server, sizes: Sizes, request: impl Fn(&mut Client, &Server) -> u16 + Sync) {
    let until = Instant::now() + sizes.time;
    thread::scope(|scope| {
        for _ in 0..sizes.connections {
            scope.spawn(|| {
                let mut client = Client::connect(server.address, &server.flood_key);
                while Instant::now() < until {
                    let status = request(&mut client, server);
                    assert!(status < 300 || status == 503, "the flood was answered {status}");
                }
            });
        }
    });
}

fn create_users(server: &Server, sizes: Sizes, _: &[String]) {
    let left = AtomicUsize::new(USERS);
    let refused = AtomicUsize::new(0);
    let users = |client: &mut Client| {
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let number = server.number();
            let body = format!(
                r#"{{"email":"u{number}@x.example","name":"U","password":"correct horse {number}"}}"#
            );
            let status = client.send("POST", "/api/v1/users", &body).status;
            assert!(status == 201 || status == 503, "a user was answered {status}");
            refused.fetch_add(usize::from(status == 503), Ordering::Relaxed);
        }
    };
    let connections = if sizes.connections < 32 { sizes.connections } else { USERS };
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| users(&mut Client::connect(server.address, &server.flood_key)));
        }
    });
}

fn contacts_with_links(server: &Server, sizes: Sizes) -> Vec<String> {
    let contact = |_| {
        let number = server.number();
        let draft = ContactDraft::new("Ada", "Linked", format!("linked{number}@x.example"));
        let id = server.flood.contacts().create(&draft).expect("a contact").id;
        for from in (0..sizes.links).step_by(100) {
            let activity = format!(r#"{{"activityType":"note","subject":"Hello","contactId":"{id}"}}"#);
            let count = usize::try_from(100.min(sizes.links - from)).expect("a hundred");
            let body = format!("[{}]", vec![activity; count].join(","));
            let activities = server.flood.activities();
            let made = activities.json().create_many(
                body.as_bytes(),
                Atomicity::AllOrNothing,
                &WriteOptions::default(),
            );
            drop(made.expect("activities"));
        }
        format!("/api/v1/contacts/{id}")
    };
    (0..DELETIONS).map(contact).collect()
}

fn delete(server: &Server, _: Sizes, paths: &[String]) {
    let mut client = Client::connect(server.address, &server.flood_key);
    for path in paths {
        let began = Instant::now();
        assert_eq!(client.send("DELETE", path, "").status, 200);
        println!("  a deletion took {:.2} s", began.elapsed().as_secs_f64());
    }
}

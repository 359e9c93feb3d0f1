//! A world that is seeded once, and a fork of it for each test: tests in parallel change what they like.

use std::sync::LazyLock;

use rally_http::testing::{Fake, FakeTenant, Seed};
use serde_json::Value;

use crate::client::Crm;

static RALLY: LazyLock<Fake> = LazyLock::new(|| {
    let rally = Fake::builder().tenant("seeded").start().unwrap();
    rally.seed(&Seed::demo()).unwrap();
    rally
});

/// A tenant of this test's own, with the records of the seeded one.
fn world() -> (FakeTenant, Crm) {
    let fork = RALLY.fork(None).unwrap();
    let crm = Crm::of(&fork);
    (fork, crm)
}

fn contacts(crm: &Crm) -> Vec<Value> {
    crm.send("GET", "/contacts", "", "").unwrap().body.as_array().unwrap().clone()
}

#[test]
fn one_test_deletes_everybody() {
    let (_world, crm) = world();
    for contact in contacts(&crm) {
        crm.send("DELETE", &format!("/contacts/{}", contact["id"].as_str().unwrap()), "", "").unwrap();
    }
    assert!(contacts(&crm).is_empty());
}

#[test]
fn another_renames_everybody() {
    let (_world, crm) = world();
    for contact in contacts(&crm) {
        let path = format!("/contacts/{}", contact["id"].as_str().unwrap());
        crm.send("PATCH", &path, "", r#"{"lastName":"Lovelace"}"#).unwrap();
    }
    let all = contacts(&crm);
    assert!(all.len() == 40 && all.iter().all(|contact| contact["lastName"] == "Lovelace"));
}

#[test]
fn the_seeded_world_stays_as_it_was() {
    let (world, crm) = world();
    crm.send("POST", "/companies", "", r#"{"name":"New Ltd"}"#).unwrap();
    assert_eq!(world.session().unwrap().companies().count(rally_core::Query::all()).unwrap(), 13);
    assert_eq!(RALLY.session().unwrap().companies().count(rally_core::Query::all()).unwrap(), 12);
    assert_eq!(contacts(&Crm::of(&RALLY)).len(), 40);
}

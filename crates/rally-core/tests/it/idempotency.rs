use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use rally_core::{
    Code, IdempotencyKey, Json, Outcome, TenantId,
    store::{Abort, Batch, Commit, Limits, MemoryStore, Snapshot, Store, StoreError},
};
use serde_json::json;

use crate::support::{World, bytes, once};

const HOUR: i64 = 3_600_000_000;

fn body(email: &str) -> Vec<u8> {
    bytes(&json!({"firstName": "Ada", "lastName": "Lovelace", "email": email}))
}

#[test]
fn a_repeated_write_happens_once_and_gets_the_first_answer() {
    let world = World::new();
    let (contacts, body) = (world.acme.contacts(), body("a@x.example"));
    let first = contacts.create_with(&Json(&body), &once("k", &body)).unwrap();
    world.update(first.row.id(), json!({"phone": "1"})).unwrap();
    let again = contacts.create_with(&Json(&body), &once("k", &body)).unwrap();
    assert_eq!((again.replayed, again.outcome, &again.row), (true, Outcome::Created, &first.row));
    assert_eq!(world.acme.last_change().unwrap().0, 2);
}

#[test]
fn every_kind_of_write_can_be_repeated() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let id = world.add("a@x.example");
    let change = Json(b"{\"phone\":\"1\"}");
    for replayed in [false, true] {
        assert_eq!(contacts.update_with(id, &change, &once("u", b"")).unwrap().replayed, replayed);
        assert_eq!(
            contacts.upsert_with(&Json(&body("b@x.example")), &once("s", b"")).unwrap().replayed,
            replayed
        );
    }
    let items = [&b"["[..], &body("c@x.example"), b",", &body("c@x.example"), b",7]"].concat();
    let first = contacts.create_many(&Json(&items), false, &once("b", b"")).unwrap();
    let again = contacts.create_many(&Json(&items), false, &once("b", b"")).unwrap();
    assert!(again.replayed && !first.replayed);
    assert_eq!(format!("{:?}", again.items), format!("{:?}", first.items));
    for replayed in [false, true] {
        assert_eq!(contacts.delete_with(id, &once("d", b"")).unwrap().replayed, replayed);
    }
}

#[test]
fn a_key_used_for_other_content_is_refused() {
    let world = World::new();
    let contacts = world.acme.contacts();
    contacts.create_with(&Json(&body("a@x.example")), &once("k", b"one")).unwrap();
    let error = contacts.create_with(&Json(&body("b@x.example")), &once("k", b"two")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
    let error = contacts.delete_with(world.add("c@x.example"), &once("k", b"three")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
}

#[test]
fn a_key_is_never_answered_for_another_act() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let (a, b) = (world.add("a@x.example"), world.add("b@x.example"));
    let change = Json(b"{\"phone\":\"1\"}");
    contacts.update_with(a, &change, &once("k", b"same")).unwrap();
    let items = [&b"["[..], &body("c@x.example"), b"]"].concat();
    for error in [
        contacts.update_with(b, &change, &once("k", b"same")).unwrap_err(),
        contacts.delete_with(a, &once("k", b"same")).unwrap_err(),
        contacts.create_with(&Json(&body("c@x.example")), &once("k", b"same")).unwrap_err(),
        contacts.upsert_with(&Json(&body("c@x.example")), &once("k", b"same")).unwrap_err(),
        contacts.create_many(&Json(&items), false, &once("k", b"same")).unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::IdempotencyMismatch);
    }
}

#[test]
fn a_refused_write_can_be_mended_under_its_key() {
    let world = World::new();
    let contacts = world.acme.contacts();
    contacts.create_with(&Json(b"{}"), &once("k", b"bad")).unwrap_err();
    assert!(!contacts.create_with(&Json(&body("a@x.example")), &once("k", b"good")).unwrap().replayed);
}

#[test]
fn an_answer_is_kept_for_24_hours_and_no_longer() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let write = |email: &str| contacts.upsert_with(&Json(&body(email)), &once("k", b"")).unwrap();
    write("a@x.example");
    world.clock.advance(24 * HOUR - 1_000);
    assert!(write("a@x.example").replayed);
    world.clock.advance(1_000_000);
    assert!(!write("a@x.example").replayed);
    // The key's second answer outlives the clearing away of its first.
    world.clock.advance(HOUR);
    contacts.upsert_with(&Json(&body("b@x.example")), &once("other", b"")).unwrap();
    assert!(write("a@x.example").replayed);
}

#[test]
fn tenants_do_not_share_keys() {
    let world = World::new();
    let other = crate::support::tenant(&world.engine, "other");
    let body = body("a@x.example");
    for session in [&world.acme, &other] {
        assert!(!session.contacts().create_with(&Json(&body), &once("k", &body)).unwrap().replayed);
    }
}

#[test]
fn keys_are_1_to_255_visible_characters() {
    for key in ["k", &"k".repeat(255)] {
        assert!(IdempotencyKey::new(key, &[]).is_ok());
    }
    for key in ["", "a b", "ä", &"k".repeat(256)] {
        assert!(IdempotencyKey::new(key, &[]).is_err());
    }
    let key = |content: &[&[u8]]| IdempotencyKey::new("k", content).unwrap();
    assert_ne!(key(&[b"ab", b"c"]), key(&[b"a", b"bc"]));
}

/// A store that, once it is slow, holds each write of a tenant back until it is told to go on.
#[derive(Debug)]
struct Slow {
    inner: MemoryStore,
    is_slow: Arc<AtomicBool>,
    started: mpsc::SyncSender<()>,
    go_on: parking_lot::Mutex<mpsc::Receiver<()>>,
}

#[deny(clippy::missing_trait_methods)]
impl Store for Slow {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.inner.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        if self.is_slow.load(Ordering::SeqCst) && tenant != TenantId::DIRECTORY {
            self.started.send(()).unwrap();
            self.go_on.lock().recv().unwrap();
        }
        self.inner.write(tenant, build)
    }
}

#[test]
fn a_key_whose_write_still_runs_is_a_conflict() {
    let (started, has_started) = mpsc::sync_channel(1);
    let (let_go, go_on) = mpsc::sync_channel(1);
    let is_slow = Arc::new(AtomicBool::new(false));
    let slow =
        Slow { inner: MemoryStore::new(), is_slow: Arc::clone(&is_slow), started, go_on: go_on.into() };
    let world = World::on(Arc::new(slow));
    is_slow.store(true, Ordering::SeqCst);
    let (acme, body) = (world.acme.clone(), body("a@x.example"));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| acme.contacts().create_with(&Json(&body), &once("k", &body)));
        has_started.recv().unwrap();
        let error = world.acme.contacts().create_with(&Json(&body), &once("k", &body)).unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
        let_go.send(()).unwrap();
        assert!(!first.join().unwrap().unwrap().replayed);
    });
    let_go.send(()).unwrap();
    assert!(world.acme.contacts().create_with(&Json(&body), &once("k", &body)).unwrap().replayed);
}

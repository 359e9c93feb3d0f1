use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use rally_core::{
    Atomicity::{AllOrNothing, EachByItself},
    Code, ContactUpdate, IdempotencyKey, Query, TenantId, WriteOutcome,
    store::{Abort, Batch, Commit, Figures, Limits, MemoryStore, Snapshot, Store, StoreError},
};
use serde_json::json;

use crate::support::{World, ada, bytes, once, tenant};

const HOUR: i64 = 3_600_000_000;

/// The JSON of the draft of a contact.
fn body(email: &str) -> Vec<u8> {
    bytes(&json!({"firstName": "Ada", "lastName": "Lovelace", "email": email}))
}

fn phone() -> ContactUpdate {
    ContactUpdate::new().phone("1")
}

#[test]
fn a_repeated_write_happens_once_and_gets_the_first_answer() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let draft = ada("a@x.example");
    let first = contacts.create_with(&draft, &once("k", b"x")).unwrap();
    contacts.update(first.record.id, &phone()).unwrap();
    let again = contacts.create_with(&draft, &once("k", b"x")).unwrap();
    assert_eq!((again.replayed, again.outcome), (true, WriteOutcome::Created));
    assert_eq!(again.record, first.record);
    assert_eq!(world.acme.last_change().unwrap().0, 2);
}

#[test]
fn a_write_by_json_that_is_repeated_gets_the_first_answer() {
    let world = World::new();
    let (contacts, body) = (world.acme.contacts(), body("a@x.example"));
    let first = contacts.json().create(&body, &once("k", &body)).unwrap();
    contacts.update(first.record.id(), &phone()).unwrap();
    let again = contacts.json().create(&body, &once("k", &body)).unwrap();
    assert_eq!((again.replayed, again.outcome), (true, WriteOutcome::Created));
    assert_eq!(again.record, first.record);
    assert_eq!(world.acme.last_change().unwrap().0, 2);
}

#[test]
fn every_kind_of_write_can_be_repeated() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let id = world.add("a@x.example");
    for replayed in [false, true] {
        assert_eq!(contacts.update_with(id, &phone(), &once("u", b"")).unwrap().replayed, replayed);
        let draft = ada("b@x.example");
        assert_eq!(contacts.upsert_with(&draft, &once("s", b"")).unwrap().replayed, replayed);
        let json = contacts.json();
        assert_eq!(json.update(id, br#"{"phone": "2"}"#, &once("ju", b"")).unwrap().replayed, replayed);
        let draft = body("d@x.example");
        assert_eq!(json.upsert(&draft, &once("js", b"")).unwrap().replayed, replayed);
    }
    let items = [&b"["[..], &body("c@x.example"), b",", &body("c@x.example"), b",7]"].concat();
    let send = || contacts.json().create_many(&items, EachByItself, &once("b", b"")).unwrap();
    let (first, again) = (send(), send());
    assert!(again.replayed && !first.replayed);
    assert_eq!(format!("{:?}", again.items), format!("{:?}", first.items));
    let drafts = [ada("e@x.example"), ada("no at")];
    let send = || contacts.create_many_with(&drafts, EachByItself, &once("t", b"")).unwrap();
    let (first, again) = (send(), send());
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
    contacts.create_with(&ada("a@x.example"), &once("k", b"one")).unwrap();
    let error = contacts.create_with(&ada("b@x.example"), &once("k", b"two")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
    let error = contacts.delete_with(world.add("c@x.example"), &once("k", b"three")).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
}

#[test]
fn a_key_is_never_answered_for_another_act() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let (a, b) = (world.add("a@x.example"), world.add("b@x.example"));
    contacts.update_with(a, &phone(), &once("k", b"same")).unwrap();
    let items = [&b"["[..], &body("c@x.example"), b"]"].concat();
    let (draft, key) = (ada("c@x.example"), once("k", b"same"));
    let drafts = [draft.clone()];
    for error in [
        contacts.update_with(b, &phone(), &key).unwrap_err(),
        contacts.delete_with(a, &key).unwrap_err(),
        contacts.create_with(&draft, &key).unwrap_err(),
        contacts.upsert_with(&draft, &key).unwrap_err(),
        contacts.create_many_with(&drafts, EachByItself, &key).unwrap_err(),
        contacts.create_many_with(&drafts, AllOrNothing, &key).unwrap_err(),
        contacts.json().create_many(&items, EachByItself, &key).unwrap_err(),
        world.acme.write_once(key.idempotency_key.as_ref().unwrap(), |_| Ok(())).unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::IdempotencyMismatch);
    }
}

#[test]
fn a_refused_write_can_be_mended_under_its_key() {
    let world = World::new();
    let contacts = world.acme.contacts();
    contacts.create_with(&ada("no at"), &once("k", b"bad")).unwrap_err();
    contacts.json().create(b"{}", &once("k", b"worse")).unwrap_err();
    assert!(!contacts.create_with(&ada("a@x.example"), &once("k", b"good")).unwrap().replayed);
}

#[test]
fn an_answer_is_kept_for_24_hours_and_no_longer() {
    let world = World::new();
    let contacts = world.acme.contacts();
    let write = |email: &str| contacts.upsert_with(&ada(email), &once("k", b"")).unwrap();
    write("a@x.example");
    world.clock.advance(24 * HOUR - 1_000);
    assert!(write("a@x.example").replayed);
    world.clock.advance(1_000_000);
    assert!(!write("a@x.example").replayed);
    // The key's second answer outlives the clearing away of its first.
    world.clock.advance(HOUR);
    contacts.upsert_with(&ada("b@x.example"), &once("other", b"")).unwrap();
    assert!(write("a@x.example").replayed);
}

#[test]
fn tenants_do_not_share_keys() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let draft = ada("a@x.example");
    for session in [&world.acme, &other] {
        assert!(!session.contacts().create_with(&draft, &once("k", b"x")).unwrap().replayed);
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

    fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready()
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
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
    let (acme, draft) = (world.acme.clone(), ada("a@x.example"));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| acme.contacts().create_with(&draft, &once("k", b"x")));
        has_started.recv().unwrap();
        let error = world.acme.contacts().create_with(&draft, &once("k", b"x")).unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
        let_go.send(()).unwrap();
        assert!(!first.join().unwrap().unwrap().replayed);
    });
    let_go.send(()).unwrap();
    assert!(world.acme.contacts().create_with(&draft, &once("k", b"x")).unwrap().replayed);
}

#[test]
fn a_transaction_that_is_repeated_happens_once_and_gets_the_first_result() {
    let world = World::new();
    let key = IdempotencyKey::new("k", &[b"x"]).unwrap();
    let create = |email: &str| {
        world.acme.write_once(&key, |tx| {
            let first = tx.contacts().create(&ada(email))?;
            tx.contacts().create(&ada("b@x.example"))?;
            Ok(first.id)
        })
    };
    assert!(create("b@x.example").unwrap_err().is_duplicate());
    assert_eq!(world.acme.contacts().count(Query::all()).unwrap(), 0);
    let first = create("a@x.example").unwrap();
    assert_eq!(world.without_trace(|| create("a@x.example")).unwrap(), first);
    let other = IdempotencyKey::new("k", &[b"y"]).unwrap();
    let error = world.acme.write_once(&other, |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), Code::IdempotencyMismatch);
}

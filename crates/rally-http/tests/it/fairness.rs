//! One tenant that has all the work it may have under way, and others beside it.

use std::{
    sync::{Arc, mpsc},
    thread,
};

use axum::body::Bytes;
use rally_core::{
    TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Key, KeyRange, Limits, MemoryStore, Snapshot, Store,
        StoreError,
    },
};
use rally_http::{Config, LaneOptions};

use crate::support::{ADA, Answer, Api, Gate, Held, HeldStore, Setting, pass};

const CONTACTS: &str = "/api/v1/contacts";

/// Two at once, of which one tenant has one.
const LANE: LaneOptions = LaneOptions { at_once: 2, at_once_a_tenant: 1, waiting: 8, waiting_a_tenant: 1 };

/// A store in which a scan can be held up. A credential is looked up without one.
#[derive(Debug, Default)]
struct HeldScans {
    inner: MemoryStore,
    gate: Gate,
}

struct Scans<'s> {
    inner: Box<dyn Snapshot + 's>,
    gate: &'s Gate,
}

impl Store for HeldScans {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(Scans { inner: self.inner.snapshot(tenant)?, gate: &self.gate }))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.inner.write(tenant, build)
    }
}

impl Snapshot for Scans<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.get_many(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        pass(self.gate);
        self.inner.scan(range, direction, limit)
    }
}

fn api(store: Arc<dyn Store>, http: Config) -> Api {
    let api = Api::with(Setting { store, http, ..Setting::default() });
    // The first use of a key is noted by a write.
    for key in [&api.admin, &api.other] {
        api.get(CONTACTS).key(key).send().is(200);
    }
    api
}

fn check_refused(answer: &Answer) {
    let told = "503 unavailable: too many requests of this tenant wait; send fewer at once";
    assert_eq!((answer.told().as_str(), answer.header("Retry-After")), (told, "1"));
}

#[test]
fn writes_of_one_tenant_leave_room_for_anothers_and_no_more_wait_than_may() {
    let store = Arc::new(HeldStore::default());
    let api = api(store.clone(), Config { writes: LANE, ..Config::default() });
    let body = |name: &str| ADA.replace("ada@", &format!("{name}@"));
    thread::scope(|scope| {
        // Dropped with a panic, so that nobody is held up for ever.
        let held = store.hold_next_write();
        let (answered, answers) = mpsc::channel();
        let start = |name: &'static str| {
            let (api, answered) = (&api, answered.clone());
            scope.spawn(move || answered.send(api.post(CONTACTS, body(name)).send()).unwrap());
        };
        start("first");
        held.wait();
        // Of these two one waits, and the other is one too many.
        start("second");
        start("third");
        check_refused(&answers.recv().unwrap());
        api.post(CONTACTS, ADA).key(&api.other).send().is(201);
        api.get(CONTACTS).send().is(200);
        api.get("/healthz").send().is(200);
        held.release();
        answers.iter().take(2).for_each(|answer| drop(answer.is(201)));
    });
}

#[test]
fn bulks_of_one_tenant_leave_room_for_anothers_and_for_its_own_other_writes() {
    let store = Arc::new(HeldStore::default());
    let none_waits = LaneOptions { waiting_a_tenant: 0, ..LANE };
    let api = api(store.clone(), Config { bulks: none_waits, ..Config::default() });
    let bulk = || api.post("/api/v1/contacts/bulk", format!("[{ADA}]"));
    thread::scope(|scope| {
        let held = store.hold_next_write();
        let first = scope.spawn(|| bulk().send());
        held.wait();
        check_refused(&bulk().send());
        bulk().key(&api.other).send().is(201);
        api.post(CONTACTS, ADA.replace("ada@", "eve@")).send().is(201);
        held.release();
        first.join().unwrap().is(201);
    });
}

#[test]
fn reads_that_look_through_much_leave_room_for_others_and_for_all_that_costs_little() {
    let store = Arc::new(HeldScans::default());
    let none_waits = LaneOptions { waiting_a_tenant: 0, ..LANE };
    let api = api(store.clone(), Config { long_reads: none_waits, ..Config::default() });
    for path in [
        "/api/v1/contacts?q=a",
        "/api/v1/contacts?lifecycleStage=lead",
        "/api/v1/contacts?updatedSince=2025-01-01",
        "/api/v1/sync/changes?since=2025-01-01",
    ] {
        thread::scope(|scope| {
            let held = Held::at(&store.gate);
            let first = scope.spawn(|| api.get(path).send());
            held.wait();
            check_refused(&api.get(path).send());
            api.get("/api/v1/contacts?offset=0&count=true").send().is(200);
            api.get("/healthz").send().is(200);
            api.get(path).key(&api.other).send().is(200);
            held.release();
            first.join().unwrap().is(200);
        });
    }
}

#[test]
fn writes_with_a_password_take_turns_at_hashing() {
    let store = Arc::new(HeldStore::default());
    let api = api(store.clone(), Config { passwords_at_once: 1, passwords_waiting: 1, ..Config::default() });
    let user = |name: &str| {
        format!(r#"{{"email":"{name}@x.example","name":"U","passw\u006frd":"correct horse battery"}}"#)
    };
    thread::scope(|scope| {
        // Dropped with a panic, so that nobody is held up for ever.
        let held = store.hold_next_write();
        let (answered, answers) = mpsc::channel();
        let start = |name: String| {
            let (api, answered) = (&api, answered.clone());
            scope.spawn(move || answered.send(api.post("/api/v1/users", user(&name)).send()).unwrap());
        };
        start("u0".to_owned());
        held.wait();
        // Of these two one waits, and the other is one too many.
        start("u1".to_owned());
        start("u2".to_owned());
        let refused = answers.recv().unwrap();
        assert_eq!(refused.is(503).header("Retry-After"), "1");
        // No password is hashed for this one.
        api.post("/api/v1/users", r#"{"email":"n@x.example","name":"N"}"#).send().is(201);
        held.release();
        answers.iter().take(2).for_each(|answer| drop(answer.is(201)));
    });
}

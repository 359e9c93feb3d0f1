use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::StatusCode,
    response::Response,
};
use http_body_util::BodyExt;
use insta::assert_snapshot;
use parking_lot::Mutex;
use rally_core::{
    ContactDraft, FileLimits, Scratch, TenantId,
    store::{
        Abort, Batch, Commit, Direction, Entry, Key, KeyRange, Limits, MemoryStore, Snapshot, Store,
        StoreError,
    },
};
use rally_http::{Config, FileOptions, LaneOptions, router};
use rally_testkit::{FaultyStore, ReadFault};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::{FILE, counts, path};
use crate::support::{Api, HeldStore, Setting};

/// One at once, and none that waits.
const ONE: LaneOptions = LaneOptions { at_once: 2, at_once_a_tenant: 1, waiting: 1, waiting_a_tenant: 0 };

/// A store that tells of each view that is given up. One in which nothing was scanned is that of a credential.
#[derive(Debug)]
struct ToldStore {
    inner: MemoryStore,
    given_up: Mutex<Option<Sender<()>>>,
}

struct ToldView<'s> {
    inner: Box<dyn Snapshot + 's>,
    given_up: Option<Sender<()>>,
    has_scanned: AtomicBool,
}

impl ToldStore {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryStore::new(), given_up: Mutex::new(None) })
    }

    /// Hears of the views that are opened from now on, when they are given up.
    fn listen(&self) -> Receiver<()> {
        let (given_up, told) = mpsc::channel();
        *self.given_up.lock() = Some(given_up);
        told
    }
}

impl Store for ToldStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let given_up = self.given_up.lock().clone();
        let inner = self.inner.snapshot(tenant)?;
        Ok(Box::new(ToldView { inner, given_up, has_scanned: AtomicBool::new(false) }))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.inner.write(tenant, build)
    }
}

impl Snapshot for ToldView<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.inner.get(key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.inner.get_many(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.has_scanned.store(true, Ordering::SeqCst);
        self.inner.scan(range, direction, limit)
    }
}

impl Drop for ToldView<'_> {
    fn drop(&mut self) {
        if let Some(given_up) = &self.given_up
            && self.has_scanned.load(Ordering::SeqCst)
        {
            // An error means that nobody listens any more.
            let _ = given_up.send(());
        }
    }
}

/// An API with contacts that do not fit into what waits for a reader.
fn large(store: Arc<dyn Store>, http: Config) -> Api {
    let api = Api::with(Setting { store, http, ..Setting::default() });
    let acme = api.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
    for number in 0..40 {
        let draft = ContactDraft::new("Ada", "Lovelace", format!("a{number}@x.example"));
        acme.contacts().create(&draft.notes("n".repeat(60_000))).unwrap();
    }
    // The first use of a key is noted by a write.
    api.get("/api/v1/settings").send().is(200);
    api
}

/// An answer whose body nobody has read.
fn unread(runtime: &Runtime, api: &Api, http: &Config, act: &str) -> Response<Body> {
    let router = router(api.engine.clone(), http.clone());
    runtime.block_on(router.oneshot(api.get(&path(act)).into_request())).unwrap()
}

fn threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_reader_who_is_too_slow_loses_the_view_and_sees_that_the_file_is_not_whole() {
    let store = ToldStore::new();
    let files = FileOptions { export_patience: Duration::from_millis(20), ..FileOptions::default() };
    let http = Config { files, ..Config::default() };
    let api = large(store.clone(), http.clone());
    let runtime = threads();
    let given_up = store.listen();
    let response = unread(&runtime, &api, &http, "export");
    assert_eq!(response.status(), StatusCode::OK);
    given_up.recv().unwrap();
    assert!(runtime.block_on(response.into_body().collect()).is_err());
}

#[test]
fn a_reader_who_leaves_gives_up_the_view_at_once() {
    let store = ToldStore::new();
    let http = Config { exports: ONE, ..Config::default() };
    let api = large(store.clone(), http.clone());
    let runtime = threads();
    let given_up = store.listen();
    let response = unread(&runtime, &api, &http, "export");
    drop(response);
    given_up.recv().unwrap();
}

#[test]
fn an_export_is_of_one_moment() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let http = Config::default();
    let api = large(store, http.clone());
    let runtime = threads();
    let response = unread(&runtime, &api, &http, "export");
    let before = api.get("/api/v1/contacts?count=true&limit=1").send();
    assert_eq!(before.header("X-Total-Count"), "40");
    let id = before.items().remove(0)["id"].as_str().unwrap().to_owned();
    api.delete(&format!("/api/v1/contacts/{id}")).send().is(200);
    api.add("later@x.example");
    let file = runtime.block_on(response.into_body().collect()).unwrap().to_bytes();
    let file = String::from_utf8(file.to_vec()).unwrap();
    assert_eq!(file.lines().count(), 41);
    assert!(file.contains(&id) && !file.contains("later@x.example"));
}

#[test]
fn exports_of_one_tenant_leave_room_for_anothers_and_for_all_else() {
    let http = Config { exports: ONE, ..Config::default() };
    let api = large(Arc::new(MemoryStore::new()), http.clone());
    let router = router(api.engine.clone(), http);
    let runtime = threads();
    let send =
        |ask: crate::support::Ask<'_>| runtime.block_on(router.clone().oneshot(ask.into_request())).unwrap();
    let unread = send(api.get(&path("export")));
    let told = |response: Response<Body>| runtime.block_on(crate::support::Answer::of(response));
    let refused = told(send(api.get(&path("export?q=ada")))).is(503);
    assert_snapshot!(refused.told(), @"503 unavailable: too many requests of this tenant wait; send fewer at once");
    assert_eq!(send(api.get(&path("export")).key(&api.other)).status(), 200);
    for other in ["/api/v1/contacts?q=ada&fields=id", "/api/v1/sync/changes?since=2020-01-01"] {
        assert_eq!(send(api.get(other)).status(), 200, "{other}");
    }
    assert_eq!(send(api.import("", FILE)).status(), 200);
    let whole = told(unread);
    assert_eq!(whole.body.lines().count(), 41);
}

#[test]
fn imports_of_one_tenant_leave_room_for_anothers_and_for_all_else() {
    let store = Arc::new(HeldStore::default());
    let http = Config { imports: ONE, ..Config::default() };
    let api = Api::with(Setting { store: store.clone(), http, ..Setting::default() });
    for key in [&api.admin, &api.other] {
        api.get("/api/v1/contacts").key(key).send().is(200);
    }
    thread::scope(|scope| {
        // Dropped with a panic, so that nobody is held up for ever.
        let held = store.hold_next_write();
        let first = scope.spawn(|| api.import("", FILE).send());
        held.wait();
        for query in ["", "?dryRun=true"] {
            let refused = api.import(query, FILE).send().is(503);
            assert!(refused.told().contains("too many requests of this tenant wait"), "{refused}");
        }
        let lines = api.import("", FILE).header("Accept", "application/x-ndjson").send().is(503);
        assert_eq!(lines.header("Retry-After"), "1");
        assert_eq!(counts(&api.import("", FILE).key(&api.other).send().is(200).value()), [2, 0, 0, 0]);
        api.post("/api/v1/companies", r#"{"name":"Looms"}"#).send().is(201);
        api.get("/api/v1/contacts?q=ada").send().is(200);
        held.release();
        assert_eq!(counts(&first.join().unwrap().is(200).value()), [2, 0, 0, 0]);
    });
}

#[test]
fn what_a_dry_run_would_change_is_kept_where_there_is_room_for_it() {
    let opened = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&opened);
    let room = Scratch::new(move || {
        told.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(MemoryStore::new()))
    });
    let none = Scratch::new(|| Err(StoreError::Unavailable { reason: "the disk is full".to_owned() }));
    let small = FileLimits { dry_run_memory_bytes: 100, ..FileLimits::default() };
    let api = |scratch: &Scratch, limits: &FileLimits| {
        let files =
            FileOptions { scratch: Some(scratch.clone()), limits: limits.clone(), ..FileOptions::default() };
        Api::with(Setting { http: Config { files, ..Config::default() }, ..Setting::default() })
    };
    let dry = |api: &Api| api.import("?dryRun=true", FILE).send();
    let with_room = api(&room, &small);
    assert_eq!(counts(&dry(&with_room).is(200).value()), [2, 0, 0, 0]);
    assert_eq!(counts(&with_room.import("", FILE).send().is(200).value()), [2, 0, 0, 0]);
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    assert_eq!(counts(&dry(&api(&none, &FileLimits::default())).is(200).value()), [2, 0, 0, 0]);
    assert_eq!(dry(&api(&none, &small)).is(503).header("Retry-After"), "1");
    let bounded = api(&room, &FileLimits { dry_run_bytes: 100, ..FileLimits::default() });
    assert_snapshot!(dry(&bounded).is(400).told(), @"400 validation: file would change more than 100 bytes, which is the most for a dry run; try a part of it");
    assert_eq!(bounded.last_names(), [""; 0]);
}

#[test]
fn a_store_that_fails_is_a_problem_before_the_first_byte_and_breaks_the_file_off_behind_it() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let http = Config::default();
    let api = large(store.clone(), http.clone());
    let runtime = threads();
    let mut ends = [0, 0, 0];
    for number in 0..60 {
        store.fail_read(number, ReadFault::Unavailable);
        let response = unread(&runtime, &api, &http, "export");
        let status = response.status();
        let whole = runtime.block_on(response.into_body().collect());
        store.heal();
        match (status.as_u16(), whole.is_ok()) {
            (503, true) => ends[0] += 1,
            (200, false) => ends[1] += 1,
            (200, true) => ends[2] += 1,
            end => panic!("{end:?}"),
        }
    }
    assert!(ends.iter().all(|count| *count > 0), "{ends:?}");
}

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rally_benches::fixture;
use rally_core::{
    ApiKeyDraft, Atomicity, Config, Engine, Environment, Scope, Session, TenantDraft, WriteOptions,
    store::Store,
};
use rally_http::WorkOn;
use rally_store_postgres::PostgresStore;
use rally_store_redb::RedbStore;
use rally_testkit::postgres::{self, Setup};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::{Sizes, client::Client, samples::Samples};

/// A server with the tenants `flood` and `victim`.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) flood: Session,
    pub(crate) flood_key: String,
    victim_key: String,
    /// Numbers of records that are still to be made.
    next: AtomicU64,
    _runtime: Runtime,
    _place: Place,
}

/// The place of a store, which is gone with it.
enum Place {
    Folder { _folder: TempDir },
    Database { _server: Box<postgres::Server> },
}

/// The records of the tenant that is measured.
const FEW: u64 = 200;
/// The pause between two requests of the tenant that is measured.
const PAUSE: Duration = Duration::from_millis(1);
/// Settings of an operator's server that a server for tests leaves out.
const SETTINGS: [(&str, &str); 3] =
    [("fsync", "on"), ("full_page_writes", "on"), ("shared_buffers", "256MB")];

impl Server {
    pub(crate) fn start(store: &str, sizes: Sizes) -> Option<Self> {
        let (store, place, work_on) = open(store)?;
        let engine = Engine::with(store, Environment::system(), Config::default());
        let (flood, flood_key) = tenant(&engine, "flood");
        let (victim, victim_key) = tenant(&engine, "victim");
        load(&victim, FEW);
        load(&flood, sizes.records);
        load_deals(&flood, sizes.records);
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let config = rally_http::Config { work_on, ..rally_http::Config::default() };
        let router = rally_http::router(engine, config);
        let options = rally_http::ServeOptions {
            max_connections_per_source: 2_000,
            ..rally_http::ServeOptions::default()
        };
        runtime.spawn(rally_http::serve(listener, router, options, std::future::pending()));
        let next = AtomicU64::new(sizes.records.max(FEW));
        Some(Self { address, flood, flood_key, victim_key, next, _runtime: runtime, _place: place })
    }

    /// A number that no record has yet.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers that no record has yet.
    pub(crate) fn numbers(&self, count: u64) -> u64 {
        self.next.fetch_add(count, Ordering::Relaxed)
    }

    /// Waits until no work of a flood is left over.
    pub(crate) fn settle(&self) {
        let mut client = Client::connect(self.address, &self.flood_key);
        assert_eq!(client.send("POST", "/api/v1/contacts", &fixture::draft(self.number())).status, 201);
    }

    /// The times of the tenant's reads, its creations and of `/healthz`, as long as something else is done.
    pub(crate) fn victim(&self, meanwhile: impl FnOnce()) -> [Samples; 3] {
        let ended = Arc::new(AtomicBool::new(false));
        thread::scope(|scope| {
            let ended = &ended;
            let gets = scope.spawn(move || {
                let mut client = Client::connect(self.address, &self.victim_key);
                let first = client.get("/api/v1/contacts?limit=1&fields=id").body;
                let first = String::from_utf8(first).expect("JSON");
                let id = first.split('"').nth(3).expect("the id of a contact").to_owned();
                self.sample(ended, move |_| client.get(&format!("/api/v1/contacts/{id}")).status)
            });
            let creates = scope.spawn(move || {
                let mut client = Client::connect(self.address, &self.victim_key);
                self.sample(ended, move |server| {
                    client.send("POST", "/api/v1/contacts", &fixture::draft(server.number())).status
                })
            });
            let health = scope.spawn(move || {
                let mut client = Client::connect(self.address, "");
                self.sample(ended, move |_| client.get("/healthz").status)
            });
            meanwhile();
            ended.store(true, Ordering::Relaxed);
            [gets, creates, health].map(|samples| samples.join().expect("samples"))
        })
    }

    fn sample(&self, ended: &AtomicBool, mut request: impl FnMut(&Self) -> u16) -> Samples {
        let mut took = Vec::new();
        while !ended.load(Ordering::Relaxed) {
            let began = Instant::now();
            let status = request(self);
            took.push(began.elapsed());
            assert!(status < 300, "a request of the other tenant was answered {status}");
            thread::park_timeout(PAUSE);
        }
        Samples::new(took)
    }
}

fn open(store: &str) -> Option<(Arc<dyn Store>, Place, WorkOn)> {
    if store == "redb" {
        let folder = tempfile::tempdir().expect("a folder");
        let store = RedbStore::open(folder.path().join("bench.rally"), rally_store_redb::Options::default());
        let store = Arc::new(store.expect("a file"));
        return Some((store, Place::Folder { _folder: folder }, WorkOn::BlockingThreadsForWrites));
    }
    let server = postgres::Server::start_with(&Setup { settings: &SETTINGS, ..Setup::default() })?;
    let store = PostgresStore::open(&server.fresh_url(), rally_store_postgres::Options::default());
    Some((
        Arc::new(store.expect("a database")),
        Place::Database { _server: Box::new(server) },
        WorkOn::BlockingThreads,
    ))
}

fn tenant(engine: &Engine, name: &str) -> (Session, String) {
    let tenant = engine.create_tenant(&TenantDraft::new(name).rate_limit_per_minute(0)).expect("a tenant");
    let session = tenant.trusted_session("bench").expect("a session");
    let key = session.api_keys().mint(&ApiKeyDraft::new("bench").scopes(Scope::Admin)).expect("a key");
    (session, key.key)
}

fn load(session: &Session, records: u64) {
    for from in (0..records).step_by(100) {
        let body = fixture::bulk(from, 100.min(records - from));
        let made = session.contacts().json().create_many(
            body.as_bytes(),
            Atomicity::AllOrNothing,
            &WriteOptions::default(),
        );
        drop(made.expect("contacts"));
    }
}

fn load_deals(session: &Session, records: u64) {
    let pipeline = session.pipelines().default().expect("a pipeline");
    let stages: Vec<String> = pipeline.stages.iter().map(|stage| stage.id.to_string()).collect();
    let deal = |number: u64| {
        let stage = &stages[usize::try_from(number).expect("a small number") % stages.len()];
        let pipeline = pipeline.id;
        format!(
            r#"{{"pipelineId":"{pipeline}","stageId":"{stage}","name":"Deal {number}","value":{number}.25}}"#
        )
    };
    for from in (0..records).step_by(100) {
        let deals: Vec<String> = (from..records.min(from + 100)).map(deal).collect();
        let body = format!("[{}]", deals.join(","));
        let made = session.deals().json().create_many(
            body.as_bytes(),
            Atomicity::AllOrNothing,
            &WriteOptions::default(),
        );
        drop(made.expect("deals"));
    }
}

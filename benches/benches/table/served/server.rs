use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::Response,
    routing::get,
};
use rally_benches::{Indexes, Members, Sqlite, Subject, Synchronous, fixture, load};
use rally_core::{
    ApiKeyDraft, Atomicity, Config, Contact, Engine, Environment, Profile, Query, Scope, Session,
    TenantDraft, WriteOptions,
    schema::{Fields, Resource},
    store::{MemoryStore, Store},
};
use rally_http::WorkOn;
use rally_store_redb::RedbStore;
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use super::generator::{Asked, draft, request};

/// The servers that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ready answers.
    Constant,
    /// SQLite with the same indexes, by hand, without credentials, limits and headers.
    ByHand,
    Memory,
    Redb,
}

/// A server in this process.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    kind: Kind,
    key: String,
    id: String,
    next: Arc<AtomicU64>,
    _runtime: Runtime,
    _folder: Option<TempDir>,
}

/// Paths of the servers that are no Rally.
const PATHS: [&str; 3] = ["/one", "/list", "/three"];

/// A limit that is counted and never reached.
const RATE: u32 = 1_000_000_000;

impl Server {
    pub(super) fn start(kind: Kind, records: u64) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let (mut key, mut id, mut folder) = (String::new(), String::new(), None);
        match kind {
            Kind::Constant => {
                runtime.spawn(async move { axum::serve(listener, constant()).await });
            }
            Kind::ByHand => {
                let router = by_hand(records);
                runtime.spawn(async move { axum::serve(listener, router).await });
            }
            Kind::Memory | Kind::Redb => {
                let (store, work_on, kept) = store(kind);
                folder = kept;
                let engine = Engine::with(store, Environment::system(), Config::default());
                let session = tenant(&engine, records);
                key = mint(&session);
                id = middle(&session, records);
                let config = rally_http::Config { work_on, ..rally_http::Config::default() };
                let router = rally_http::router(engine, config);
                let options = rally_http::ServeOptions::default();
                runtime.spawn(rally_http::serve(listener, router, options, std::future::pending()));
            }
        }
        Self { address, kind, key, id, next: Arc::default(), _runtime: runtime, _folder: folder }
    }

    /// The requests of one connection.
    pub(super) fn requests(&self, asked: Asked) -> Box<dyn FnMut() -> Vec<u8>> {
        let is_rally = matches!(self.kind, Kind::Memory | Kind::Redb);
        let [one, list, three] = PATHS.map(str::to_owned);
        let path = match (asked, is_rally) {
            (Asked::One, true) => format!("/api/v1/contacts/{}", self.id),
            (Asked::List | Asked::Create, true) => "/api/v1/contacts".to_owned(),
            (Asked::Three, true) => "/api/v1/contacts?fields=id,email,fullName".to_owned(),
            (Asked::One, false) => one,
            (Asked::List | Asked::Create, false) => list,
            (Asked::Three, false) => three,
        };
        let (key, next) = (self.key.clone(), Arc::clone(&self.next));
        if asked == Asked::Create {
            return Box::new(move || {
                request("POST", &path, &key, &draft(next.fetch_add(1, Ordering::Relaxed)))
            });
        }
        let request = request("GET", &path, &key, "");
        Box::new(move || request.clone())
    }
}

fn store(kind: Kind) -> (Arc<dyn Store>, WorkOn, Option<TempDir>) {
    if kind == Kind::Memory {
        return (Arc::new(MemoryStore::new()), WorkOn::ServingThread, None);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let store = RedbStore::open(folder.path().join("bench.rally"), rally_store_redb::Options::default());
    (Arc::new(store.expect("a file")), WorkOn::BlockingThreadsForWrites, Some(folder))
}

fn tenant(engine: &Engine, records: u64) -> Session {
    let tenant = engine.create_tenant(&TenantDraft::new("acme").rate_limit_per_minute(RATE));
    let session = tenant.expect("a tenant").trusted_session("bench").expect("a session");
    for from in (0..records).step_by(100) {
        let body = fixture::bulk(from, 100.min(records - from));
        let contacts = session.contacts().json();
        let made = contacts.create_many(body.as_bytes(), Atomicity::AllOrNothing, &WriteOptions::default());
        drop(made.expect("contacts"));
    }
    session
}

fn mint(session: &Session) -> String {
    session.api_keys().mint(&ApiKeyDraft::new("bench").scopes(Scope::Admin)).expect("a key").key
}

/// The id of a contact in the middle of the list.
fn middle(session: &Session, records: u64) -> String {
    let page = session.contacts().list(Query::all().limit(1).offset(records / 2)).expect("a page");
    page.records.first().expect("a contact").id.to_string()
}

/// A server of one contact, a page of a hundred, and three members of each.
fn constant() -> Router {
    let engine = Engine::new(MemoryStore::new());
    let session = tenant(&engine, 101);
    let page = session.contacts().json().list(&Query::all().into()).expect("a page");
    let whole = Contact::model().whole();
    let three = Fields::parse(Contact::model(), "id,email,fullName", Profile::Strict).expect("fields");
    let [one, list, three] = [(1, whole), (100, whole), (100, &three)].map(|(count, fields)| {
        let mut out = Vec::new();
        for row in page.records.iter().take(count) {
            out.push(if out.is_empty() { b'[' } else { b',' });
            row.write_json(fields, &mut out).expect("a sound record");
        }
        out.push(b']');
        Bytes::from(out)
    });
    PATHS.into_iter().zip([one, list, three]).fold(Router::new(), |router, (path, body)| {
        let post = body.slice(..1);
        router.route(path, get(async move || json(body.clone())).post(async move || json(post.clone())))
    })
}

/// A server of SQLite, written by hand.
fn by_hand(records: u64) -> Router {
    let mut sqlite = Sqlite::open(Synchronous::Full, Indexes::Same);
    load(&sqlite, 0..records, 1);
    sqlite.note_loaded();
    let [one, list, three] = PATHS;
    Router::new()
        .route(one, get(async |State(sqlite): Table| sqlite.read(|sqlite, out| sqlite.get(0, out))))
        .route(
            list,
            get(async |State(sqlite): Table| sqlite.page(Members::All)).post(
                async |State(sqlite): Table, body: String| {
                    let done = tokio::task::spawn_blocking(move || {
                        sqlite.read(|sqlite, out| sqlite.create(&body, out))
                    });
                    done.await.expect("a contact")
                },
            ),
        )
        .route(three, get(async |State(sqlite): Table| sqlite.page(Members::Three)))
        .with_state(ByHand(Arc::new(sqlite)))
}

type Table = State<ByHand>;

#[derive(Clone)]
struct ByHand(Arc<Sqlite>);

impl ByHand {
    fn read(&self, read: impl FnOnce(&Sqlite, &mut Vec<u8>)) -> Response {
        let mut out = Vec::with_capacity(1_024);
        read(&self.0, &mut out);
        json(out)
    }

    fn page(&self, members: Members) -> Response {
        self.read(|sqlite, out| {
            sqlite.list(0, members, out);
        })
    }
}

fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

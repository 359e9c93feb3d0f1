use std::{
    cell::Cell,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode},
    response::Response,
};
use http_body_util::BodyExt;
use rally_core::{
    ApiKeyDraft, Contact, ContactDraft, Engine, Profile, Scopes, TenantDraft, TenantId,
    store::{Abort, Batch, Commit, Limits, MemoryStore, Snapshot, Store, StoreError},
};
use rally_http::{Config, router};
use rally_testkit::FixedClock;
use serde_json::Value;
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;

/// An id that no record has.
pub(crate) const NOWHERE: &str = "0190c000-0000-7000-8000-000000000000";

/// The body of a contact with the required members alone.
pub(crate) const ADA: &str = r#"{"firstName":"Ada","lastName":"Lovelace","email":"ada@x.example"}"#;

/// An API in process, at an instant that stands still, with the tenants `acme` and `other`.
pub(crate) struct Api {
    pub(crate) engine: Engine,
    pub(crate) clock: FixedClock,
    pub(crate) admin: String,
    pub(crate) reader: String,
    pub(crate) other: String,
    router: Router,
    runtime: Runtime,
}

/// Options of an [`Api`].
pub(crate) struct Setting {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) engine: rally_core::Config,
    pub(crate) http: Config,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            engine: rally_core::Config::default(),
            http: Config::default(),
        }
    }
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn strict() -> Self {
        let engine = rally_core::Config { profile: Profile::Strict, ..rally_core::Config::default() };
        Self::with(Setting { engine, ..Setting::default() })
    }

    pub(crate) fn limited_to(requests_per_minute: u32) -> Self {
        let engine = rally_core::Config { requests_per_minute, ..rally_core::Config::default() };
        Self::with(Setting { engine, ..Setting::default() })
    }

    pub(crate) fn with(setting: Setting) -> Self {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = Engine::with(setting.store, environment, setting.engine);
        for slug in ["acme", "other"] {
            engine.create_tenant(&TenantDraft::new(slug)).unwrap();
        }
        Self {
            admin: mint(&engine, "acme", "admin"),
            reader: mint(&engine, "acme", "read"),
            other: mint(&engine, "other", "admin"),
            router: router(engine.clone(), setting.http),
            runtime: runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            engine,
            clock,
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: impl Into<Body>) -> Ask<'_> {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn put(&self, path: &str, body: impl Into<Body>) -> Ask<'_> {
        self.ask(Method::PUT, path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: impl Into<Body>) -> Ask<'_> {
        self.ask(Method::PATCH, path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// A request with the admin's key of `acme`, called `t` in answers.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        Ask { api: self, request }.header("X-Api-Key", &self.admin).header("X-Request-Id", "t")
    }

    /// The answer to a request of the test's own.
    pub(crate) fn answer(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async { Answer::of(self.router.clone().oneshot(request).await.unwrap()).await })
    }

    /// Adds a contact of `acme` without a request.
    pub(crate) fn add(&self, email: &str) -> String {
        self.add_to("acme", email)
    }

    pub(crate) fn add_to(&self, tenant: &str, email: &str) -> String {
        let session = self.engine.tenant(tenant).unwrap().trusted_session("test").unwrap();
        let draft = ContactDraft::new("Ada", "Lovelace", email);
        session.contacts().create(&draft).unwrap().id.to_string()
    }

    pub(crate) fn contact(&self, id: &str) -> Contact {
        let session = self.engine.tenant("acme").unwrap().trusted_session("test").unwrap();
        session.contacts().get(id.parse().unwrap()).unwrap()
    }
}

/// An API with a record of each kind in both tenants.
pub(crate) struct World {
    pub(crate) api: Api,
    /// A key of `acme` with the scope write.
    pub(crate) writer: String,
    own: Names,
    foreign: Names,
    last: Cell<usize>,
}

/// Ids by the names that templates have for them.
type Names = Vec<(&'static str, String)>;

/// The stages of a tenant's first pipeline in their order.
const STAGES: [&str; 6] = ["<lead>", "<qualified>", "<proposal>", "<negotiation>", "<won>", "<lost>"];

/// The records that are made besides the first pipeline, each of those above it.
const MADE: [(&str, &str, &str); 5] = [
    ("<company>", "companies", r#"{"name":"Analytical Engines"}"#),
    ("<contact>", "contacts", r#"{"firstName":"Charles","lastName":"Babbage","email":"charles@x.example"}"#),
    ("<user>", "users", r#"{"email":"mary@x.example","name":"Mary Somerville"}"#),
    ("<deal>", "deals", r#"{"pipelineId":"<pipeline>","stageId":"<lead>","name":"Engine"}"#),
    (
        "<partners>",
        "pipelines",
        r#"{"name":"Partners","stages":[{"name":"Met"},{"name":"Signed","outcome":"won"}]}"#,
    ),
];

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Api::new())
    }

    pub(crate) fn of(api: Api) -> Self {
        let (own, foreign) = (names(&api, &api.admin), names(&api, &api.other));
        let writer = mint(&api.engine, "acme", "write");
        Self { api, writer, own, foreign, last: Cell::new(0) }
    }

    /// A template with the ids of this tenant's records in it.
    pub(crate) fn fill(&self, template: &str) -> String {
        fill(&self.own, template)
    }

    /// A template with the ids of the other tenant's records in it.
    pub(crate) fn fill_foreign(&self, template: &str) -> String {
        fill(&self.foreign, template)
    }

    /// The ids of the other tenant's records that templates have names for.
    pub(crate) fn foreign_ids(&self) -> impl Iterator<Item = &str> {
        self.foreign.iter().map(|(_, id)| id.as_str())
    }

    /// A number that was not given before.
    pub(crate) fn next(&self) -> String {
        self.last.set(self.last.get() + 1);
        self.last.get().to_string()
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.api.get(&self.fill(path))
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Ask<'_> {
        self.api.post(&self.fill(path), self.fill(body))
    }

    pub(crate) fn put(&self, path: &str, body: &str) -> Ask<'_> {
        self.api.put(&self.fill(path), self.fill(body))
    }

    pub(crate) fn patch(&self, path: &str, body: &str) -> Ask<'_> {
        self.api.patch(&self.fill(path), self.fill(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Ask<'_> {
        self.api.delete(&self.fill(path))
    }
}

fn names(api: &Api, key: &str) -> Names {
    let pipeline = api.get("/api/v1/pipelines").key(key).send().is(200).items().remove(0);
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let mut names = vec![("<pipeline>", id(&pipeline))];
    names.extend(STAGES.into_iter().zip(pipeline["stages"].as_array().unwrap().iter().map(id)));
    for (name, noun, body) in MADE {
        let made = api.post(&format!("/api/v1/{noun}"), fill(&names, body)).key(key).send().is(201).value();
        names.push((name, id(&made)));
        let stages = made["stages"].as_array().into_iter().flatten().map(id);
        names.extend(["<met>", "<signed>"].into_iter().zip(stages));
    }
    names
}

fn fill(names: &Names, template: &str) -> String {
    names.iter().fold(template.to_owned(), |text, (name, id)| text.replace(name, id))
}

/// A body with another member, or another value of one.
pub(crate) fn with(body: &str, member: &str, value: impl Into<Value>) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap();
    body[member] = value.into();
    body.to_string()
}

pub(crate) fn mint(engine: &Engine, tenant: &str, scopes: &str) -> String {
    let session = engine.tenant(tenant).unwrap().trusted_session("test").unwrap();
    let draft = ApiKeyDraft::new(scopes).scopes(scopes.parse::<Scopes>().unwrap());
    session.api_keys().mint(&draft).unwrap().key
}

/// A request that has not been sent.
#[must_use]
pub(crate) struct Ask<'a> {
    api: &'a Api,
    request: Request<Body>,
}

impl Ask<'_> {
    /// With another key, or none when it is empty.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.request.headers_mut().remove("X-Api-Key");
        if key.is_empty() { self } else { self.header("X-Api-Key", key) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().insert(name, value.parse().unwrap());
        self
    }

    /// With a header beside those of the same name.
    pub(crate) fn another(mut self, name: &'static str, value: &str) -> Self {
        self.request.headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn json(self, body: impl Into<Body>) -> Self {
        self.body(body).header("Content-Type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// As from this address, whose connections carry a host as all do.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let address: std::net::SocketAddr = address.parse().unwrap();
        self.request.headers_mut().entry("Host").or_insert_with(|| "rally.example".parse().unwrap());
        self.request.extensions_mut().insert(ConnectInfo(address));
        self
    }

    /// For a router of the test's own.
    pub(crate) fn into_request(self) -> Request<Body> {
        self.request
    }

    pub(crate) fn send(self) -> Answer {
        self.api.answer(self.request)
    }
}

/// An answer that has arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The body as text; empty if it is a workbook.
    pub(crate) body: String,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        // Copied, as the room that the answer takes is given back with its last byte.
        let bytes = Bytes::copy_from_slice(&body.collect().await.unwrap().to_bytes());
        let text = if bytes.starts_with(b"PK") { Vec::new() } else { bytes.to_vec() };
        let body = String::from_utf8(text).unwrap();
        Self { status: parts.status, headers: parts.headers, body, bytes }
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// The value of a header, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The id of the record in the body.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        self.value()["id"].as_str().unwrap_or_else(|| panic!("{self}")).to_owned()
    }

    /// The body as a list.
    #[track_caller]
    pub(crate) fn items(&self) -> Vec<Value> {
        self.value().as_array().unwrap().clone()
    }

    /// A problem's code and its faults, `member phrase` each; its detail where it has no faults.
    #[track_caller]
    pub(crate) fn told(&self) -> String {
        let problem = self.value();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.header("Content-Type"), "application/problem+json", "{self}");
        let faults: Vec<String> = problem["errors"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(member, phrases)| {
                let phrases = phrases.as_array().unwrap().iter();
                phrases.map(move |phrase| format!("{member} {}", phrase.as_str().unwrap()))
            })
            .collect();
        let what = if faults.is_empty() { text("detail") } else { faults.join("; ") };
        format!("{} {}: {what}", self.status.as_u16(), text("code"))
    }
}

/// The status and the body, a problem's and a record's members one a line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match serde_json::from_str::<Value>(&self.body) {
            Ok(body) => write!(f, "\n{body:#}"),
            Err(_) if self.body.is_empty() => Ok(()),
            Err(_) => write!(f, "\n{}", self.body),
        }
    }
}

/// A store in which a write or a read can be held up, and a read can meet a bug.
#[derive(Debug, Default)]
pub(crate) struct HeldStore {
    inner: MemoryStore,
    gate: Gate,
    gate_of_reads: Gate,
    has_bug: AtomicBool,
}

/// The one that is held up next: it says that it is there, and waits for its release.
pub(crate) type Gate = Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>;

/// A write or a read that is held up, or will be.
pub(crate) struct Held {
    entered: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

impl HeldStore {
    pub(crate) fn hold_next_write(&self) -> Held {
        Held::at(&self.gate)
    }

    pub(crate) fn hold_next_read(&self) -> Held {
        Held::at(&self.gate_of_reads)
    }

    pub(crate) fn panic_at_next_read(&self) {
        self.has_bug.store(true, Ordering::SeqCst);
    }
}

impl Held {
    pub(crate) fn at(gate: &Gate) -> Self {
        let ((enter, entered), (release, released)) = (mpsc::channel(), mpsc::channel());
        *gate.lock().unwrap() = Some((enter, released));
        Self { entered, release }
    }

    /// Returns once it is being held up.
    pub(crate) fn wait(&self) {
        self.entered.recv().unwrap();
    }

    pub(crate) fn release(&self) {
        self.release.send(()).unwrap();
    }
}

pub(crate) fn pass(gate: &Gate) {
    let held = gate.lock().unwrap().take();
    if let Some((enter, released)) = held {
        enter.send(()).unwrap();
        // An error means that the test has ended.
        let _ = released.recv();
    }
}

impl Store for HeldStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        assert!(!self.has_bug.swap(false, Ordering::SeqCst), "a bug that a test has asked for");
        pass(&self.gate_of_reads);
        self.inner.snapshot(tenant)
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        pass(&self.gate);
        self.inner.write(tenant, build)
    }
}

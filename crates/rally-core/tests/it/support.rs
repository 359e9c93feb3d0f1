use std::sync::Arc;

use rally_core::{
    Collection, Config, Contact, ContactDraft, Deal, DealDraft, Engine, Error, FeedPosition, FeedQuery, Id,
    IdempotencyKey, Kind, Pipeline, PipelineStage, Profile, Session, TenantDraft, TenantId, Timestamp,
    WriteOptions, Written,
    schema::{Creatable, Editable, Fields, Resource, Row, Upsertable},
    store::{Direction, Entry, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::FixedClock;
use serde_json::Value;

/// An engine whose clock stands still and whose random numbers repeat, with one tenant.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: FixedClock,
    pub(crate) acme: Session,
    store: Arc<dyn Store>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn strict() -> Self {
        Self::with(Arc::new(MemoryStore::new()), Config { profile: Profile::Strict, ..Config::default() })
    }

    pub(crate) fn on(store: Arc<dyn Store>) -> Self {
        Self::with(store, Config::default())
    }

    pub(crate) fn with(store: Arc<dyn Store>, config: Config) -> Self {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = Engine::with(Arc::clone(&store), environment, config);
        let acme = tenant(&engine, "acme");
        Self { engine, clock, acme, store }
    }

    /// Adds a contact of which only the e-mail address matters.
    pub(crate) fn add(&self, email: &str) -> Id<Contact> {
        self.acme.contacts().create(&ada(email)).unwrap().id
    }

    pub(crate) fn get(&self, id: Id<Contact>) -> Contact {
        self.acme.contacts().get(id).unwrap()
    }

    /// Everything that the store has of a tenant.
    pub(crate) fn stored(&self, tenant: TenantId) -> Vec<Entry> {
        let snapshot = self.store.snapshot(tenant).unwrap();
        let scan = |space| {
            let all = KeyRange::prefix(&Key::new(Space(space)));
            snapshot.scan(&all, Direction::Forward, usize::MAX).unwrap()
        };
        (0..=u8::MAX).flat_map(scan).collect()
    }

    /// Does something that must not leave any trace among the tenant's records.
    #[track_caller]
    pub(crate) fn without_trace<T>(&self, act: impl FnOnce() -> T) -> T {
        let before = self.stored(self.acme.tenant().id);
        self.clock.advance(1_000_000);
        let done = act();
        assert!(self.stored(self.acme.tenant().id) == before, "something was written");
        done
    }

    /// The error of a write that is refused, which must not leave any trace.
    #[track_caller]
    pub(crate) fn refused<T: std::fmt::Debug>(&self, write: impl FnOnce() -> Result<T, Error>) -> Error {
        self.without_trace(write).unwrap_err()
    }

    /// The pipeline that the tenant began with.
    pub(crate) fn pipeline(&self) -> Pipeline {
        self.acme.pipelines().default().unwrap()
    }

    /// A stage of that pipeline.
    pub(crate) fn stage(&self, name: &str) -> Id<PipelineStage> {
        self.pipeline().stage(name).unwrap().id
    }

    /// The draft of a deal in the first stage of that pipeline.
    pub(crate) fn lead(&self, name: &str) -> DealDraft {
        DealDraft::new(self.pipeline().id, self.stage("Lead"), name)
    }

    /// Adds a deal to the first stage of that pipeline.
    pub(crate) fn deal(&self, name: &str) -> Id<Deal> {
        self.acme.deals().create(&self.lead(name)).unwrap().id
    }
}

/// A contact of which only the e-mail address matters.
pub(crate) fn ada(email: &str) -> ContactDraft {
    ContactDraft::new("Ada", "Lovelace", email)
}

/// A JSON object with other members laid over its own.
pub(crate) fn with(mut body: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Creates a record of a JSON object, as an adapter does.
pub(crate) fn create_json<R: Creatable>(
    all: Collection<'_, R>,
    body: &Value,
) -> Result<Written<Row<R>>, Error> {
    all.json().create(&bytes(body), &WriteOptions::default())
}

/// Updates a record by a JSON object, as an adapter does.
pub(crate) fn update_json<R: Editable>(
    all: Collection<'_, R>,
    id: Id<R>,
    body: &Value,
) -> Result<Written<Row<R>>, Error> {
    all.json().update(id, &bytes(body), &WriteOptions::default())
}

/// Upserts a record by a JSON object, as an adapter does.
pub(crate) fn upsert_json<R: Upsertable>(
    all: Collection<'_, R>,
    body: &Value,
) -> Result<Written<Row<R>>, Error> {
    all.json().upsert(&bytes(body), &WriteOptions::default())
}

/// Options of a write that happens once for a key.
pub(crate) fn once(key: &str, content: &[u8]) -> WriteOptions {
    let key = IdempotencyKey::new(key, &[content]).unwrap();
    WriteOptions { idempotency_key: Some(key), ..WriteOptions::default() }
}

/// A record's JSON, a line for each member; each is asked for by its name alone, too.
pub(crate) fn lines<R: Resource>(row: &Row<R>) -> String {
    let names = R::model().members().iter().filter(|member| member.access.is_read());
    let lines: Vec<String> = names
        .map(|member| {
            let fields = Fields::parse(R::model(), member.name, Profile::Strict).unwrap();
            let mut json = Vec::new();
            row.write_json(&fields, &mut json).unwrap();
            String::from_utf8(json[1..json.len() - 1].to_vec()).unwrap()
        })
        .collect();
    assert_eq!(text(row), format!("{{{}}}", lines.join(",")));
    lines.join("\n")
}

/// A record's JSON.
pub(crate) fn text<R: Resource>(row: &Row<R>) -> String {
    let mut json = Vec::new();
    row.write_json(R::model().whole(), &mut json).unwrap();
    String::from_utf8(json).unwrap()
}

/// The changes behind a number, each as what happened to which record.
pub(crate) fn changes_after(session: &Session, number: u64) -> Vec<(String, String)> {
    let query = FeedQuery {
        from: FeedPosition::After(number),
        kinds: Kind::IN_FEED.to_vec(),
        limit: 1_000,
        epoch: None,
    };
    let changes = session.changes(&query).unwrap();
    let told = changes.iter().map(|change| {
        let action = format!("{} {:?}", change.entity_type, change.action).to_lowercase();
        (action, change.entity_id.to_string())
    });
    told.collect()
}

/// Adds a tenant and opens a session of it.
pub(crate) fn tenant(engine: &Engine, slug: &str) -> Session {
    engine.create_tenant(&TenantDraft::new(slug)).unwrap().trusted_session("host").unwrap()
}

pub(crate) fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// A record as JSON.
pub(crate) fn value<R: Resource>(row: &Row<R>) -> Value {
    serde_json::from_str(&text(row)).unwrap()
}

/// An error as its code and its faults, `member phrase` each.
pub(crate) fn told(error: &Error) -> (&'static str, Vec<String>) {
    let faults = error.faults().by_member().iter();
    let lines =
        faults.flat_map(|(member, phrases)| phrases.iter().map(move |phrase| format!("{member} {phrase}")));
    (error.code().name(), lines.collect())
}

/// An error as its code and its faults, a line each.
pub(crate) fn report(error: &Error) -> String {
    let (code, faults) = told(error);
    [vec![code.to_owned()], faults].concat().join("\n")
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

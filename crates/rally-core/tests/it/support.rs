use std::sync::Arc;

use rally_core::{
    Config, Contact, Engine, Error, Id, Json, Profile, Resource, Row, Session, TenantDraft, Timestamp,
    Written,
    store::{MemoryStore, Store},
};
use rally_testkit::FixedClock;
use serde_json::{Value, json};

/// An engine whose clock stands still and whose random numbers repeat, with one tenant.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: FixedClock,
    pub(crate) acme: Session,
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
        let engine = Engine::with(store, environment, config);
        let acme = tenant(&engine, "acme");
        Self { engine, clock, acme }
    }

    /// Adds a contact of which only the e-mail address matters.
    pub(crate) fn add(&self, email: &str) -> Id<Contact> {
        self.create(json!({"firstName": "Ada", "lastName": "Lovelace", "email": email})).unwrap().row.id()
    }

    pub(crate) fn create(&self, body: Value) -> Result<Written<Contact>, Error> {
        self.acme.contacts().create(&Json(&bytes(&body)))
    }

    pub(crate) fn update(&self, id: Id<Contact>, body: Value) -> Result<Written<Contact>, Error> {
        self.acme.contacts().update(id, &Json(&bytes(&body)))
    }

    pub(crate) fn get(&self, id: Id<Contact>) -> Contact {
        self.acme.contacts().get(id).unwrap().read().unwrap()
    }
}

/// Adds a tenant and opens a session of it.
pub(crate) fn tenant(engine: &Engine, slug: &str) -> Session {
    engine.create_tenant(&TenantDraft { slug: slug.to_owned(), ..TenantDraft::default() }).unwrap();
    engine.trusted_session(slug, "host").unwrap()
}

pub(crate) fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// A record as JSON.
pub(crate) fn value(row: &Row<Contact>) -> Value {
    let mut json = Vec::new();
    row.write_json(Contact::model().whole(), &mut json).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// An error as its code and its faults, `member phrase` each.
pub(crate) fn told(error: &Error) -> (&'static str, Vec<String>) {
    let faults = error.faults().by_member().iter();
    let lines =
        faults.flat_map(|(member, phrases)| phrases.iter().map(move |phrase| format!("{member} {phrase}")));
    (error.code().name(), lines.collect())
}

/// Parameters as they stand in a query string.
pub(crate) fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

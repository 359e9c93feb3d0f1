//! Helpers that every test uses.

use std::sync::Arc;

use bytes::Bytes;
use rally_core::{
    Config, Engine, Session, TenantDraft, TenantId,
    store::{Batch, Commit, Key, Space, Store, StoreError},
};
use rally_store_postgres::{Options, PostgresStore};
use uuid::Uuid;

/// The tenant of the tests that go through an engine.
const SLUG: &str = "acme";

pub(crate) fn open(url: &str, options: Options) -> PostgresStore {
    PostgresStore::open(url, options).unwrap()
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(Space(7)).bytes(name.as_bytes())
}

/// A batch of one value.
pub(crate) fn one(key: &Key, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key.clone(), Bytes::copy_from_slice(value));
    batch
}

pub(crate) fn try_put(
    store: &dyn Store,
    tenant: TenantId,
    key: &Key,
    value: &[u8],
) -> Result<Commit, StoreError> {
    store.write(tenant, &mut |_| Ok(one(key, value)))
}

pub(crate) fn put(store: &dyn Store, tenant: TenantId, key: &Key, value: &[u8]) {
    assert_eq!(try_put(store, tenant, key, value).unwrap(), Commit::Applied);
}

pub(crate) fn get(store: &dyn Store, tenant: TenantId, key: &Key) -> Option<Bytes> {
    store.snapshot(tenant).unwrap().get(key).unwrap()
}

pub(crate) fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

/// An engine as on a server of its own: with its own store, randomness, and a clock that is off by some seconds.
pub(crate) fn engine(url: &str, number: u8) -> Engine {
    let options = Options { connections: 4, ..Options::default() };
    let store: Arc<dyn Store> = Arc::new(open(url, options));
    let (environment, clock) = rally_testkit::environment(u64::from(number));
    clock.advance(i64::from(number) * 7_000_000);
    Engine::with(store, environment, Config::default())
}

/// So many engines, and the tenant made.
pub(crate) fn engines(url: &str, count: u8) -> Vec<Engine> {
    let engines: Vec<Engine> = (1..=count).map(|number| engine(url, number)).collect();
    engines[0].create_tenant(&TenantDraft::new(SLUG)).unwrap();
    engines
}

pub(crate) fn session(engine: &Engine) -> Session {
    engine.tenant(SLUG).unwrap().trusted_session("test").unwrap()
}

/// The database's answer to someone who is not Rally: of each row the first column.
pub(crate) fn ask(url: &str, sql: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let answers = client.simple_query(sql).await.unwrap();
        let first = |answer| match answer {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        };
        answers.into_iter().filter_map(first).collect()
    })
}

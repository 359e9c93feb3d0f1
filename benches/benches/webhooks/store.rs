use std::sync::Arc;

use rally_core::{
    Config, Engine, Environment, Reach, Session, TenantDraft,
    store::{MemoryStore, Store},
};
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Options, RedbStore};
use rally_testkit::postgres;
use tempfile::TempDir;

pub(crate) const STORES: [&str; 3] = ["memory", "redb", "postgres"];

/// An engine on a store of its own, which is gone with it.
pub(crate) struct Opened {
    pub(crate) engine: Engine,
    _folder: TempDir,
}

impl Opened {
    /// `None` if the machine has no such store.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let store: Arc<dyn Store> = match name {
            "redb" => {
                let opened = RedbStore::open(folder.path().join("crm.redb"), Options::default());
                Arc::new(opened.expect("a file"))
            }
            "postgres" => {
                let url = postgres::shared()?.fresh_url();
                let opened = PostgresStore::open(&url, rally_store_postgres::Options::default());
                Arc::new(opened.expect("a database"))
            }
            _ => Arc::new(MemoryStore::new()),
        };
        let config = Config { reach: Reach::InternetAndLoopback, ..Config::default() };
        Some(Self { engine: Engine::with(store, Environment::system(), config), _folder: folder })
    }

    /// A tenant of its own for each row.
    pub(crate) fn tenant(&self, slug: &str) -> Session {
        let tenant = self.engine.create_tenant(&TenantDraft::new(slug)).expect("a tenant");
        tenant.trusted_session("bench").expect("a session")
    }
}

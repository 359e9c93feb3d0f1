use std::{env, sync::Arc};

use rally_benches::Folder;
use rally_core::{Config, Engine, Environment, Session, TenantDraft, store::MemoryStore, store::Store};
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Options, RedbStore};
use rally_testkit::postgres;

pub(crate) const STORES: [&str; 3] = ["memory", "redb", "postgres"];

/// The place of a store, which several processes open one after the other.
pub(crate) enum Place {
    Memory,
    File(Folder),
    Database(String),
}

impl Place {
    /// `None` if the machine has no such store.
    pub(crate) fn new(store: &str) -> Option<Self> {
        Some(match store {
            "redb" => Self::File(Folder::temporary()),
            "postgres" => Self::Database(postgres::shared()?.fresh_url()),
            _ => Self::Memory,
        })
    }

    /// The name by which another process opens it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Memory => "",
            Self::File(folder) => folder.path().to_str().expect("a path in UTF-8"),
            Self::Database(url) => url,
        }
    }
}

/// The options of a file: the default, or a memory of so many MiB for its pages, and as much for what is in its journal.
fn options() -> Options {
    let mut options = Options::default();
    if let Ok(mib) = env::var("RALLY_BENCH_FILE_MIB") {
        let bytes: usize = mib.parse().expect("RALLY_BENCH_FILE_MIB is a number");
        options.cache_bytes = bytes << 20;
        options.journal_memory_bytes = bytes << 20;
    }
    options
}

/// A store that is open, with a tenant.
pub(crate) struct Opened {
    pub(crate) session: Session,
    file: Option<Arc<RedbStore>>,
}

impl Opened {
    pub(crate) fn open(store: &str, place: &str) -> Self {
        let mut file = None;
        let store: Arc<dyn Store> = match store {
            "redb" => {
                let path = Folder::of_another_process(place).path().join("crm.redb");
                let opened = Arc::new(RedbStore::open(path, options()).expect("a file"));
                file = Some(Arc::clone(&opened));
                opened
            }
            "postgres" => {
                let options = rally_store_postgres::Options::default();
                Arc::new(PostgresStore::open(place, options).expect("a database"))
            }
            _ => Arc::new(MemoryStore::new()),
        };
        let engine = Engine::with(store, Environment::system(), Config::default());
        let known = engine.tenant("acme");
        let tenant =
            known.unwrap_or_else(|_| engine.create_tenant(&TenantDraft::new("acme")).expect("a tenant"));
        Self { session: tenant.trusted_session("bench").expect("a session"), file }
    }

    /// Closes a file, so that the next process need not recover it.
    pub(crate) fn close(self) {
        if let Some(file) = self.file {
            file.close().expect("a file that is closed in order");
        }
    }
}

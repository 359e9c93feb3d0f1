use std::{
    convert::Infallible,
    fmt,
    path::{self, Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use rally_core::store::{MemoryStore, Store, StoreError};
use rally_http::WorkOn;
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Durability, IntegrityCheck, RedbStore};

use crate::{
    arguments::{DurabilityLevel, FileArguments, StoreArguments},
    failure::Failure,
};

/// The place of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the memory of this process, and gone with it.
    Memory,
    /// In one file.
    Redb(PathBuf),
    /// In a database that other processes may use too.
    Postgres(Url),
    /// Text that names no store. It may be a URL with a slip in it, so it is neither kept nor repeated.
    Unknown,
}

/// A URL with a password in it, perhaps.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

/// A store that is open, and the way to close it before the process ends.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) place: Place,
    /// The database, if the store is one.
    pub(crate) database: Option<Arc<PostgresStore>>,
    pub(crate) close: Box<dyn FnOnce() -> Result<(), StoreError> + Send>,
}

/// The place of the records of a store that is open.
#[derive(Clone)]
pub(crate) struct Place {
    /// The place for a person, after "in".
    pub(crate) name: String,
    /// The place as `--store` takes it, without user and password.
    pub(crate) location: String,
    /// True if the store may be away for a while and come back by itself.
    pub(crate) may_be_away: bool,
}

/// Hears which part of a file has been recovered after a crash or converted, from 0 to 1.
pub(crate) type Progress = Box<dyn Fn(f64) + Send + Sync>;

/// The reactions to a store that is not as it should be when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A missing file is made, and a database that is away may come later: for a server.
    Any,
    /// A missing file is made: for the first tenant.
    Answering,
    /// The file must be there, so that a slip in its name makes none.
    Existing,
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Url(..)")
    }
}

impl FromStr for Location {
    // The parser of the command line would repeat what it cannot parse, password and all.
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            None if text == "memory" => Location::Memory,
            Some(("redb", path)) if !path.is_empty() => Location::Redb(path.into()),
            Some(("postgres" | "postgresql", _)) => Location::Postgres(Url(text.to_owned())),
            _ => Location::Unknown,
        })
    }
}

impl Location {
    /// Memory never waits; a file waits for its disk when it is written; a network is always waited for.
    pub(crate) const fn work_on(&self) -> WorkOn {
        match self {
            Location::Memory => WorkOn::ServingThread,
            Location::Redb(_) => WorkOn::BlockingThreadsForWrites,
            Location::Postgres(_) | Location::Unknown => WorkOn::BlockingThreads,
        }
    }
}

impl StoreArguments {
    /// Long reads, and bulks, that are done at once, where the store has a say in it: those of a database wait for it more
    /// than they compute, so a quarter of the connections may do each.
    pub(crate) fn long_at_once(&self) -> Option<usize> {
        match self.store {
            Location::Postgres(_) => Some(usize::from(self.store_connections / 4).max(2)),
            Location::Memory | Location::Redb(_) | Location::Unknown => None,
        }
    }

    /// Opens the store.
    pub(crate) fn open(&self, need: Need, progress: Progress) -> Result<OpenStore, Failure> {
        match &self.store {
            Location::Memory => Ok(open_memory()),
            Location::Redb(path) if need == Need::Existing && !path.exists() => {
                let path = path.display();
                Err(Failure::new(format!(
                    "there is no file {path}; a server or `rally tenants create` makes it"
                )))
            }
            Location::Redb(path) => open_file(path, self.file.options(), progress),
            Location::Postgres(Url(url)) => open_database(url, self.store_connections.into(), need),
            Location::Unknown => Err(Failure::new(
                "--store or RALLY_STORE names no store; use redb:PATH, postgres://URL or memory",
            )),
        }
    }
}

fn open_memory() -> OpenStore {
    OpenStore {
        store: Arc::new(MemoryStore::new()),
        place: Place::memory(),
        database: None,
        close: Box::new(|| Ok(())),
    }
}

impl Place {
    /// The memory of this process.
    pub(crate) fn memory() -> Self {
        Self { name: "memory, and end with it".to_owned(), location: "memory".to_owned(), may_be_away: false }
    }
}

fn open_file(
    path: &Path,
    options: rally_store_redb::Options,
    progress: Progress,
) -> Result<OpenStore, Failure> {
    let opened = RedbStore::open_with_progress(path, options, progress);
    let store = Arc::new(opened.map_err(|error| Failure::new(error.to_string()))?);
    let closing = Arc::clone(&store);
    let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let file = path.display();
    let place =
        Place { name: format!("the file {file}"), location: format!("redb:{file}"), may_be_away: false };
    Ok(OpenStore { store, place, database: None, close: Box::new(move || closing.close()) })
}

fn open_database(url: &str, connections: usize, need: Need) -> Result<OpenStore, Failure> {
    // A server is there for rushes of requests; a command needs a connection or two.
    let connections_ahead = if need == Need::Any { connections } else { 1 };
    let options = rally_store_postgres::Options {
        connections,
        connections_ahead,
        ..rally_store_postgres::Options::default()
    };
    let opened = match need {
        Need::Any => PostgresStore::open_when_reachable(url, options),
        Need::Answering | Need::Existing => PostgresStore::open(url, options),
    };
    let store = opened.map_err(|error| Failure::new(error.to_string()))?;
    let place = Place {
        name: format!("the database {}", store.place()),
        location: format!("postgres://{}", store.place()),
        may_be_away: true,
    };
    let store = Arc::new(store);
    Ok(OpenStore { store: store.clone(), place, database: Some(store), close: Box::new(|| Ok(())) })
}

impl FileArguments {
    fn options(self) -> rally_store_redb::Options {
        let usual = rally_store_redb::Options::default();
        let bytes = |mib: Option<usize>, usual| mib.map_or(usual, |mib| mib.saturating_mul(1 << 20));
        rally_store_redb::Options {
            durability: match self.durability {
                DurabilityLevel::Standard => Durability::Standard,
                DurabilityLevel::Strict => Durability::Strict,
            },
            integrity_check: if self.check { IntegrityCheck::Always } else { IntegrityCheck::Never },
            cache_bytes: bytes(self.file_cache, usual.cache_bytes),
            journal_memory_bytes: bytes(self.file_journal, usual.journal_memory_bytes),
            ..usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_memory_a_file_or_a_database() {
        assert_eq!("memory".parse(), Ok(Location::Memory));
        assert_eq!("redb:a/b.redb".parse(), Ok(Location::Redb("a/b.redb".into())));
        for text in ["postgres://u@h/d", "postgresql:///d?host=/run", "postgres:"] {
            assert_eq!(text.parse(), Ok(Location::Postgres(Url(text.to_owned()))));
        }
        for text in ["", "redb", "redb:", "memory:x", "sqlite:x", "rally.redb", "postgress://u@h/d"] {
            assert_eq!(text.parse(), Ok(Location::Unknown), "{text}");
        }
    }

    #[test]
    fn a_file_takes_the_memory_that_it_is_given() {
        let usual = rally_store_redb::Options::default();
        let memory = |file_cache, file_journal| {
            let options = FileArguments { file_cache, file_journal, ..FileArguments::default() }.options();
            (options.cache_bytes, options.journal_memory_bytes)
        };
        assert_eq!(memory(None, None), (usual.cache_bytes, usual.journal_memory_bytes));
        assert_eq!(memory(Some(16), Some(8)), (16 << 20, 8 << 20));
    }

    #[test]
    fn a_quarter_of_the_connections_may_do_long_reads_and_another_one_bulks() {
        let at_once = |store: &str, store_connections: u16| {
            let store = store.parse().unwrap_or_else(|never| match never {});
            StoreArguments { store, store_connections, file: FileArguments::default(), config: None }
                .long_at_once()
        };
        assert_eq!(
            [1, 16, 100].map(|connections| at_once("postgres://u@h/d", connections)),
            [Some(2), Some(4), Some(25)]
        );
        assert_eq!(["memory", "redb:x"].map(|store| at_once(store, 16)), [None, None]);
    }

    #[test]
    fn a_password_is_not_printed() {
        for text in ["postgres://u:hush@h/d", "postgress://u:hush@h/d", "host=h password=hush"] {
            let location: Location = text.parse().unwrap_or_else(|never| match never {});
            assert!(!format!("{location:?}").contains("hush"), "{location:?}");
        }
    }
}

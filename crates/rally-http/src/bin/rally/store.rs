use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr, sync::Arc};

use rally_core::store::{MemoryStore, Store, StoreError};
use rally_http::WorkOn;
use rally_store_postgres::PostgresStore;
use rally_store_redb::{Durability, IntegrityCheck, RedbStore};

use crate::{
    arguments::{DurabilityLevel, FileArguments},
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
    pub(crate) close: Box<dyn FnOnce() -> Result<(), StoreError> + Send>,
}

/// Hears which part of a file has been recovered after a crash, from 0 to 1.
pub(crate) type Progress = Box<dyn Fn(f64) + Send + Sync>;

/// The reaction to a store that does not answer when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenAway {
    Fail,
    Wait,
}

impl OpenStore {
    /// A store that needs no closing.
    fn without_end(store: impl Store) -> Self {
        Self { store: Arc::new(store), close: Box::new(|| Ok(())) }
    }
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
    /// Opens the store, with at most `connections` to a database, and so much care of a file.
    pub(crate) fn open(
        &self,
        connections: u16,
        care: FileArguments,
        away: WhenAway,
        progress: Progress,
    ) -> Result<OpenStore, Failure> {
        match self {
            Location::Memory => Ok(OpenStore::without_end(MemoryStore::new())),
            Location::Redb(path) => {
                let opened = RedbStore::open_with_progress(path, care.options(), progress);
                let store = Arc::new(opened.map_err(|error| Failure::new(error.to_string()))?);
                let closing = Arc::clone(&store);
                Ok(OpenStore { store, close: Box::new(move || closing.close()) })
            }
            Location::Postgres(Url(url)) => {
                let options = rally_store_postgres::Options {
                    connections: connections.into(),
                    ..rally_store_postgres::Options::default()
                };
                let opened = match away {
                    WhenAway::Fail => PostgresStore::open(url, options),
                    WhenAway::Wait => PostgresStore::open_when_reachable(url, options),
                };
                Ok(OpenStore::without_end(opened.map_err(|error| Failure::new(error.to_string()))?))
            }
            Location::Unknown => Err(Failure::new(
                "--store or RALLY_STORE names no store; use redb:PATH, postgres://URL or memory",
            )),
        }
    }

    /// Memory never waits; a file waits for its disk when it is written; a network is always waited for.
    pub(crate) const fn work_on(&self) -> WorkOn {
        match self {
            Location::Memory => WorkOn::ServingThread,
            Location::Redb(_) => WorkOn::BlockingThreadsForWrites,
            Location::Postgres(_) | Location::Unknown => WorkOn::BlockingThreads,
        }
    }

    /// True if the store may be away for a while and come back by itself.
    pub(crate) const fn may_be_away(&self) -> bool {
        matches!(self, Location::Postgres(_))
    }
}

impl FileArguments {
    fn options(self) -> rally_store_redb::Options {
        rally_store_redb::Options {
            durability: match self.durability {
                DurabilityLevel::Standard => Durability::Standard,
                DurabilityLevel::Strict => Durability::Strict,
            },
            integrity_check: if self.check { IntegrityCheck::Always } else { IntegrityCheck::AfterCrash },
            ..rally_store_redb::Options::default()
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
    fn a_password_is_not_printed() {
        for text in ["postgres://u:hush@h/d", "postgress://u:hush@h/d", "host=h password=hush"] {
            let location: Location = text.parse().unwrap_or_else(|never| match never {});
            assert!(!format!("{location:?}").contains("hush"), "{location:?}");
        }
    }
}

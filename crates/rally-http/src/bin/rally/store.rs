use std::{path::PathBuf, str::FromStr, sync::Arc};

use rally_core::store::{MemoryStore, Store};
use rally_http::WorkOn;
use rally_store_redb::{Options, RedbStore};

use crate::failure::Failure;

/// Where the records are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// Nowhere: they go with the process.
    Memory,
    /// In one file.
    Redb(PathBuf),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Location::Memory),
            Some(("redb", path)) if !path.is_empty() => Ok(Location::Redb(path.into())),
            _ => Err(format!("{text:?} is not a store; use redb:PATH or memory")),
        }
    }
}

impl Location {
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>, Failure> {
        match self {
            Location::Memory => Ok(Arc::new(MemoryStore::new())),
            Location::Redb(path) => match RedbStore::open(path, Options::default()) {
                Ok(store) => Ok(Arc::new(store)),
                Err(error) => Err(Failure::new(error.to_string())),
            },
        }
    }
}

impl Location {
    /// Memory never waits; a file waits for its disk when it is written.
    pub(crate) const fn work_on(&self) -> WorkOn {
        match self {
            Location::Memory => WorkOn::ServingThread,
            Location::Redb(_) => WorkOn::BlockingThreadsForWrites,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_memory_or_a_file() {
        assert_eq!("memory".parse(), Ok(Location::Memory));
        assert_eq!("redb:a/b.redb".parse(), Ok(Location::Redb("a/b.redb".into())));
        for text in ["", "redb", "redb:", "memory:x", "sqlite:x", "rally.redb"] {
            let error = text.parse::<Location>().unwrap_err();
            assert!(error.contains("use redb:PATH or memory"), "{text}");
        }
    }
}

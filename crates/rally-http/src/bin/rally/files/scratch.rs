//! Room for dry runs: a store in a file without a name, which is gone with the process.

use std::{path::PathBuf, sync::Arc};

use rally_core::{
    Scratch,
    store::{Store, StoreError},
};
use rally_store_redb::RedbStore;

/// Room in a folder, or where the system has its temporary files.
pub(crate) fn scratch(folder: Option<PathBuf>) -> Scratch {
    Scratch::new(move || {
        let file = match &folder {
            Some(folder) => tempfile::tempfile_in(folder),
            None => tempfile::tempfile(),
        };
        let unavailable = |reason: String| StoreError::Unavailable { reason };
        let file = file.map_err(|error| unavailable(format!("a dry run has no room: {error}")))?;
        let store = RedbStore::temporary(file).map_err(|error| unavailable(error.to_string()))?;
        Ok::<Arc<dyn Store>, _>(Arc::new(store))
    })
}

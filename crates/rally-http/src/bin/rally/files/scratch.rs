//! Temporary files: without a name, and gone with the process.

use std::{env, fs::File, io, path::PathBuf, sync::Arc};

use rally_core::{
    Scratch,
    store::{Store, StoreError},
};
use rally_store_redb::RedbStore;

/// Room for dry runs: a store in a temporary file.
pub(crate) fn scratch(folder: Option<PathBuf>) -> Scratch {
    Scratch::new(move || {
        let unavailable = |reason: String| StoreError::Unavailable { reason };
        let file = temporary_file(folder.clone())
            .map_err(|error| unavailable(format!("a dry run has no room: {error}")))?;
        let store = RedbStore::temporary(file).map_err(|error| unavailable(error.to_string()))?;
        Ok::<Arc<dyn Store>, _>(Arc::new(store))
    })
}

/// A new file in a folder, or where the system has its temporary files; the error names the folder.
pub(crate) fn temporary_file(folder: Option<PathBuf>) -> io::Result<File> {
    let folder = folder.unwrap_or_else(env::temp_dir);
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    tempfile::tempfile_in(&folder).map_err(named)
}

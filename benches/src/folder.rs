use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The unit in which the system counts what a file takes.
const BLOCK_BYTES: u64 = 512;

/// The folder of a database.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Removes it in the end; `None` of a folder that belongs to another process.
    temporary: Option<TempDir>,
}

impl Folder {
    /// A new folder, which is gone with this value.
    ///
    /// # Panics
    /// Panics if it cannot be made.
    #[must_use]
    pub fn temporary() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { path: folder.path().to_owned(), temporary: Some(folder) }
    }

    /// The folder that another process has made.
    #[must_use]
    pub fn of_another_process(path: &str) -> Self {
        Self { path: path.into(), temporary: None }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.temporary.as_ref().map_or(&self.path, TempDir::path)
    }

    /// The bytes that its files take on the disk; a file's length would count holes, too.
    pub(crate) fn bytes(&self) -> u64 {
        let files = fs::read_dir(self.path()).expect("a folder that can be read");
        files
            .map(|file| file.expect("a file").metadata().expect("a file's size").blocks() * BLOCK_BYTES)
            .sum()
    }
}

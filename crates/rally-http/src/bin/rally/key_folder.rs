//! The place of the admin keys of tenants that a server makes when it starts.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// A folder in which each new tenant's admin key is a file, so that no key stands in a log that keeps what is printed.
#[derive(Debug)]
pub(crate) struct KeyFolder(PathBuf);

/// A file that waits for its key. One that gets none is removed again.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    file: File,
    has_key: bool,
}

impl KeyFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes the file of a tenant that is to be made, which its owner alone can read: before the tenant, so that no key is
    /// made that cannot be kept.
    pub(crate) fn reserve(&self, slug: &str) -> Result<KeyFile, Failure> {
        let path = self.0.join(format!("{slug}.key"));
        // A start that was killed leaves the file without a key.
        if fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() == 0) {
            fs::remove_file(&path).map_err(|error| cannot_write(&path, &error))?;
        }
        let file = new_private_file(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(format!(
                "there is a key in {} already; take it from there, and remove the file",
                path.display()
            )),
            _ => cannot_write(&path, &error),
        })?;
        Ok(KeyFile { path, file, has_key: false })
    }
}

impl KeyFile {
    /// Puts the key into the file, and answers the file's path.
    pub(crate) fn keep(mut self, key: &str) -> Result<PathBuf, Failure> {
        let written = writeln!(self.file, "{key}").and_then(|()| self.file.sync_all());
        written.map_err(|error| cannot_write(&self.path, &error))?;
        self.has_key = true;
        Ok(self.path.clone())
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if !self.has_key {
            // One that stays is told of when the tenant is made again.
            drop(fs::remove_file(&self.path));
        }
    }
}

fn new_private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write the key of a new tenant to {}: {error}", path.display()))
}

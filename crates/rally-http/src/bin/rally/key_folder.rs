//! The place of the admin keys of tenants that a server makes when it starts.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A folder in which each new tenant's admin key is a file, so that no key stands in a log that keeps what is printed.
#[derive(Debug)]
pub(crate) struct KeyFolder {
    path: PathBuf,
    /// True when a file that has the tenant's name is of no use any more: its tenant was in memory, and has ended with it.
    replaces: bool,
}

/// Room for a key, in a file that its owner alone can read. It gets its name with the key, and is gone without one.
#[derive(Debug)]
pub(crate) struct KeyFile {
    file: NamedTempFile,
    place: PathBuf,
    replaces: bool,
}

/// Bytes that are kept free for a key, which is shorter.
const ROOM: usize = 256;

impl KeyFolder {
    pub(crate) fn new(path: PathBuf, replaces: bool) -> Self {
        Self { path, replaces }
    }

    /// Makes room for the key of a tenant that is to be made: before the tenant, so that no key is made that finds no place.
    pub(crate) fn reserve(&self, slug: &str) -> Result<KeyFile, Failure> {
        if Path::new(slug).file_name().is_none_or(|name| name != slug) {
            return Err(Failure::new("a tenant's name is a label as in a host name"));
        }
        let place = self.path.join(format!("{slug}.key"));
        if !self.replaces && place.exists() {
            return Err(is_there(&place));
        }
        let file = self.room().map_err(|error| cannot_write(&place, &error))?;
        Ok(KeyFile { file, place, replaces: self.replaces })
    }

    fn room(&self) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.path)?;
        file.write_all(&[b' '; ROOM])?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

impl KeyFile {
    /// Puts the key into the file, and answers the file's path.
    pub(crate) fn keep(mut self, key: &str) -> Result<PathBuf, Failure> {
        self.write(key).map_err(|error| cannot_write(&self.place, &error))?;
        let Self { file, place, replaces } = self;
        let named = if replaces { file.persist(&place) } else { file.persist_noclobber(&place) };
        named.map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => is_there(&place),
            _ => cannot_write(&place, &failed.error),
        })?;
        #[cfg(unix)]
        if let Some(folder) = place.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| cannot_write(&place, &error))?;
        }
        Ok(place)
    }

    fn write(&mut self, key: &str) -> io::Result<()> {
        let file = self.file.as_file_mut();
        file.seek(SeekFrom::Start(0))?;
        writeln!(file, "{key}")?;
        let length = file.stream_position()?;
        file.set_len(length)?;
        file.sync_all()
    }
}

fn is_there(place: &Path) -> Failure {
    Failure::new(format!(
        "there is a key in {} already, perhaps of a tenant that is gone; take it away from there",
        place.display()
    ))
}

fn cannot_write(place: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot write the key of a new tenant to {}: {error}", place.display()))
}

//! The file of a store: made whole or not at all, locked before it is looked at, and for its owner only.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use redb::backends::FileBackend;

use crate::{OpenError, storage::Storage};

/// A file that is there and locked.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) storage: Arc<Storage>,
    /// Another handle on the same file.
    pub(crate) file: File,
}

/// The ends of names that files have on their way.
const NEW: &str = "new";
pub(crate) const RESERVE: &str = "reserve";

/// The times that a file may vanish while it is made, each of which needs another process that clears up.
const MOST_ATTEMPTS: usize = 16;

/// Opens a file and locks it; if there is none, one is made that `initialise` has filled.
pub(crate) fn hold(
    path: &Path,
    place: &str,
    initialise: impl Fn(&Arc<Storage>) -> Result<(), OpenError>,
) -> Result<Held, OpenError> {
    let failed = |error| OpenError::from_io(place, error);
    for _ in 0..MOST_ATTEMPTS {
        let made = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Some(lock(file, path, place)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path, place, &initialise)?,
            Err(error) => return Err(failed(error)),
        };
        if let Some(held) = made {
            clear_up(path, &held.file);
            return Ok(held);
        }
    }
    Err(failed(io::Error::other("it vanishes each time that it is made")))
}

fn lock(file: File, path: &Path, place: &str) -> Result<Held, OpenError> {
    let failed = |error| OpenError::from_io(place, error);
    let other = file.try_clone().map_err(failed)?;
    let backend = FileBackend::new(file).map_err(|error| OpenError::from_database(place, error))?;
    let storage = with_through(Storage::new(Box::new(backend)), path, &other);
    if storage.claim().map_err(failed)? {
        Ok(Held { storage: Arc::new(storage), file: other })
    } else {
        Err(OpenError::InUse { place: place.to_owned() })
    }
}

#[cfg(target_os = "linux")]
fn with_through(storage: Storage, path: &Path, held: &File) -> Storage {
    storage.with_through(crate::through::Through::on(path, held))
}

#[cfg(not(target_os = "linux"))]
fn with_through(storage: Storage, _path: &Path, _held: &File) -> Storage {
    storage
}

/// Makes a file beside its place, and moves it there when it is whole and durable, unless another process was faster.
fn make(
    path: &Path,
    place: &str,
    initialise: &impl Fn(&Arc<Storage>) -> Result<(), OpenError>,
) -> Result<Option<Held>, OpenError> {
    let failed = |error| OpenError::from_io(place, error);
    let aside = aside(path, NEW).map_err(failed)?;
    let file = private(&aside).map_err(failed)?;
    // Held from before it has its name, so that nobody else can be the first to open it.
    let made = lock(file, &aside, place).and_then(|held| {
        initialise(&held.storage)?;
        held.file.sync_all().map_err(failed)?;
        Ok(held)
    });
    let linked = made.and_then(|held| match fs::hard_link(&aside, path) {
        Ok(()) => Ok(Some(held)),
        Err(error) if is_overtaken(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    });
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return linked.and(Err(failed(error))),
        _ => {}
    }
    sync_folder(path).map_err(failed)?;
    linked
}

/// True if another process has made the file first, or has taken this one for a leftover.
fn is_overtaken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound)
}

/// Removes what processes have left that were killed while they made a file. What cannot be removed does no harm.
fn clear_up(path: &Path, held: &File) {
    let (Some(folder), Ok(start)) = (path.parent(), aside_start(path)) else { return };
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(start.as_encoded_bytes()) && is_left_over(&entry.path(), held)
        {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// True for a file that nobody has open, and for another name of the one that is held.
fn is_left_over(aside: &Path, held: &File) -> bool {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(aside) else { return false };
    let [left, own] = [&file, held].map(|file| file.metadata().ok().as_ref().and_then(identity));
    // The lock of the one that is held would keep out its other name, too.
    (left.is_some() && left == own) || lock(file, aside, "").is_ok()
}

/// A name beside a path that no other process takes.
pub(crate) fn aside(path: &Path, end: &str) -> io::Result<PathBuf> {
    let mut name = aside_start(path)?;
    name.push(format!("{}-{:016x}.{end}", process::id(), RandomState::new().hash_one(end)));
    Ok(path.with_file_name(name))
}

fn aside_start(path: &Path) -> io::Result<OsString> {
    let mut start = OsString::from(".");
    start.push(path.file_name().ok_or(io::ErrorKind::NotFound)?);
    start.push(".rally-");
    Ok(start)
}

/// Makes a file that its owner alone can read.
pub(crate) fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new file's name must be as durable as what is in it.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Warns of a file that others on this machine can read or write.
#[cfg(unix)]
pub(crate) fn warn_if_open_to_others(file: &File, place: &str) {
    use std::os::unix::fs::PermissionsExt;

    if let Ok(metadata) = file.metadata()
        && metadata.permissions().mode() & 0o077 != 0
    {
        let mode = metadata.permissions().mode() & 0o777;
        tracing::warn!(
            "{place} is open to other users of this machine (mode {mode:o}), and has the secrets of logins in it; \
             run chmod 600 on it, and rotate the secrets if others may have read it"
        );
    }
}

#[cfg(not(unix))]
pub(crate) fn warn_if_open_to_others(_file: &File, _place: &str) {}

/// The device of a file and its number there, which stay the same wherever the file is moved; `None` where nothing tells
/// files apart.
#[cfg(unix)]
pub(crate) fn identity(metadata: &fs::Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(crate) fn identity(_metadata: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

//! `rally compact` and `rally repair`: a store that is written anew, as it is or with all that is derived made again.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use rally_core::{Config, CopyMode, Engine, Environment};

use crate::{
    admin::{open, recovery_told_once},
    arguments::{CommandArguments, StoreArguments},
    failure::Failure,
    store::{Location, Need, OpenStore},
    table::{Cell, Table},
};

/// A file that is made smaller.
#[derive(Debug, Args)]
pub(crate) struct CompactArguments {
    #[command(flatten)]
    on: CommandArguments,
}

/// A store that is made anew of what is derived from nothing.
#[derive(Debug, Args)]
pub(crate) struct RepairArguments {
    #[command(flatten)]
    on: CommandArguments,
    /// The store to make, which must be empty: redb:PATH, or postgres://URL
    #[arg(long, value_name = "STORE")]
    to: Location,
}

pub(crate) fn compact(arguments: &CompactArguments) -> Result<(), Failure> {
    let Location::Redb(path) = &arguments.on.store.store else {
        return Err(Failure::new(
            "a database makes room by itself, by VACUUM; only a file is compacted here",
        ));
    };
    // The name is the file's own until the copy takes its place, so a file that is not there is told of here.
    let from = arguments.on.store.open(Need::Existing, recovery_told_once())?;
    let before = room(path)?;
    let anew = beside(path);
    remove_copy(&anew)?;
    let copied = copy(from, &at(&arguments.on.store, Location::Redb(anew.clone())), CopyMode::Exact);
    let tenants = copied.inspect_err(|_| drop(fs::remove_file(&anew)))?;
    let kept = room(path)?;
    let copied = room(&anew)?;
    // A file that has no room to give is as good as its copy.
    if copied < kept {
        replace(&anew, path)?;
    } else {
        remove_copy(&anew)?;
    }
    let row = [
        Cell::number(Some(tenants), ""),
        Cell::number(Some(before), ""),
        Cell::number(Some(copied.min(kept)), ""),
    ];
    Table::begin(arguments.on.form(), ["tenants", "bytesBefore", "bytesAfter"])?.row(row)
}

pub(crate) fn repair(arguments: &RepairArguments) -> Result<(), Failure> {
    let to = at(&arguments.on.store, arguments.to.clone());
    let made = match &arguments.to {
        Location::Redb(path) if path.exists() => {
            return Err(Failure::new(format!(
                "there is a file {} already; name another one",
                path.display()
            )));
        }
        Location::Redb(path) => Some(path),
        Location::Memory => return Err(Failure::new("a store in memory is gone when this command ends")),
        Location::Postgres(_) | Location::Unknown => None,
    };
    let from = arguments.on.store.open(Need::Existing, recovery_told_once())?;
    let copied = copy(from, &to, CopyMode::Rebuilt);
    let tenants = copied.inspect_err(|_| {
        if let Some(path) = made {
            drop(fs::remove_file(path));
        }
    })?;
    let checked = open(&to, Need::Existing)?.check_store(&mut |_, _| ())?;
    let row = [
        Cell::number(Some(tenants), ""),
        Cell::number(Some(checked.rows), ""),
        Cell::number(Some(checked.damaged), ""),
    ];
    Table::begin(arguments.on.form(), ["tenants", "rows", "damagesLeft"])?.row(row)?;
    if checked.damaged == 0 {
        return Ok(());
    }
    let left = checked.damages.iter().map(|damage| format!("{}: {}", damage.slug, damage.what));
    let left = left.collect::<Vec<_>>().join("\n");
    Err(Failure::new(format!("what only a backup has is still missing\n{left}")).of_findings())
}

/// The arguments of the store at another place.
fn at(store: &StoreArguments, location: Location) -> StoreArguments {
    StoreArguments { store: location, ..store.clone() }
}

/// Copies all tenants, and closes both stores.
fn copy(from: OpenStore, to: &StoreArguments, mode: CopyMode) -> Result<u64, Failure> {
    let engine =
        |store: &OpenStore| Engine::with(Arc::clone(&store.store), Environment::system(), Config::default());
    let target = to.open(Need::Answering, recovery_told_once())?;
    let copied = engine(&from).copy_to(&engine(&target), mode, &mut |slug| {
        // Not worth a failure when there is nobody to tell.
        drop(writeln!(io::stderr(), "rally: {slug}"));
    });
    let closed = (target.close)().and_then(|()| (from.close)());
    let copied = copied?;
    closed.map_err(|error| Failure::new(format!("a store was not closed: {error}")))?;
    Ok(copied)
}

/// The name of the copy until it takes the file's place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".compacting");
    PathBuf::from(name)
}

/// Removes a copy that does not take the file's place, if there is one.
fn remove_copy(copy: &Path) -> Result<(), Failure> {
    match fs::remove_file(copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(format!("cannot remove {}, a copy of the file: {error}", copy.display())))
        }
        _ => Ok(()),
    }
}

/// Puts the copy, which is synced, in the file's place: at any moment there is one of the two under its name.
fn replace(copy: &Path, path: &Path) -> Result<(), Failure> {
    let replaced = fs::rename(copy, path);
    #[cfg(unix)]
    let replaced = replaced.and_then(|()| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all())
    });
    replaced.map_err(|error| Failure::new(format!("cannot put {} in place: {error}", copy.display())))
}

/// Bytes that a file takes on the disk, holes left out. Some file systems know them once it is synced.
#[cfg(unix)]
fn room(path: &Path) -> Result<u64, Failure> {
    let file = fs::File::open(path).and_then(|file| file.sync_all().and_then(|()| file.metadata()));
    file.map(|file| std::os::unix::fs::MetadataExt::blocks(&file) * 512)
        .map_err(|error| unmeasured(path, &error))
}

/// Bytes of a file.
#[cfg(not(unix))]
fn room(path: &Path) -> Result<u64, Failure> {
    fs::metadata(path).map(|file| file.len()).map_err(|error| unmeasured(path, &error))
}

fn unmeasured(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot tell the size of {}: {error}", path.display()))
}

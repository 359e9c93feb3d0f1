use std::{
    fmt,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use redb::{Builder, Database, DatabaseError};

use crate::{
    IntegrityCheck, OpenError, Options,
    disk::{Attached, Disk},
    file::{self, Held},
    format::{self, Token},
    recovery::{Recovery, Report},
    snapshot::Newest,
    space::{Space, Unknown},
    storage::Storage,
    watch::Watch,
};

/// The storage and the options with which a database is opened, each time that it must be.
pub(crate) struct Source {
    place: String,
    storage: Arc<Storage>,
    watch: Option<Watch>,
    space: Box<dyn Space>,
    options: Options,
    progress: Report,
}

/// A database that is open.
pub(crate) struct Open {
    /// Stands before the database, so that closing finds no reader and can trim the file.
    pub(crate) newest: Arc<Newest>,
    pub(crate) db: Database,
    pub(crate) disk: Arc<Disk>,
}

impl Source {
    /// A file, which is made if there is none, and held from now on.
    pub(crate) fn file(path: &Path, place: String, options: Options) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from_io(&place, error);
        let initialise =
            |storage: &Arc<Storage>| Self::over(storage.clone(), place.clone(), &options).initialise();
        let Held { storage, file } = file::hold(path, &place, initialise)?;
        if storage.len().map_err(failed)? == 0 {
            return Err(OpenError::Empty { place });
        }
        file::warn_if_open_to_others(&file, &place);
        let watch = Watch::over(path.to_owned(), &file).map_err(failed)?;
        let source = Self::over(storage, place, &options);
        Ok(Self { watch: Some(watch), space: beside(path, file, &options), ..source })
    }

    /// Storage that nobody else has, and that is initialised if it is empty.
    pub(crate) fn backend(storage: Storage, place: String, options: &Options) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from_io(&place, error);
        if !storage.claim().map_err(failed)? {
            return Err(OpenError::InUse { place });
        }
        let is_empty = storage.len().map_err(failed)? == 0;
        let source = Self::over(Arc::new(storage), place, options);
        if is_empty {
            source.initialise()?;
        }
        Ok(source)
    }

    fn over(storage: Arc<Storage>, place: String, options: &Options) -> Self {
        let (options, progress) = (options.clone(), Arc::new(|_| {}));
        Self { place, storage, watch: None, space: Box::new(Unknown), options, progress }
    }

    /// Has the progress of a recovery reported.
    pub(crate) fn with_progress(self, progress: Report) -> Self {
        Self { progress, ..self }
    }

    /// Has another space than the one beside the file.
    #[cfg(test)]
    pub(crate) fn with_space(self, space: Box<dyn Space>) -> Self {
        Self { space, ..self }
    }

    /// The error for a database that has failed.
    pub(crate) fn failed(&self, error: DatabaseError) -> OpenError {
        OpenError::from_database(&self.place, error)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    pub(crate) fn space(&self) -> &dyn Space {
        &*self.space
    }

    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Makes a store of empty storage.
    fn initialise(&self) -> Result<(), OpenError> {
        let (db, disk) = self.open_database()?;
        format::check(&db, &self.place)?;
        db.close().map_err(|error| self.failed(error))?;
        disk.failure().map_or(Ok(()), |error| Err(OpenError::from_io(&self.place, error)))
    }

    /// Opens the database and gives the token of its last commit.
    pub(crate) fn open(&self) -> Result<(Open, Token), OpenError> {
        // A damaged file makes redb panic in places; the caller gets an error all the same.
        panic::catch_unwind(AssertUnwindSafe(|| self.try_open())).unwrap_or_else(|_| {
            Err(OpenError::Damaged { place: self.place.clone(), what: "it cannot be understood".to_owned() })
        })
    }

    fn try_open(&self) -> Result<(Open, Token), OpenError> {
        let (db, disk) = self.open_database()?;
        let token = format::check(&db, &self.place)?;
        let newest = Newest::of(&db)
            .map_err(|error| OpenError::Damaged { place: self.place.clone(), what: error.to_string() })?;
        if let Some(error) = disk.failure() {
            return Err(OpenError::from_io(&self.place, error));
        }
        Ok((Open { newest, db, disk }, token))
    }

    fn open_database(&self) -> Result<(Database, Arc<Disk>), OpenError> {
        let failed = |error| OpenError::from_io(&self.place, error);
        self.storage.repair().map_err(failed)?;
        let bytes = self.storage.len().map_err(failed)?;
        let recovery = Arc::new(Recovery::new(bytes, self.progress.clone()));
        let disk = Arc::new(Disk::new(self.storage.clone(), recovery.clone()).map_err(failed)?);
        let parts = recovery.clone();
        let db = Builder::new()
            .set_cache_size(self.options.cache_bytes)
            .set_check_integrity_on_open(self.options.integrity_check == IntegrityCheck::Always)
            .set_repair_callback(move |session| parts.enter(session.progress()))
            .create_with_backend(Attached(disk.clone()))
            .map_err(|error| disk.failure().map_or_else(|| self.failed(error), failed))?;
        recovery.finish();
        disk.be_strict();
        Ok((db, disk))
    }
}

#[cfg(target_os = "linux")]
fn beside(path: &Path, file: std::fs::File, options: &Options) -> Box<dyn Space> {
    let space = crate::space::Beside::new(path.to_owned(), file, options.reserve_bytes);
    space.hold_back();
    Box::new(space)
}

#[cfg(not(target_os = "linux"))]
fn beside(_path: &Path, _file: std::fs::File, _options: &Options) -> Box<dyn Space> {
    Box::new(Unknown)
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("disk", &self.disk).finish_non_exhaustive()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("place", &self.place)
            .field("storage", &self.storage)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

use std::{
    fmt, io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
};

use redb::{Builder, Database, DatabaseError, StorageBackend};

use crate::{
    IntegrityCheck, OpenError, Options,
    disk::{Disk, Unsynced},
    format::{self, Token},
    recovery::{Recovery, Report},
    snapshot::Newest,
};

/// The storage and the options with which a database is opened, each time that it must be.
pub(crate) struct Source {
    place: String,
    backend: Box<dyn Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync>,
    unsynced: Unsynced,
    options: Options,
    progress: Report,
}

/// A database that is open.
pub(crate) struct Open {
    /// Stands before the database, so that closing finds no reader and can trim the file.
    pub(crate) newest: Arc<Newest>,
    pub(crate) db: Database,
}

/// The content that the storage may have when it is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    MayBeMissing,
    Expected,
}

impl Source {
    pub(crate) fn new(
        place: String,
        backend: impl Fn() -> io::Result<Box<dyn StorageBackend>> + Send + Sync + 'static,
        options: Options,
    ) -> Self {
        Self {
            place,
            backend: Box::new(backend),
            unsynced: Unsynced::default(),
            options,
            progress: Arc::new(|_| {}),
        }
    }

    /// Has the progress of a recovery reported.
    pub(crate) fn with_progress(self, progress: Report) -> Self {
        Self { progress, ..self }
    }

    /// The error for a database that has failed.
    pub(crate) fn failed(&self, error: DatabaseError) -> OpenError {
        OpenError::from_database(&self.place, error)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Opens the database and gives the token of its last commit.
    pub(crate) fn open(&self, content: Content) -> Result<(Open, Token), OpenError> {
        // A damaged file makes redb panic in places; the caller gets an error all the same.
        panic::catch_unwind(AssertUnwindSafe(|| self.try_open(content))).unwrap_or_else(|_| {
            Err(OpenError::Damaged { place: self.place.clone(), what: "it cannot be understood".to_owned() })
        })
    }

    fn try_open(&self, content: Content) -> Result<(Open, Token), OpenError> {
        let backend = (self.backend)().map_err(|error| OpenError::from_io(&self.place, error))?;
        let bytes = backend.len().map_err(|error| OpenError::from_io(&self.place, error))?;
        if bytes == 0 && content == Content::Expected {
            return Err(OpenError::Empty { place: self.place.clone() });
        }
        let mut builder = self.builder();
        let recovery = Arc::new(Recovery::new(bytes, self.progress.clone()));
        let parts = recovery.clone();
        builder.set_repair_callback(move |session| parts.enter(session.progress()));
        let disk = Disk::new(backend, self.unsynced.clone(), recovery.clone());
        let db = builder.create_with_backend(disk).map_err(|error| self.failed(error))?;
        recovery.finish();
        let token = format::check(&db, &self.place)?;
        let newest = Newest::of(&db)
            .map_err(|error| OpenError::Damaged { place: self.place.clone(), what: error.to_string() })?;
        Ok((Open { newest, db }, token))
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.options.cache_bytes);
        builder.set_check_integrity_on_open(self.options.integrity_check == IntegrityCheck::Always);
        builder
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("place", &self.place)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

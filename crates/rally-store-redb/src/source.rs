use std::{
    cell::Cell,
    fmt,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use redb::{Builder, Database, DatabaseError};

use crate::{
    IntegrityCheck, OpenError, Options, conversion,
    disk::{Attached, Disk},
    file::{self, Held},
    format,
    journal::{Journal, Mark, Replay},
    layers::{Filling, Layer, Layers},
    layout::{FORMAT, Layout},
    record,
    recovery::{Recovery, Report},
    space::{Space, Unknown},
    storage::Storage,
    tree::{Numbers, Tree},
    watch::Watch,
};

/// The storage and the options with which a database is opened, each time that it must be.
pub(crate) struct Source {
    place: String,
    storage: Arc<Storage>,
    layout: Layout,
    /// Set once a file of an older format has been converted.
    is_converted: AtomicBool,
    numbers: Arc<Numbers>,
    watch: Option<Watch>,
    space: Box<dyn Space>,
    options: Options,
    progress: Report,
}

/// A database that is open.
pub(crate) struct Open {
    /// Stands before the database, so that closing finds no reader and can trim the file.
    pub(crate) tree: Arc<Tree>,
    pub(crate) layers: Layers,
    pub(crate) db: Database,
    pub(crate) disk: Arc<Disk>,
}

/// The journal of a file that has just been opened.
pub(crate) struct Replayed {
    pub(crate) journal: Journal,
    /// The moment up to which it was folded.
    pub(crate) folded: Mark,
}

impl Source {
    /// A file, which is made if there is none, and held from now on.
    pub(crate) fn file(path: &Path, place: String, options: Options) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from_io(&place, error);
        let layout = Layout::new(options.journal_bytes);
        let initialise = |storage: &Arc<Storage>| {
            Self::over(storage.clone(), layout, place.clone(), &options).initialise()
        };
        let Held { storage, file } = file::hold(path, &place, initialise)?;
        if storage.len().map_err(failed)? == 0 {
            return Err(OpenError::Empty { place });
        }
        file::warn_if_open_to_others(&file, &place);
        let watch = Watch::over(path.to_owned(), &file).map_err(failed)?;
        let layout = Layout::read(&storage, &place)?;
        let source = Self::over(storage, layout, place, &options);
        Ok(Self { watch: Some(watch), space: beside(path, file, &options), ..source })
    }

    /// Storage that nobody else has, and that is initialised if it is empty.
    pub(crate) fn backend(storage: Storage, place: String, options: &Options) -> Result<Self, OpenError> {
        let failed = |error| OpenError::from_io(&place, error);
        if !storage.claim().map_err(failed)? {
            return Err(OpenError::InUse { place });
        }
        if storage.len().map_err(failed)? == 0 {
            let source = Self::over(Arc::new(storage), Layout::new(options.journal_bytes), place, options);
            source.initialise()?;
            return Ok(source);
        }
        let layout = Layout::read(&storage, &place)?;
        Ok(Self::over(Arc::new(storage), layout, place, options))
    }

    fn over(storage: Arc<Storage>, layout: Layout, place: String, options: &Options) -> Self {
        Self {
            place,
            storage,
            layout,
            is_converted: AtomicBool::new(false),
            numbers: Arc::default(),
            watch: None,
            space: Box::new(Unknown),
            options: options.clone(),
            progress: Arc::new(|_| {}),
        }
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

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn numbers(&self) -> &Arc<Numbers> {
        &self.numbers
    }

    pub(crate) fn space(&self) -> &dyn Space {
        &*self.space
    }

    /// Gives back the space that the journal takes on the disk, once nothing is in it.
    pub(crate) fn give_back_journal(&self) {
        self.space.give_back(self.layout.journal_start()..self.layout.tree_start());
    }

    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// Makes a store of empty storage, which is one once its head is written.
    fn initialise(&self) -> Result<(), OpenError> {
        let failed = |error| OpenError::from_io(&self.place, error);
        let (db, disk, _) = self.open_database()?;
        format::initialise(&db).map_err(|error| format::failed(&self.place, error))?;
        db.close().map_err(|error| self.failed(error))?;
        if let Some(error) = disk.failure() {
            return Err(failed(error));
        }
        self.storage.write_vital(0, &self.layout.head()).and_then(|()| self.storage.sync()).map_err(failed)
    }

    /// Opens the database and its journal.
    pub(crate) fn open(&self) -> Result<(Open, Replayed), OpenError> {
        // A damaged file makes redb panic in places; the caller gets an error all the same.
        panic::catch_unwind(AssertUnwindSafe(|| self.try_open())).unwrap_or_else(|_| {
            Err(OpenError::Damaged { place: self.place.clone(), what: "it cannot be understood".to_owned() })
        })
    }

    fn try_open(&self) -> Result<(Open, Replayed), OpenError> {
        self.convert()?;
        let (db, disk, was_recovered) = self.open_database()?;
        let folded = format::folded(&db, &self.place)?;
        let (active, journal) = self.replay(folded, disk.was_closed(), was_recovered)?;
        let tree = Tree::of(&db, &self.numbers)
            .map_err(|error| OpenError::Damaged { place: self.place.clone(), what: error.to_string() })?;
        if let Some(error) = disk.failure() {
            return Err(OpenError::from_io(&self.place, error));
        }
        let aside = Arc::new(format::aside(&db, &self.place)?);
        let layers = Layers { active, frozen: None, aside };
        Ok((Open { tree, layers, db, disk }, Replayed { journal, folded }))
    }

    /// Converts a file of an older format, which is one of the newest once its head says so.
    fn convert(&self) -> Result<(), OpenError> {
        let Some(from) = self.layout.older_format().filter(|_| !self.is_converted.load(Ordering::Acquire))
        else {
            return Ok(());
        };
        let failed = |error| OpenError::from_io(&self.place, error);
        tracing::info!("{} is converted from file format {from} to {FORMAT}", self.place);
        let (db, disk, _) = self.open_database()?;
        let told = Cell::new(None);
        let tell = |done: f64| {
            if told.replace(Some(done)) != Some(done) {
                (self.progress)(done);
            }
        };
        conversion::run(&db, from, &tell).map_err(|error| format::failed(&self.place, error))?;
        db.close().map_err(|error| self.failed(error))?;
        if let Some(error) = disk.failure() {
            return Err(failed(error));
        }
        let head = Layout::new(self.layout.journal_bytes()).head();
        self.storage.write_vital(0, &head).and_then(|()| self.storage.sync()).map_err(failed)?;
        self.is_converted.store(true, Ordering::Release);
        Ok(())
    }

    /// Opens redb's part, and says whether redb had to recover it.
    fn open_database(&self) -> Result<(Database, Arc<Disk>, bool), OpenError> {
        let failed = |error| OpenError::from_io(&self.place, error);
        self.storage.repair().map_err(failed)?;
        let start = self.layout.tree_start();
        let bytes = self.storage.len().map_err(failed)?.saturating_sub(start);
        let recovery = Arc::new(Recovery::new(bytes, self.progress.clone()));
        let disk = Arc::new(Disk::new(self.storage.clone(), start, recovery.clone()).map_err(failed)?);
        let parts = recovery.clone();
        let db = Builder::new()
            .set_cache_size(self.options.cache_bytes)
            .set_check_integrity_on_open(self.options.integrity_check == IntegrityCheck::Always)
            .set_repair_callback(move |session| parts.enter(session.progress()))
            .create_with_backend(Attached(disk.clone()))
            .map_err(|error| disk.failure().map_or_else(|| self.failed(error), failed))
            .map_err(|error| match error {
                // The head of the file says otherwise.
                OpenError::NotRally { place } => {
                    OpenError::Damaged { place, what: "its tree is not what was written".to_owned() }
                }
                error => error,
            })?;
        let was_recovered = recovery.finish();
        disk.be_strict();
        Ok((db, disk, was_recovered))
    }

    /// Reads what the journal has and the tree has not.
    fn replay(&self, folded: Mark, was_closed: bool, is_quiet: bool) -> Result<(Layer, Journal), OpenError> {
        let replay = || Replay::new(&self.storage, self.layout, &self.place, folded);
        let total = replay().bytes()?;
        let (mut filling, mut done, mut told) = (Filling::default(), 0u64, None);
        let mut tell = |done: u64| {
            let percent =
                u32::try_from(done.saturating_mul(100).checked_div(total).unwrap_or(100)).unwrap_or(100);
            if !is_quiet && told.is_none_or(|told| told < percent) {
                told = Some(percent);
                (self.progress)(f64::from(percent.min(100)) / 100.0);
            }
        };
        if total > 0 {
            tell(0);
        }
        let journal = replay().visit(|body, bytes| {
            record::visit(body, |tenant, key, value| {
                // A slice of a record would hold on to all of it.
                filling.put(tenant, key, value.map(|value| Bytes::copy_from_slice(&value)));
            })?;
            done = done.saturating_add(bytes);
            tell(done);
            Some(())
        })?;
        let layer = Layer { end: journal.end(), ..filling.finish() };
        if total > 0 || !was_closed {
            replay().check_end(layer.end)?;
        }
        if total > 0 {
            tell(total);
            let commits = layer.end.number.saturating_sub(folded.number);
            tracing::info!(
                "{} has been read again up to its last commit: {commits} of its journal",
                self.place
            );
        }
        Ok((layer, journal))
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

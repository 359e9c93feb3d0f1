use std::{
    io,
    ops::{Bound, Range},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

use crate::{
    pages,
    recovery::Recovery,
    storage::{Io, Storage, place},
    verify::Verifier,
};

/// The pages that are written between two syncs, in bytes: a sync of the journal waits for those of the tree, too, so that
/// there are never many.
const BURST_BYTES: usize = 1 << 20;

/// The bytes of the head that are of interest.
const HEAD_LEN: usize = 512;
const HEAD_BYTES: u64 = 512;

/// The storage as one database sees it, from its opening to its end.
///
/// redb refuses all reads of a database whose disk has failed once. This disk never tells it that a write or a sync has
/// failed: from then on it changes nothing, so that what was committed can still be read, and the store asks it after
/// each commit. Pages that redb takes for written but are not are unreadable, which ends the transaction that needs one.
///
/// The head of the file, which makes a commit, reaches the storage at a sync and after all else, so that a commit that
/// fails before has left no trace.
#[derive(Debug)]
pub(crate) struct Disk {
    storage: Arc<Storage>,
    /// The place in the storage at which redb's part of it begins.
    start: u64,
    recovery: Arc<Recovery>,
    verifier: Verifier,
    was_closed: bool,
    /// Set once there is a failure, so that reading needs no lock before.
    has_failed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The head that the next sync writes.
    head: Option<Vec<u8>>,
    /// Set once a head may have been written since the commit began.
    is_head_written: bool,
    /// The bytes that were written since the last sync.
    unsynced_bytes: usize,
    failure: Option<Failure>,
}

/// The end of all changes.
#[derive(Debug)]
struct Failure {
    error: io::Error,
    /// The length that redb takes the storage to have.
    len: Option<u64>,
    /// The ranges that redb takes for written.
    missing: Vec<Range<u64>>,
}

/// The disk as redb has it.
#[derive(Debug)]
pub(crate) struct Attached(pub(crate) Arc<Disk>);

impl Disk {
    /// The disk of a database that is about to be opened, from a place in the storage on.
    pub(crate) fn new(storage: Arc<Storage>, start: u64, recovery: Arc<Recovery>) -> Io<Self> {
        let verifier = Verifier::default();
        let mut was_closed = false;
        if storage.len()? >= start.saturating_add(HEAD_BYTES) {
            let mut head = [0; HEAD_LEN];
            storage.read(start, &mut head)?;
            verifier.begin(&head);
            was_closed = !pages::needs_recovery(&head);
        }
        let (has_failed, state) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { storage, start, recovery, verifier, was_closed, has_failed, state })
    }

    /// True if whoever had it before has closed it.
    pub(crate) fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Takes pages for damaged, from now on, that are not what the pages above them say.
    pub(crate) fn be_strict(&self) {
        self.verifier.be_strict();
    }

    /// Makes a damaged page one that redb reports as such.
    fn verify(&self, offset: u64, page: &mut [u8]) {
        if !self.verifier.is_right(offset, page) {
            tracing::error!(offset, "a page of the file is damaged; restore the file from a backup");
            pages::make_unreadable(page);
        }
    }

    /// Takes note that a commit begins.
    pub(crate) fn begin_commit(&self) {
        self.state.lock().is_head_written = false;
    }

    /// True if it is certain that nothing of the commit that has begun last is in the storage.
    pub(crate) fn has_no_trace(&self) -> bool {
        !self.state.lock().is_head_written
    }

    /// True once nothing is changed any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// The error after which nothing was changed any more, if there was one.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        let state = self.state.lock();
        state.failure.as_ref().map(|failure| io::Error::new(failure.error.kind(), failure.error.to_string()))
    }

    /// Ends all changes.
    pub(crate) fn freeze(&self, error: io::Error) {
        self.fail(&mut self.state.lock(), error);
    }

    fn fail<'s>(&self, state: &'s mut State, error: io::Error) -> &'s mut Failure {
        self.has_failed.store(true, Ordering::Release);
        state.failure.get_or_insert(Failure { error, len: None, missing: Vec::new() })
    }

    /// Reads what redb takes to be there, and says whether it is.
    fn read_with_care(&self, offset: u64, out: &mut [u8]) -> Io<bool> {
        let wanted = place(offset, out.len());
        let state = self.state.lock();
        let missing = state.failure.iter().flat_map(|failure| &failure.missing);
        if missing.clone().any(|range| range.start < wanted.end && wanted.start < range.end) {
            pages::make_unreadable(out);
            return Ok(false);
        }
        self.storage.read(self.place(offset), out)?;
        if offset == 0
            && let Some(head) = &state.head
        {
            out.iter_mut().zip(head).for_each(|(byte, new)| *byte = *new);
        }
        Ok(true)
    }

    fn write_head(&self) -> Io<()> {
        let mut state = self.state.lock();
        if let Some(head) = state.head.take() {
            state.is_head_written = true;
            self.storage.write_vital(self.start, &head)?;
        }
        Ok(())
    }

    fn place(&self, offset: u64) -> u64 {
        self.start.saturating_add(offset)
    }
}

#[deny(clippy::missing_trait_methods)]
impl StorageBackend for Attached {
    fn len(&self) -> Io<u64> {
        match self.0.state.lock().failure.as_ref().and_then(|failure| failure.len) {
            Some(len) => Ok(len),
            None => Ok(self.0.storage.len()?.saturating_sub(self.0.start)),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        self.0.recovery.read(out.len());
        let is_there = if offset == 0 || self.0.has_failed.load(Ordering::Acquire) {
            self.0.read_with_care(offset, out)?
        } else {
            self.0.storage.read(self.0.place(offset), out)?;
            true
        };
        if is_there && offset != 0 {
            self.0.verify(offset, out);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Io<()> {
        let mut state = self.0.state.lock();
        if state.failure.is_none()
            && let Err(error) = self.0.storage.set_len(self.0.place(len))
        {
            self.0.fail(&mut state, error);
        }
        if let Some(failure) = &mut state.failure {
            failure.len = Some(len);
        }
        Ok(())
    }

    fn sync_data(&self) -> Io<()> {
        if self.0.state.lock().failure.is_none()
            && let Err(error) = self.0.write_head().and_then(|()| self.0.storage.sync())
        {
            self.0.freeze(error);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        let mut state = self.0.state.lock();
        if offset == 0 {
            state.head = Some(data.to_vec());
            return Ok(());
        }
        if state.failure.is_none() {
            match self.0.storage.write(self.0.place(offset), data) {
                Ok(()) => self.0.verifier.wrote(offset, data),
                Err(error) => drop(self.0.fail(&mut state, error)),
            }
        }
        state.unsynced_bytes = state.unsynced_bytes.saturating_add(data.len());
        if state.unsynced_bytes >= BURST_BYTES && state.failure.is_none() {
            state.unsynced_bytes = 0;
            if let Err(error) = self.0.storage.sync() {
                self.0.fail(&mut state, error);
            }
        }
        if let Some(failure) = &mut state.failure {
            failure.missing.push(place(offset, data.len()));
        }
        Ok(())
    }

    /// Leaves the storage open, as it outlives this database.
    fn close(&self) -> Io<()> {
        Ok(())
    }

    // The storage is locked as a whole, for longer than this database.

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn try_lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(true)
    }

    fn lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn lock_shared_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), BackendError> {
        Ok(())
    }

    fn query_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, BackendError> {
        Ok(false)
    }
}

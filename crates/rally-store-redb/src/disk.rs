use std::{
    ops::{Bound, Range},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

use crate::recovery::Recovery;

/// The most that is rewritten at once.
const CHUNK_BYTES: usize = 1 << 20;

/// The ranges of a file that were written since it was last synced. They outlive the backend that wrote them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unsynced(Arc<Mutex<Vec<Range<u64>>>>);

/// A backend that repairs what a failed sync left behind.
///
/// After a failed `fsync` Linux holds the pages for clean, so that reading shows what was written while the disk lacks
/// it, and the next sync succeeds without writing it. So whatever was not synced is written again before anything is
/// read from a file that is opened again; when that has been synced, what is read is what the disk has.
#[derive(Debug)]
pub(crate) struct Disk {
    inner: Box<dyn StorageBackend>,
    unsynced: Unsynced,
    repaired: AtomicBool,
    recovery: Arc<Recovery>,
}

type Io<T> = Result<T, std::io::Error>;

impl Disk {
    pub(crate) fn new(inner: Box<dyn StorageBackend>, unsynced: Unsynced, recovery: Arc<Recovery>) -> Self {
        Self { inner, unsynced, repaired: AtomicBool::new(false), recovery }
    }
    /// Runs at the first read, because redb has locked the file by then and has yet to look at it.
    fn repair(&self) -> Io<()> {
        if self.repaired.load(Ordering::Acquire) {
            return Ok(());
        }
        let doubtful = self.unsynced.0.lock().clone();
        if !doubtful.is_empty() {
            let end = self.inner.len()?;
            doubtful.into_iter().try_for_each(|range| self.rewrite(range.start..range.end.min(end)))?;
            self.sync_data()?;
        }
        self.repaired.store(true, Ordering::Release);
        Ok(())
    }

    fn rewrite(&self, range: Range<u64>) -> Io<()> {
        let mut buffer = vec![0; CHUNK_BYTES];
        for start in range.clone().step_by(CHUNK_BYTES) {
            // More than a `usize` holds is more than a chunk.
            buffer.truncate(usize::try_from(range.end - start).unwrap_or(CHUNK_BYTES));
            self.inner.read(start, &mut buffer)?;
            self.inner.write(start, &buffer)?;
        }
        Ok(())
    }
}

impl Unsynced {
    #[expect(clippy::expect_used, reason = "no machine has addresses of more than 64 bits")]
    fn note(&self, offset: u64, bytes: usize) {
        let end = offset.saturating_add(u64::try_from(bytes).expect("a length has at most 64 bits"));
        let mut ranges = self.0.lock();
        match ranges.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => ranges.push(offset..end),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl StorageBackend for Disk {
    fn len(&self) -> Io<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        self.repair()?;
        self.recovery.read(out.len());
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Io<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> Io<()> {
        let synced = std::mem::take(&mut *self.unsynced.0.lock());
        self.inner.sync_data().inspect_err(|_| self.unsynced.0.lock().extend(synced))
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.unsynced.note(offset, data.len());
        self.inner.write(offset, data)
    }

    fn close(&self) -> Io<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

/// Memory that outlives the database in it, so that it can be opened again.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedMemory(Arc<redb::backends::InMemoryBackend>);

impl StorageBackend for SharedMemory {
    fn len(&self) -> Io<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Io<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Io<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.0.write(offset, data)
    }
}

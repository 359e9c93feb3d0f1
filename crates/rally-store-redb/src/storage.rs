use std::{fmt, io, ops::Bound, ops::Range};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

/// The most that is rewritten at once.
const CHUNK_BYTES: usize = 1 << 20;

pub(crate) type Io<T> = Result<T, io::Error>;

/// The bytes of a store. They are held and locked as long as the store is, whichever databases are opened on them.
///
/// After a failed `fsync` Linux holds the pages for clean, so that reading shows what was written while the disk lacks
/// it, and the next sync succeeds without writing it. So it is remembered which ranges were written and not synced.
pub(crate) struct Storage {
    inner: Box<dyn StorageBackend>,
    unsynced: Mutex<Vec<Range<u64>>>,
}

impl Storage {
    pub(crate) fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self { inner, unsynced: Mutex::default() }
    }

    /// Locks all of the storage against other processes, and says whether that succeeded. A backend without locks is
    /// nobody else's.
    pub(crate) fn claim(&self) -> Io<bool> {
        match self.inner.try_lock_range(Bound::Unbounded, Bound::Unbounded) {
            Ok(is_locked) => Ok(is_locked),
            Err(BackendError::Unsupported) => Ok(true),
            Err(BackendError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    pub(crate) fn len(&self) -> Io<u64> {
        self.inner.len()
    }

    pub(crate) fn read(&self, offset: u64, out: &mut [u8]) -> Io<()> {
        self.inner.read(offset, out)
    }

    pub(crate) fn set_len(&self, len: u64) -> Io<()> {
        self.inner.set_len(len)
    }

    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        let written = self.inner.write(offset, data);
        // A page of which only a part was written belongs to no commit, and its place may be a hole that no disk space
        // is left for. The head is always there, and all of it matters.
        if written.is_ok() || offset == 0 {
            self.note(offset, data.len());
        }
        written
    }

    pub(crate) fn sync(&self) -> Io<()> {
        let synced = std::mem::take(&mut *self.unsynced.lock());
        self.inner.sync_data().inspect_err(|_| self.unsynced.lock().extend(synced))
    }

    /// Writes and syncs once more whatever was not synced, so that what is read from then on is what the disk has.
    pub(crate) fn repair(&self) -> Io<()> {
        let doubtful = self.unsynced.lock().clone();
        if doubtful.is_empty() {
            return Ok(());
        }
        let end = self.len()?;
        doubtful.into_iter().try_for_each(|range| self.rewrite(range.start..range.end.min(end)))?;
        self.sync()
    }

    /// Ends all use of the storage, and the locks on it.
    pub(crate) fn close(&self) -> Io<()> {
        self.inner.close()
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

    fn note(&self, offset: u64, bytes: usize) {
        let written = place(offset, bytes);
        let mut ranges = self.unsynced.lock();
        match ranges.last_mut() {
            Some(last) if last.end == offset => last.end = written.end,
            _ => ranges.push(written),
        }
    }
}

/// The range of so many bytes at an offset.
#[expect(clippy::expect_used, reason = "no machine has addresses of more than 64 bits")]
pub(crate) fn place(offset: u64, bytes: usize) -> Range<u64> {
    offset..offset.saturating_add(u64::try_from(bytes).expect("a length has at most 64 bits"))
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("inner", &self.inner).finish_non_exhaustive()
    }
}

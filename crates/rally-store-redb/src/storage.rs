use std::{
    fmt, io,
    ops::{Bound, Range},
    sync::atomic::{AtomicBool, Ordering},
};

use parking_lot::Mutex;
use redb::{BackendError, StorageBackend};

#[cfg(target_os = "linux")]
use crate::through::Through;

/// The most that is rewritten at once.
const CHUNK_BYTES: usize = 1 << 20;

pub(crate) type Io<T> = Result<T, io::Error>;

/// The bytes of a store. They are held and locked as long as the store is, whichever databases are opened on them.
///
/// After a failed `fsync` Linux holds the pages for clean, so that reading shows what was written while the disk lacks
/// it, and the next sync succeeds without writing it. So it is remembered which ranges were written and not synced.
pub(crate) struct Storage {
    inner: Box<dyn StorageBackend>,
    /// Writes that need no sync, where the bytes are a file's and the system can do them.
    #[cfg(target_os = "linux")]
    through: Option<Through>,
    unsynced: Mutex<Vec<Range<u64>>>,
    /// Set from a failure on after which nobody knows what the disk has, until it is repaired.
    is_doubtful: AtomicBool,
    /// Held during a sync, as of two at once one may succeed for what the other has failed to write.
    syncing: Mutex<()>,
}

impl Storage {
    pub(crate) fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self {
            inner,
            #[cfg(target_os = "linux")]
            through: None,
            unsynced: Mutex::default(),
            is_doubtful: AtomicBool::new(false),
            syncing: Mutex::default(),
        }
    }

    /// The same storage with another way of writing to it.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_through(self, through: Option<Through>) -> Self {
        Self { through, ..self }
    }

    /// True while nobody knows what the disk has.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.is_doubtful.load(Ordering::Acquire)
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

    /// Writes what belongs to no commit yet, so that it does not matter if only a part of it is written.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> Io<()> {
        // The place of a part may be a hole that no disk space is left for, so it is not to be written again.
        self.inner.write(offset, data).inspect(|()| self.note(offset, data.len()))
    }

    /// Writes what makes a commit, of which any part matters. Its place is the file's.
    pub(crate) fn write_vital(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.note(offset, data.len());
        self.inner.write(offset, data).inspect_err(|_| self.is_doubtful.store(true, Ordering::Release))
    }

    /// Writes what makes a commit, and makes it durable: no more than that, if possible. Its place is the file's.
    pub(crate) fn commit(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.check()?;
        match self.write_through(offset, data) {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                self.note(offset, data.len());
                self.is_doubtful.store(true, Ordering::Release);
                Err(error)
            }
            None => self.write_vital(offset, data).and_then(|()| self.sync()),
        }
    }

    /// Writes what is nothing without a commit that comes after it, and is durable at the latest with that.
    pub(crate) fn prepare(&self, offset: u64, data: &[u8]) -> Io<()> {
        self.write_through(offset, data).unwrap_or_else(|| self.write(offset, data))
    }

    #[cfg(target_os = "linux")]
    fn write_through(&self, offset: u64, data: &[u8]) -> Option<Io<()>> {
        self.through.as_ref()?.write(offset, data)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_through(&self, _offset: u64, _data: &[u8]) -> Option<Io<()>> {
        None
    }

    pub(crate) fn sync(&self) -> Io<()> {
        let _syncing = self.syncing.lock();
        self.check()?;
        self.sync_all()
    }

    fn check(&self) -> Io<()> {
        if self.is_doubtful() {
            return Err(io::Error::other("what was written before may not be on the disk"));
        }
        Ok(())
    }

    fn sync_all(&self) -> Io<()> {
        let synced = std::mem::take(&mut *self.unsynced.lock());
        self.inner.sync_data().inspect_err(|_| {
            self.unsynced.lock().extend(synced);
            self.is_doubtful.store(true, Ordering::Release);
        })
    }

    /// Writes and syncs once more whatever was not synced, so that what is read from then on is what the disk has.
    /// Nobody else writes meanwhile.
    pub(crate) fn repair(&self) -> Io<()> {
        let _syncing = self.syncing.lock();
        let doubtful = self.unsynced.lock().clone();
        if !doubtful.is_empty() {
            let end = self.len()?;
            doubtful.into_iter().try_for_each(|range| self.rewrite(range.start..range.end.min(end)))?;
            self.sync_all()?;
        }
        self.is_doubtful.store(false, Ordering::Release);
        Ok(())
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

//! A backend whose calls fail on demand, and are counted.

use std::{
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use redb::StorageBackend;

use crate::crash_backend::{CrashBackend, CrashDisk};

/// The calls to a disk that fail, counted over all backends that it gives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Plan>);

#[derive(Debug, Default)]
struct Plan {
    calls: AtomicUsize,
    syncs: AtomicUsize,
    failing: Mutex<Range<usize>>,
}

#[derive(Debug)]
pub(crate) struct FaultyBackend {
    disk: CrashDisk,
    inner: CrashBackend,
    faults: Faults,
}

impl Faults {
    /// A backend over a disk, whose calls are counted and fail on demand.
    pub(crate) fn backend(&self, disk: &CrashDisk) -> FaultyBackend {
        FaultyBackend { inner: disk.backend(), disk: disk.clone(), faults: self.clone() }
    }

    /// Lets so many calls pass from now on, then fails so many.
    pub(crate) fn fail(&self, after: usize, calls: usize) {
        let start = self.0.calls.load(Ordering::SeqCst) + after;
        *self.0.failing.lock() = start..start.saturating_add(calls);
    }

    /// Ends all faults, and says whether there was one since [`Faults::fail`].
    pub(crate) fn heal(&self) -> bool {
        let failing = std::mem::take(&mut *self.0.failing.lock());
        self.0.calls.load(Ordering::SeqCst) > failing.start
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn syncs(&self) -> usize {
        self.0.syncs.load(Ordering::SeqCst)
    }

    fn call(&self) -> io::Result<()> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        if self.0.failing.lock().contains(&call) { Err(io::Error::other("injected fault")) } else { Ok(()) }
    }
}

impl StorageBackend for FaultyBackend {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.faults.call()?;
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.faults.call()?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.0.syncs.fetch_add(1, Ordering::SeqCst);
        self.faults.call().inspect_err(|_| self.disk.fail_sync())?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.faults.call()?;
        self.inner.write(offset, data)
    }
}

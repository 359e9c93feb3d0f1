use std::{fmt::Debug, ops::Range};
#[cfg(target_os = "linux")]
use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

#[cfg(target_os = "linux")]
use parking_lot::Mutex;

/// The space on a disk, and the part of it that is held back so that records can be deleted when the rest is used up.
pub(crate) trait Space: Debug + Send + Sync {
    /// The bytes that are free, if that can be known.
    fn free_bytes(&self) -> Option<u64>;

    /// The bytes that the file takes on the disk, its holes left out, if that can be known.
    fn taken_bytes(&self) -> Option<u64> {
        None
    }

    /// Gives up the space that is held back.
    fn release(&self);

    /// Holds space back, as much as there is up to the reserve.
    fn hold_back(&self);

    /// Gives up the space that a part of the file takes, whose content is of no use any more, if that is possible.
    fn give_back(&self, part: Range<u64>) {
        let _ = part;
    }
}

/// Space of which nothing is known.
#[derive(Debug)]
pub(crate) struct Unknown;

impl Space for Unknown {
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn release(&self) {}

    fn hold_back(&self) {}
}

/// The space beside a file. It is held back by a file without a name, which ends with the process.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct Beside {
    path: PathBuf,
    file: File,
    reserve_bytes: u64,
    /// The file that holds space back, once there was enough for one.
    reserve: Mutex<Option<File>>,
}

/// The least that is worth holding back.
#[cfg(target_os = "linux")]
const LEAST_BYTES: u64 = 64 << 10;

#[cfg(target_os = "linux")]
impl Beside {
    pub(crate) fn new(path: PathBuf, file: File, reserve_bytes: u64) -> Self {
        Self { path, file, reserve_bytes, reserve: Mutex::new(None) }
    }

    fn unnamed(&self) -> io::Result<File> {
        let path = crate::file::aside(&self.path, crate::file::RESERVE)?;
        let file = crate::file::private(&path)?;
        fs::remove_file(path)?;
        Ok(file)
    }
}

#[cfg(target_os = "linux")]
impl Space for Beside {
    fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::fstatvfs(&self.file).ok()?;
        disk.f_bavail.checked_mul(disk.f_frsize)
    }

    fn taken_bytes(&self) -> Option<u64> {
        /// Bytes of the unit that the system counts in, whatever the file system has.
        const BLOCK: u64 = 512;
        std::os::unix::fs::MetadataExt::blocks(&self.file.metadata().ok()?).checked_mul(BLOCK)
    }

    fn release(&self) {
        if let Some(file) = &*self.reserve.lock() {
            // What cannot be given up is still there for the next time.
            drop(file.set_len(0));
        }
    }

    fn hold_back(&self) {
        let mut reserve = self.reserve.lock();
        if reserve.is_none() {
            *reserve = self.unnamed().ok();
        }
        let Some(file) = &*reserve else { return };
        let mut bytes = self.reserve_bytes;
        while bytes >= LEAST_BYTES {
            match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
                Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => bytes /= 2,
                // A file system that cannot do this has no reserve.
                Ok(()) | Err(_) => return,
            }
        }
    }

    fn give_back(&self, part: Range<u64>) {
        use rustix::fs::FallocateFlags;

        // A file system that cannot do this keeps the space.
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = rustix::fs::fallocate(&self.file, flags, part.start, part.end.saturating_sub(part.start));
    }
}

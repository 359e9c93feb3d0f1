//! Writes through the system's cache: each is durable when it returns, and waits for no other bytes of the file. A sync waits
//! for all that was written before it, so that a commit would wait for the pages of the tree, too.

use std::{
    fs::{File, OpenOptions},
    io::{self, IoSlice},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use rustix::io::{Errno, ReadWriteFlags};

use crate::{file::identity, storage::Io};

/// A handle on a file that is for such writes alone: the system tells each handle once of a write that has failed behind its
/// back, so what it tells this one it still tells the one that syncs.
#[derive(Debug)]
pub(crate) struct Through {
    file: File,
    /// Set once the file system has refused such a write.
    is_refused: AtomicBool,
}

impl Through {
    /// Another handle on a file that is held; `None` if its path leads to another one by now, or to none.
    pub(crate) fn on(path: &Path, held: &File) -> Option<Self> {
        let file = OpenOptions::new().write(true).open(path).ok()?;
        let [own, held] = [&file, held].map(|file| file.metadata().ok().as_ref().and_then(identity));
        if own.is_none() || own != held {
            return None;
        }
        Some(Self { file, is_refused: AtomicBool::new(false) })
    }

    /// Writes bytes that are durable then; `None` where the file system cannot do that, and nothing is written.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) -> Option<Io<()>> {
        if self.is_refused.load(Ordering::Relaxed) {
            return None;
        }
        match self.write_all(offset, data) {
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.is_refused.store(true, Ordering::Relaxed);
                None
            }
            written => Some(written.map_err(io::Error::from)),
        }
    }

    fn write_all(&self, mut offset: u64, mut data: &[u8]) -> Result<(), Errno> {
        while !data.is_empty() {
            let written = match rustix::io::pwritev2(
                &self.file,
                &[IoSlice::new(data)],
                offset,
                ReadWriteFlags::DSYNC,
            ) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error),
            };
            offset = offset.saturating_add(crate::record::place(written));
            data = data.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::storage::Storage;

    /// A handle that nothing can be written to.
    fn broken(is_refused: bool) -> Through {
        Through { file: File::open("/dev/null").unwrap(), is_refused: AtomicBool::new(is_refused) }
    }

    fn storage(through: Option<Through>) -> Storage {
        Storage::new(Box::new(InMemoryBackend::new())).with_through(through)
    }

    #[test]
    fn what_makes_a_commit_is_written_through_without_a_sync_of_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"......").unwrap();
        let storage = storage(Through::on(&path, &File::open(&path).unwrap()));
        storage.commit(2, b"abc").unwrap();
        storage.prepare(5, b"d").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"..abcd");
        assert_eq!(storage.len().unwrap(), 0, "the other way to write is not used");
    }

    #[test]
    fn where_the_system_cannot_write_through_a_commit_is_written_and_synced() {
        for through in [None, Some(broken(true))] {
            let storage = storage(through);
            storage.set_len(8).unwrap();
            storage.commit(2, b"abc").unwrap();
            storage.prepare(5, b"d").unwrap();
            let mut found = [0; 8];
            storage.read(0, &mut found).unwrap();
            assert_eq!(&found, b"\0\0abcd\0\0");
        }
    }

    #[test]
    fn after_a_commit_that_could_not_be_written_nobody_knows_what_the_disk_has() {
        let storage = storage(Some(broken(false)));
        assert!(storage.prepare(0, b"a").is_err());
        assert!(!storage.is_doubtful(), "what belongs to no commit may fail");
        assert!(storage.commit(0, b"a").is_err() && storage.is_doubtful());
        let refused = storage.commit(0, b"a").unwrap_err();
        assert_eq!(refused.to_string(), "what was written before may not be on the disk");
    }

    #[test]
    fn a_path_that_leads_to_another_file_by_now_gives_no_handle() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["file", "other"].map(|name| folder.path().join(name));
        fs::write(&path, b"held").unwrap();
        let held = File::open(&path).unwrap();
        assert!(Through::on(&path, &held).is_some());
        fs::write(&other, b"another").unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(Through::on(&path, &held).is_none());
        fs::remove_file(&path).unwrap();
        assert!(Through::on(&path, &held).is_none());
    }
}

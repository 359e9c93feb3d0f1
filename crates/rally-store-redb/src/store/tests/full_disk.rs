//! The reserve of a disk that has no other space.

use std::{collections::BTreeSet, io, ops::Range};

use parking_lot::Mutex;
use rally_core::store::{Commit, Key, Space as KeySpace};
use uuid::Uuid;

use super::*;
use crate::{space::Space, storage::place};

const BLOCK_BYTES: u64 = 4096;

/// Memory with room for so many blocks, some of which can be held back.
#[derive(Clone, Debug, Default)]
struct SmallDisk(Arc<Blocks>);

#[derive(Debug, Default)]
struct Blocks {
    bytes: InMemoryBackend,
    count: Mutex<Count>,
}

#[derive(Debug, Default)]
struct Count {
    used: BTreeSet<u64>,
    limit: usize,
    reserve: usize,
    held_back: usize,
}

impl Count {
    fn free(&self) -> usize {
        self.limit.saturating_sub(self.used.len() + self.held_back)
    }

    fn take(&mut self, bytes: Range<u64>) -> io::Result<()> {
        for block in bytes.start / BLOCK_BYTES..bytes.end.div_ceil(BLOCK_BYTES) {
            if self.free() == 0 && !self.used.contains(&block) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.used.insert(block);
        }
        Ok(())
    }
}

impl StorageBackend for SmallDisk {
    fn len(&self) -> io::Result<u64> {
        self.0.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.count.lock().used.retain(|block| block * BLOCK_BYTES < len);
        self.0.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.count.lock().take(place(offset, data.len()))?;
        self.0.bytes.write(offset, data)
    }
}

impl Space for SmallDisk {
    fn free_bytes(&self) -> Option<u64> {
        u64::try_from(self.0.count.lock().free()).unwrap().checked_mul(BLOCK_BYTES)
    }

    fn release(&self) {
        self.0.count.lock().held_back = 0;
    }

    fn hold_back(&self) {
        let mut count = self.0.count.lock();
        count.held_back = count.reserve.min(count.held_back + count.free());
    }
}

/// Options whose journal is small, and is folded when a writer finds it full.
fn options() -> Options {
    Options { journal_bytes: 64 << 10, folding: Folding::Host, ..Options::default() }
}

fn key(number: usize) -> Key {
    Key::new(KeySpace(1)).bytes(number.to_string().as_bytes())
}

fn write(store: &RedbStore, number: usize, value: Option<usize>) -> Result<Commit, StoreError> {
    store.write(TenantId::from_uuid(Uuid::from_u128(1)), &mut |_| {
        let mut batch = Batch::new();
        match value {
            Some(bytes) => batch.put(key(number), vec![b'x'; bytes]),
            None => batch.delete(key(number)),
        }
        Ok(batch)
    })
}

/// The number of 300 deletions that succeed on a disk that has been filled, but for a reserve.
fn deletions_on_a_full_disk(reserve: usize) -> usize {
    let disk = SmallDisk::default();
    disk.0.count.lock().limit = 1 << 20;
    let storage = Storage::new(Box::new(disk.clone()));
    let source = Source::backend(storage, "memory".to_owned(), &options()).unwrap();
    let store = RedbStore::start(source.with_space(Box::new(disk.clone()))).unwrap();
    for number in 0..300 {
        assert!(write(&store, number, Some(2000)).is_ok());
    }
    {
        let mut count = disk.0.count.lock();
        count.reserve = reserve;
        count.limit = count.used.len() + reserve;
    }
    disk.hold_back();
    // Fills what is free in the file itself.
    for number in 1000.. {
        if write(&store, number, Some(20_000)).is_err() {
            break;
        }
    }
    let deleted = (0..300).filter(|number| write(&store, *number, None).is_ok()).count();
    if deleted == 300 {
        // The pages of what was deleted are space for more.
        assert!(write(&store, 5000, Some(20_000)).is_ok());
    }
    deleted
}

#[test]
fn records_can_be_deleted_on_a_full_disk_that_has_a_reserve() {
    assert_eq!(deletions_on_a_full_disk(256), 300);
    assert!(deletions_on_a_full_disk(0) < 300, "the disk was not full");
}

#[test]
fn a_full_disk_refuses_at_once_what_would_find_no_space_and_asks_again_later() {
    let disk = SmallDisk::default();
    disk.0.count.lock().limit = 1 << 20;
    let storage = Storage::new(Box::new(disk.clone()));
    let source = Source::backend(storage, "memory".to_owned(), &options()).unwrap();
    let store = RedbStore::start(source.with_space(Box::new(disk.clone()))).unwrap();
    assert!(write(&store, 0, Some(2000)).is_ok());
    disk.0.count.lock().limit = 0;
    let mut next = 1;
    // Each is one more, as what takes the place of another makes space.
    while write(&store, next, Some(50_000)).is_ok() {
        next += 1;
    }
    let commits = store.shared.queue.try_idle(|head| head.commits());
    let refused = write(&store, next, Some(50_000));
    assert!(
        matches!(&refused, Err(StoreError::Unavailable { reason }) if reason.contains("disk is full")),
        "{refused:?}"
    );
    assert_eq!(store.shared.queue.try_idle(|head| head.commits()), commits);

    disk.0.count.lock().limit = 1 << 20;
    while write(&store, next, Some(50_000)).is_err() {}
}

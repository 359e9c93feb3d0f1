//! A disk without space: what is there can be read, and writing goes on by itself when there is space again.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rally_core::store::{Store, StoreError};
use rally_store_redb::{Durability, Options, RedbStore};
use redb::StorageBackend;

use crate::{
    crash_backend::{CrashBackend, CrashDisk},
    support::{Random, get, key, options, put, tenant, try_put},
};

const BLOCK_BYTES: u64 = 4096;

/// A disk with space for so many blocks; a length needs none, as files have holes.
#[derive(Debug)]
struct SmallDisk {
    inner: CrashBackend,
    space: Space,
}

#[derive(Clone, Debug, Default)]
struct Space(Arc<Mutex<Blocks>>);

#[derive(Debug, Default)]
struct Blocks {
    used: BTreeSet<u64>,
    limit: usize,
    refused: usize,
}

impl Space {
    /// Leaves space for so many blocks more.
    fn leave(&self, blocks: usize) {
        let mut space = self.0.lock();
        space.limit = space.used.len() + blocks;
    }

    fn refused(&self) -> usize {
        self.0.lock().refused
    }
}

impl Blocks {
    fn take(&mut self, offset: u64, bytes: usize) -> io::Result<()> {
        let end = offset + u64::try_from(bytes).unwrap();
        for block in offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES) {
            if self.used.len() >= self.limit && !self.used.contains(&block) {
                self.refused += 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.used.insert(block);
        }
        Ok(())
    }
}

impl StorageBackend for SmallDisk {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.space.0.lock().used.retain(|block| block * BLOCK_BYTES < len);
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.space.0.lock().take(offset, data.len())?;
        self.inner.write(offset, data)
    }
}

fn store(durability: Durability, cache_bytes: usize) -> (RedbStore, Space, CrashDisk) {
    let (space, disk) = (Space::default(), CrashDisk::new());
    space.leave(1 << 20);
    let full_disk_pause = Duration::ZERO;
    let options = Options { durability, cache_bytes, full_disk_pause, ..options() };
    let backend = SmallDisk { inner: disk.backend(), space: space.clone() };
    (RedbStore::with_backend(backend, options).unwrap(), space, disk)
}

#[test]
fn reads_go_on_and_so_do_writes_when_there_is_space_again() {
    // With the small cache nearly every read reaches the disk.
    for (durability, cache_bytes) in [(Durability::Standard, 64 << 10), (Durability::Strict, 16 << 20)] {
        let (store, space, _) = store(durability, cache_bytes);
        for number in 0..200 {
            put(&store, tenant(1), &key(&format!("key {number}")), &[b'x'; 2000]);
        }
        let before = store.snapshot(tenant(1)).unwrap();
        space.leave(0);
        while try_put(&store, tenant(1), &key("more"), &[b'x'; 100_000]).is_ok() {}
        for _ in 0..5 {
            let refused = try_put(&store, tenant(1), &key("more"), &[b'x'; 100_000]);
            assert!(
                matches!(&refused, Err(StoreError::Unavailable { reason }) if !reason.is_empty()),
                "{refused:?}"
            );
            for number in 0..200 {
                assert!(get(&store, tenant(1), &key(&format!("key {number}"))).is_some(), "{durability:?}");
            }
        }
        drop(before);
        space.leave(1 << 20);
        while try_put(&store, tenant(1), &key("again"), b"1").is_err() {}
        assert_eq!(get(&store, tenant(1), &key("again")).as_deref(), Some(&b"1"[..]));
    }
}

#[test]
fn a_disk_that_is_full_at_any_moment_gets_only_true_answers() {
    let mut refused = 0;
    for seed in 1..=30 {
        let mut random = Random::new(seed);
        let durability = if seed % 2 == 0 { Durability::Standard } else { Durability::Strict };
        let (store, space, disk) = store(durability, 1 << 20);
        let mut expected = BTreeMap::new();
        for round in 0..60 {
            match random.below(4) {
                0 => space.leave(usize::try_from(random.below(30)).unwrap()),
                1 => space.leave(1000),
                _ => {}
            }
            let key = key(&format!("key {}", random.below(20)));
            let value = format!("{round} ").repeat(usize::try_from(random.below(8000)).unwrap() + 1);
            if try_put(&store, tenant(1), &key, value.as_bytes()).is_ok() {
                expected.insert(key, value);
            }
            check(&store, &expected, &format!("seed {seed}, round {round}"));
        }
        refused += space.refused();
        let image = CrashDisk::from_image(&disk.synced_image());
        let options = Options { durability, ..options() };
        let reopened = RedbStore::with_backend(image.backend(), options).unwrap();
        check(&reopened, &expected, &format!("seed {seed}, then the power"));
    }
    assert!(refused > 50, "{refused}");
}

fn check(store: &dyn Store, expected: &BTreeMap<rally_core::store::Key, String>, story: &str) {
    for (key, value) in expected {
        assert_eq!(get(store, tenant(1), key).as_deref(), Some(value.as_bytes()), "{story}: {key:?}");
    }
}

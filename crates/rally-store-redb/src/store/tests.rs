//! Group commit on memory that fails on demand.

mod bounds;
mod full_disk;

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rally_testkit::properties::{GroupFault, Grouped, of_group_commit};

use super::*;

/// Memory that fails on demand.
#[derive(Clone, Debug, Default)]
struct Memory {
    bytes: Arc<InMemoryBackend>,
    /// The next write fails, before anything of a commit is there.
    failing: Arc<AtomicBool>,
    /// Syncing and reading fail, so that nobody knows what is there and the store cannot be opened again.
    dead: Arc<AtomicBool>,
}

impl Memory {
    fn fail_if(failing: bool) -> io::Result<()> {
        if failing { Err(io::Error::other("failed")) } else { Ok(()) }
    }
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Self::fail_if(self.dead.load(Ordering::SeqCst))?;
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::fail_if(self.dead.load(Ordering::SeqCst))?;
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // Space that is only made ready is no commit.
        let is_commit = data.iter().any(|byte| *byte != 0);
        Self::fail_if(is_commit && self.failing.swap(false, Ordering::SeqCst))?;
        self.bytes.write(offset, data)
    }
}

/// The store on such a memory, steered by the properties of group commit.
struct Subject {
    store: RedbStore,
    memory: Memory,
}

impl Subject {
    fn new(group_time: Duration) -> Self {
        let memory = Memory::default();
        let options =
            Options { group_time, journal_bytes: 1 << 20, folding: Folding::Host, ..Options::default() };
        let store = RedbStore::with_backend(memory.clone(), options).unwrap();
        Self { store, memory }
    }
}

impl Grouped for Subject {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn options(&self) -> GroupOptions {
        *self.store.shared.queue.options()
    }

    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped> {
        Arc::new(Self::new(time))
    }

    fn waiting(&self, tenant: TenantId) -> usize {
        self.store.shared.queue.waiting(tenant)
    }

    fn commits(&self) -> usize {
        self.store.shared.queue.try_idle(|head| head.commits()).expect("a check counts when nobody writes")
    }

    fn fail(&self, fault: GroupFault) -> bool {
        let is_possible = matches!(fault, GroupFault::LoseCommit | GroupFault::DoubtCommit);
        self.memory.failing.store(fault == GroupFault::LoseCommit, Ordering::SeqCst);
        self.memory.dead.store(fault == GroupFault::DoubtCommit, Ordering::SeqCst);
        is_possible
    }

    fn heal(&self) {
        self.memory.failing.store(false, Ordering::SeqCst);
        self.memory.dead.store(false, Ordering::SeqCst);
    }
}

#[test]
fn it_keeps_every_promise_of_group_commit() {
    for property in of_group_commit() {
        let subject: Arc<dyn Grouped> = Arc::new(Subject::new(Duration::MAX));
        let kept = panic::catch_unwind(AssertUnwindSafe(|| property.check(&subject)));
        assert!(kept.is_ok(), "{}", property.name());
    }
}

/// The part of the pages that rows fill, in percent, after so many rows in a number of folds. Their keys only grow, and stand
/// before another row, or behind it at the end of the tree.
fn filled(rows: u32, value_bytes: usize, other: u8) -> u64 {
    let store = RedbStore::in_memory(Options { folding: Folding::Host, ..Options::default() }).unwrap();
    let put = |space: u8, row: u32| {
        let key = rally_core::store::Key::new(rally_core::store::Space(space)).bytes(&row.to_be_bytes());
        let mut batch = Batch::new();
        batch.put(key, vec![b'x'; value_bytes]);
        let commit = store.write(TenantId::DIRECTORY, &mut |_| Ok(batch.clone()));
        assert_eq!(commit.unwrap(), Commit::Applied);
    };
    put(other, 0);
    store.fold().unwrap();
    for row in 0..rows {
        put(7, row);
        if row % 1_000 == 0 {
            store.fold().unwrap();
        }
    }
    store.fold().unwrap();
    let open = store.shared.database.open.read();
    let stats = open.as_ref().unwrap().db.begin_write().unwrap().stats().unwrap();
    100 * stats.stored_bytes() / (stats.leaf_pages() * 4_096)
}

#[test]
fn pages_of_rows_whose_keys_only_grow_are_not_left_half_empty() {
    // In the order of their keys alone they would fill 38, 44, 50, 52, 55 and 59 percent.
    for (value_bytes, least) in [(20, 50), (60, 60), (150, 70), (300, 70), (450, 75), (600, 80)] {
        for other in [6, 8] {
            let filled = filled(4_000, value_bytes, other);
            assert!(filled >= least, "{filled} % by values of {value_bytes} bytes beside {other}");
        }
    }
}

//! Group commit on memory that fails on demand.

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
    /// The next commit fails before anything of it is there.
    failing: Arc<AtomicBool>,
    /// Reading fails, so that the store cannot be opened again.
    dead: Arc<AtomicBool>,
}

impl StorageBackend for Memory {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.dead.load(Ordering::SeqCst) {
            Err(io::Error::other("dead"))
        } else {
            self.bytes.read(offset, out)
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // The head of the file is what makes a commit, so that it is lost for certain.
        if offset == 0 && self.failing.swap(false, Ordering::SeqCst) {
            return Err(io::Error::other("failed"));
        }
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
        let options = Options { group_time, ..Options::default() };
        let store = RedbStore::with_backend(memory.clone(), options).unwrap();
        Self { store, memory }
    }
}

impl Grouped for Subject {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn options(&self) -> GroupOptions {
        *self.store.queue.options()
    }

    fn committing_after(&self, time: Duration) -> Arc<dyn Grouped> {
        Arc::new(Self::new(time))
    }

    fn waiting(&self, tenant: TenantId) -> usize {
        self.store.queue.waiting(tenant)
    }

    fn commits(&self) -> usize {
        self.store.queue.try_idle(|head| head.commits()).expect("a check counts when nobody writes")
    }

    fn fail(&self, fault: GroupFault) -> bool {
        let is_possible = matches!(fault, GroupFault::LoseCommit | GroupFault::DoubtCommit);
        self.memory.failing.store(is_possible, Ordering::SeqCst);
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

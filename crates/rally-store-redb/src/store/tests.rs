//! Groups whose members are known: a writer stays in its `build` until the next one waits for the turn.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rally_core::store::{Key, Space};

use super::*;

/// Memory whose syncs are counted, and fail on demand.
#[derive(Clone, Debug, Default)]
struct Memory {
    bytes: SharedMemory,
    syncs: Arc<AtomicUsize>,
    /// The next sync fails, and nothing written since the last one is left.
    failing: Arc<AtomicBool>,
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
        self.syncs.fetch_add(1, Ordering::SeqCst);
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

const TENANT: TenantId = TenantId::DIRECTORY;

fn key(name: &str) -> Key {
    Key::new(Space(1)).bytes(name.as_bytes())
}

fn store(memory: &Memory) -> RedbStore {
    let memory = memory.clone();
    RedbStore::with_backend(move || Ok(memory.clone()), Options::default()).unwrap()
}

fn is_there(store: &RedbStore, name: &str) -> bool {
    store.snapshot(TENANT).unwrap().get(&key(name)).unwrap().is_some()
}

type Answer = Result<Commit, StoreError>;
type IsRight = fn(&Answer) -> bool;
type Build = fn(&dyn Snapshot) -> Result<Batch, Abort>;

/// Runs a write that puts `first`, and in the same group another of any build.
fn run_pair(
    store: &RedbStore,
    second: impl Fn(&dyn Snapshot) -> Result<Batch, Abort> + Send + Sync,
) -> (Answer, thread::Result<Answer>) {
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            store.write(TENANT, &mut |_| {
                while store.queue.waiting() == 0 {
                    thread::yield_now();
                }
                let mut batch = Batch::new();
                batch.put(key("first"), "1");
                Ok(batch)
            })
        });
        let second = panic::catch_unwind(AssertUnwindSafe(|| {
            // Its turn comes second: the first one has the turn, or will see this one wait and is only then done.
            while store.queue.try_idle(|_| ()).is_some() {
                thread::yield_now();
            }
            store.write(TENANT, &mut |state| {
                assert!(state.get(&key("first"))?.is_some(), "the group's own state is not what build sees");
                second(state)
            })
        }));
        (first.join().unwrap(), second)
    })
}

fn put_second(_: &dyn Snapshot) -> Result<Batch, Abort> {
    let mut batch = Batch::new();
    batch.put(key("second"), "2");
    Ok(batch)
}

fn refuse(_: &dyn Snapshot) -> Result<Batch, Abort> {
    Err(Abort::Refused)
}

fn change_nothing(_: &dyn Snapshot) -> Result<Batch, Abort> {
    Ok(Batch::new())
}

fn put_too_much(_: &dyn Snapshot) -> Result<Batch, Abort> {
    let mut batch = Batch::new();
    batch.put(key("second"), vec![0; LIMITS.value_bytes + 1]);
    Ok(batch)
}

#[test]
fn two_writers_share_one_sync() {
    let memory = Memory::default();
    let store = store(&memory);
    let before = memory.syncs.load(Ordering::SeqCst);
    let (first, second) = run_pair(&store, put_second);
    assert!(matches!((first, second), (Ok(Commit::Applied), Ok(Ok(Commit::Applied)))));
    assert_eq!(memory.syncs.load(Ordering::SeqCst) - before, 1);
    assert!(is_there(&store, "first") && is_there(&store, "second"));
}

#[test]
fn a_member_without_a_batch_does_not_disturb_its_group() {
    let cases: [(Build, IsRight); 3] = [
        (refuse, |answer| matches!(answer, Ok(Commit::Refused))),
        (change_nothing, |answer| matches!(answer, Ok(Commit::Applied))),
        (put_too_much, |answer| matches!(answer, Err(StoreError::TooLarge { .. }))),
    ];
    for (build, is_right) in cases {
        let store = store(&Memory::default());
        let (first, second) = run_pair(&store, build);
        assert!(matches!(first, Ok(Commit::Applied)), "{first:?}");
        let second = second.unwrap();
        assert!(is_right(&second), "{second:?}");
        assert!(is_there(&store, "first") && !is_there(&store, "second"));
    }
}

#[test]
fn a_panic_leaves_the_group_to_be_committed() {
    let store = store(&Memory::default());
    let (first, second) = run_pair(&store, |_| panic!("on purpose"));
    assert!(matches!(first, Ok(Commit::Applied)), "{first:?}");
    assert!(second.is_err());
    assert!(is_there(&store, "first"));
}

#[test]
fn a_lost_commit_is_lost_to_all_who_saw_it() {
    for build in [put_second, refuse, change_nothing] {
        let memory = Memory::default();
        let store = store(&memory);
        memory.failing.store(true, Ordering::SeqCst);
        let (first, second) = run_pair(&store, build);
        assert!(matches!(first, Err(StoreError::Unavailable { .. })), "{first:?}");
        let second = second.unwrap();
        assert!(matches!(second, Err(StoreError::Unavailable { .. })), "{second:?}");
        assert!(!is_there(&store, "first") && !is_there(&store, "second"));
    }
}

#[test]
fn only_writers_hear_of_an_unknown_commit() {
    let cases: [(Build, bool); 3] = [(put_second, true), (refuse, false), (change_nothing, false)];
    for (build, changes) in cases {
        let memory = Memory::default();
        let store = store(&memory);
        memory.failing.store(true, Ordering::SeqCst);
        let (first, second) = run_pair(&store, |state| {
            memory.dead.store(true, Ordering::SeqCst);
            build(state)
        });
        assert!(matches!(first, Err(StoreError::CommitUnknown { .. })), "{first:?}");
        let second = second.unwrap();
        assert_eq!(matches!(second, Err(StoreError::CommitUnknown { .. })), changes, "{second:?}");
        assert!(changes || matches!(second, Err(StoreError::Unavailable { .. })), "{second:?}");
    }
}

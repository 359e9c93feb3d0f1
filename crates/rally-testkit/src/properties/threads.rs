//! Threads that a hanging store cannot hang: time only bounds a failure here, it never decides an outcome.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rally_core::{
    TenantId,
    store::{Batch, Store},
};

use super::given::write;

/// The longest that a single step of another thread may take.
const STEP: Duration = Duration::from_secs(10);
/// The longest that threads with much to do may take.
const WORK: Duration = Duration::from_secs(120);

/// The result of a thread, once it ends.
pub(super) struct Task<T>(Receiver<thread::Result<T>>);

impl<T: Send + 'static> Task<T> {
    pub(super) fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, receiver) = mpsc::channel();
        // The receiver is gone when the check has failed already, and nobody waits for the outcome.
        thread::spawn(move || drop(sender.send(catch_unwind(AssertUnwindSafe(work)))));
        Self(receiver)
    }

    /// Waits for one step's work.
    pub(super) fn finish(self, what: &str) -> T {
        self.finish_within(STEP, what)
    }

    fn finish_within(self, bound: Duration, what: &str) -> T {
        match self.0.recv_timeout(bound) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => panic!("{what}: no end after {bound:?}"),
        }
    }
}

/// Runs a step on a thread of its own, so that waiting for ever fails the check.
pub(super) fn without_waiting<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    Task::start(work).finish(what)
}

/// Runs work for each number below `threads`, all at once, and waits for all of it.
pub(super) fn all_at_once<T: Send + 'static>(
    threads: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let work = Arc::new(work);
    let barrier = Arc::new(Barrier::new(threads));
    let start = |number| {
        let (work, barrier) = (Arc::clone(&work), Arc::clone(&barrier));
        Task::start(move || {
            barrier.wait();
            work(number)
        })
    };
    let tasks: Vec<_> = (0..threads).map(start).collect();
    tasks.into_iter().map(|task| task.finish_within(WORK, "threads that work at once")).collect()
}

/// Waits for another thread's sign; that the thread has ended is one too.
pub(super) fn wait_for(sign: &Receiver<()>) {
    if sign.recv_timeout(STEP) == Err(RecvTimeoutError::Timeout) {
        panic!("another thread gave no sign for {STEP:?}");
    }
}

/// Waits until something is so.
pub(super) fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < STEP, "{what}: not there after {STEP:?}");
        thread::yield_now();
    }
}

/// Does work while a write of this tenant stands in the middle of `build`, and then lets it apply the batch.
pub(super) fn while_building<T>(
    store: &Arc<dyn Store>,
    tenant: TenantId,
    batch: &Batch,
    work: impl FnOnce() -> T,
) -> T {
    let (building, started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (writer, batch) = (Arc::clone(store), batch.clone());
    let task = Task::start(move || {
        write(&*writer, tenant, |_| {
            // Nobody listens when it runs again after a conflict.
            let _ = building.send(());
            wait_for(&released);
            batch.clone()
        });
    });
    wait_for(&started);
    let outcome = work();
    drop(release);
    task.finish("a write that was let go");
    outcome
}

/// Does some work again and again for as long as other work lasts, and once more behind it.
pub(super) fn as_long_as<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    mut again: impl FnMut(),
) -> T {
    let ended = Arc::new(AtomicBool::new(false));
    let end = SetOnDrop(Arc::clone(&ended));
    let task = Task::start(move || {
        let _end = end;
        work()
    });
    while !ended.load(Ordering::SeqCst) {
        again();
    }
    again();
    task.finish_within(WORK, "the work that goes on meanwhile")
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

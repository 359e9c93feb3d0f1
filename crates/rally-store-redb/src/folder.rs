//! The thread that folds, and what tells it to.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::store::Shared;

/// The least time between two attempts at a fold that fails.
const LEAST_PAUSE: Duration = Duration::from_millis(50);

/// The work that there is for the fold.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    flags: Mutex<Flags>,
    changed: Condvar,
    folded: Condvar,
}

#[derive(Debug, Default)]
struct Flags {
    is_over: bool,
    /// Set while a layer waits to be folded.
    is_frozen: bool,
    /// The moment at which the first change came into the active layer.
    dirty_since: Option<Instant>,
    /// The moment before which what has failed is not tried again.
    retry_at: Option<Instant>,
}

/// The next thing for the thread to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// The active layer is old enough.
    Freeze,
    Fold,
    /// A failed step is to be tried again.
    Heal,
}

impl Signal {
    /// Notes that there is a change in the active layer.
    pub(crate) fn note_change(&self) {
        let mut flags = self.flags.lock();
        if flags.dirty_since.is_none() {
            flags.dirty_since = Some(Instant::now());
            self.changed.notify_all();
        }
    }

    /// Notes that the active layer has been set aside.
    pub(crate) fn note_frozen(&self) {
        let mut flags = self.flags.lock();
        (flags.is_frozen, flags.dirty_since) = (true, None);
        self.changed.notify_all();
    }

    /// Notes that no layer waits any more.
    pub(crate) fn note_folded(&self) {
        self.flags.lock().is_frozen = false;
        self.folded.notify_all();
    }

    /// Waits until no layer is on its way into the tree, and no longer than a time.
    pub(crate) fn wait_until_folded(&self, most: Duration) {
        let mut flags = self.flags.lock();
        self.folded.wait_while_for(&mut flags, |flags| flags.is_frozen && !flags.is_over, most);
    }

    /// Notes that what has failed may succeed now.
    fn note_healed(&self) {
        self.flags.lock().retry_at = None;
    }

    /// Notes that a fold has failed.
    fn note_failure(&self, pause: Duration) {
        self.flags.lock().retry_at = Instant::now().checked_add(pause.max(LEAST_PAUSE));
    }

    pub(crate) fn end(&self) {
        self.flags.lock().is_over = true;
        self.changed.notify_all();
        self.folded.notify_all();
    }

    /// Waits for the next thing to do; `None` once all is over.
    fn next(&self, fold_time: Duration) -> Option<Work> {
        let mut flags = self.flags.lock();
        loop {
            if flags.is_over {
                return None;
            }
            let due = match (flags.retry_at, flags.is_frozen, flags.dirty_since) {
                (Some(at), _, _) => Some((at, Work::Heal)),
                (None, true, _) => return Some(Work::Fold),
                (None, false, since) => {
                    since.and_then(|since| Some((since.checked_add(fold_time)?, Work::Freeze)))
                }
            };
            match due {
                Some((at, work)) if at <= Instant::now() => return Some(work),
                Some((at, _)) => drop(self.changed.wait_until(&mut flags, at)),
                None => self.changed.wait(&mut flags),
            }
        }
    }
}

/// A thread that folds until it is told to end.
pub(crate) fn start(shared: std::sync::Arc<Shared>) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("rally-fold".to_owned()).spawn(move || run(&shared))
}

fn run(shared: &Shared) {
    let options = shared.options();
    while let Some(work) = shared.signal().next(options.fold_time) {
        let done = match work {
            Work::Freeze => {
                shared.freeze();
                Ok(())
            }
            Work::Fold => shared.fold_frozen(),
            Work::Heal => shared.heal().map(|()| shared.signal().note_healed()),
        };
        if let Err(error) = done {
            tracing::warn!("what is in the journal cannot be taken into its place yet: {error}");
            shared.signal().note_failure(options.full_disk_pause);
        }
    }
}

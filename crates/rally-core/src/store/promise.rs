use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::StoreError;

/// The outcome of a commit that several writes share.
#[derive(Clone, Debug)]
pub enum CommitOutcome {
    /// The commit is durable.
    Durable,
    /// The commit was not applied and never will be. The error says why.
    Lost(Arc<StoreError>),
    /// The commit may or may not have been applied. The text says why, for the log.
    Unknown(String),
}

impl CommitOutcome {
    /// The outcome of a commit that was not applied.
    #[must_use]
    pub fn lost(why: StoreError) -> Self {
        Self::Lost(Arc::new(why))
    }
}

/// The duty to tell the outcome of a commit. Dropping it, as a panic does, tells that the outcome is unknown.
#[derive(Debug, Default)]
pub(super) struct CommitPromise(Arc<Shared>);

/// The place where a write waits for the outcome of the commit that it shares.
#[derive(Clone, Debug)]
pub(super) struct CommitHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    outcome: Mutex<Option<CommitOutcome>>,
    told: Condvar,
}

impl CommitPromise {
    /// A handle on the outcome that is promised.
    pub(super) fn handle(&self) -> CommitHandle {
        CommitHandle(Arc::clone(&self.0))
    }

    /// Tells the outcome to all who wait for it.
    pub(super) fn settle(self, outcome: CommitOutcome) {
        self.0.settle(outcome);
    }
}

impl Drop for CommitPromise {
    fn drop(&mut self) {
        self.0.settle(CommitOutcome::Unknown("the commit was abandoned".to_owned()));
    }
}

impl CommitHandle {
    /// Waits until the outcome is told.
    pub(super) fn wait(&self) -> CommitOutcome {
        let mut outcome = self.0.outcome.lock();
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            self.0.told.wait(&mut outcome);
        }
    }
}

impl Shared {
    /// Keeps the first outcome that it is given.
    fn settle(&self, outcome: CommitOutcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.told.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outcome_stands_and_a_dropped_promise_leaves_it_unknown() {
        let promise = CommitPromise::default();
        let handle = promise.handle();
        promise.settle(CommitOutcome::Durable);
        assert!(matches!(handle.wait(), CommitOutcome::Durable));
        let abandoned = CommitPromise::default().handle();
        assert!(matches!(abandoned.wait(), CommitOutcome::Unknown(_)));
    }
}

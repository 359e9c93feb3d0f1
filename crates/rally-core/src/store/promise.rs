use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// What became of a commit that several writes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is durable.
    Durable,
    /// Nothing of it is there, nor ever will be.
    Lost(String),
    /// Nobody knows.
    Unknown(String),
}

/// Where the writes of a shared commit wait for its fate. A backend that has no shared commits needs none.
#[derive(Debug, Default)]
pub struct Outcome {
    fate: Mutex<Option<Fate>>,
    settled: Condvar,
}

/// The duty to settle an outcome. Whoever drops it, as by a panic, has left the outcome unknown.
#[derive(Debug, Default)]
pub struct Pledge(Arc<Outcome>);

impl Outcome {
    /// Waits until the fate is settled.
    pub fn wait(&self) -> Fate {
        let mut fate = self.fate.lock();
        loop {
            if let Some(fate) = &*fate {
                return fate.clone();
            }
            self.settled.wait(&mut fate);
        }
    }

    fn settle(&self, fate: Fate) {
        self.fate.lock().get_or_insert(fate);
        self.settled.notify_all();
    }
}

impl Pledge {
    /// What the duty is about.
    #[must_use]
    pub fn outcome(&self) -> Arc<Outcome> {
        Arc::clone(&self.0)
    }

    /// Tells all who wait.
    pub fn settle(self, fate: Fate) {
        self.0.settle(fate);
    }
}

impl Drop for Pledge {
    fn drop(&mut self) {
        self.0.settle(Fate::Unknown("the commit was abandoned".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fate_is_the_one_and_a_dropped_pledge_leaves_it_unknown() {
        let pledge = Pledge::default();
        let outcome = pledge.outcome();
        pledge.settle(Fate::Durable);
        assert_eq!(outcome.wait(), Fate::Durable);
        let abandoned = Pledge::default().outcome();
        assert!(matches!(abandoned.wait(), Fate::Unknown(_)));
    }
}

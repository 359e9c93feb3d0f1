use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use parking_lot::Mutex;
use rally_core::{Clock, Entropy, Environment, Timestamp};

use crate::Random;

/// A clock that stands still until it is moved. Its clones are one clock.
#[derive(Clone, Debug)]
pub struct FixedClock(Arc<AtomicI64>);

/// Random bytes that a seed repeats. Its clones are one source.
#[derive(Clone, Debug)]
pub struct SeededEntropy(Arc<Mutex<Random>>);

/// The environment of a repeatable run: a clock that stands at 2025-02-01T10:15:00Z, and the clock itself,
/// to move it.
///
/// ```
/// use rally_core::Clock;
///
/// let (environment, clock) = rally_testkit::environment(7);
/// clock.advance(1_500_000);
/// assert_eq!(environment.clock.now().to_string(), "2025-02-01T10:15:01.500000Z");
/// ```
#[must_use]
pub fn environment(seed: u64) -> (Environment, FixedClock) {
    let clock = FixedClock::default();
    let entropy = Arc::new(SeededEntropy::new(seed));
    (Environment { clock: Arc::new(clock.clone()), entropy }, clock)
}

impl FixedClock {
    /// A clock that stands at an instant.
    #[must_use]
    pub fn new(instant: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(instant.as_micros())))
    }

    /// Moves it to an instant, which may lie before the present one.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.as_micros(), Ordering::SeqCst);
    }

    /// Moves it by `micros` microseconds, backward if they are negative.
    pub fn advance(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Default for FixedClock {
    /// 2025-02-01T10:15:00Z.
    fn default() -> Self {
        Self::new(Timestamp::from_micros(1_738_404_900_000_000))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

impl SeededEntropy {
    /// The bytes of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Random::new(seed))))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entropy: &dyn Entropy) -> [u8; 19] {
        let mut bytes = [0; 19];
        entropy.fill(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_repeats_its_bytes_and_another_seed_gives_others() {
        let (first, again, other) = (SeededEntropy::new(1), SeededEntropy::new(1), SeededEntropy::new(2));
        let start = bytes(&first);
        assert_eq!(start, bytes(&again));
        assert_ne!(start, bytes(&other));
        assert_eq!(bytes(&first), bytes(&again));
        assert_ne!(start, bytes(&first.clone()), "a clone goes on where its source stands");
    }

    #[test]
    fn the_clones_of_a_clock_move_together() {
        let (environment, clock) = environment(1);
        let start = environment.clock.now();
        assert_eq!(environment.clock.now(), start);
        clock.advance(5);
        assert_eq!(environment.clock.now(), start.plus_micros(5));
        clock.advance(-7);
        assert_eq!(environment.clock.now(), start.plus_micros(-2));
        clock.set(Timestamp::MIN);
        assert_eq!(environment.clock.now(), Timestamp::MIN);
    }
}

//! The pace of writers while a layer is on its way into the tree: each pays for what it adds, so that large batches wait
//! and small ones hardly do, and the layer that grows is not full before the other one is in the tree.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::record::place;

/// The bytes that go into the tree in a second, as far as nothing has been measured yet.
const FIRST_RATE: u64 = 16 << 20;
/// The longest that one writer pays for one batch.
const MOST: Duration = Duration::from_secs(1);
/// The least that is worth a pause, which the system makes longer by some 50 microseconds.
const LEAST: Duration = Duration::from_micros(50);

/// The speed at which changes go into the tree.
#[derive(Debug)]
pub(crate) struct Pace(AtomicU64);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU64::new(FIRST_RATE))
    }
}

impl Pace {
    /// Takes note of how long a layer of so many bytes took.
    pub(crate) fn note(&self, bytes: usize, took: Duration) {
        let nanos = took.as_nanos().max(1);
        let rate = u128::from(place(bytes)).saturating_mul(1_000_000_000) / nanos;
        self.0.store(u64::try_from(rate).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
    }

    /// The time that a writer waits who has added so many bytes to an active layer of so many, while another one is on its
    /// way. Nothing up to a quarter of the most that it may have; at three quarters as long as the tree takes for as much.
    pub(crate) fn pause(&self, added: usize, active: usize, most: usize) -> Duration {
        let permille = place(active).saturating_mul(1_000) / place(most).max(1);
        let factor = u128::from(permille.saturating_sub(250).saturating_mul(2));
        let rate = u128::from(self.0.load(Ordering::Relaxed).max(1));
        let nanos = u128::from(place(added)).saturating_mul(1_000_000) / rate * factor;
        let pause = u64::try_from(nanos).map_or(MOST, Duration::from_nanos).min(MOST);
        if pause < LEAST { Duration::ZERO } else { pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_pays_for_what_it_adds_the_more_the_fuller_the_layer_is() {
        let pace = Pace::default();
        pace.note(10 << 20, Duration::from_secs(1));
        let pause = |added: usize, active: usize| pace.pause(added, active, 1_000);
        assert_eq!(pause(1 << 20, 250), Duration::ZERO);
        assert_eq!(pause(1 << 20, 500), Duration::from_millis(50));
        assert_eq!(pause(1 << 20, 750), Duration::from_millis(100));
        assert_eq!(pause(1 << 10, 750), Duration::from_micros(97));
        assert_eq!(pause(100, 750), Duration::ZERO);
        assert_eq!(pause(1 << 30, 1_000), MOST);
    }
}

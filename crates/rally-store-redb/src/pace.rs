//! The pace of writers while a layer is on its way into the tree: each pays for what it adds, so that large batches wait
//! and small ones hardly do, and the layer that grows is not full before the other one is in the tree.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::record::place;

/// The bytes that go into the tree in a second, as far as nothing has been measured yet.
const FIRST_RATE: u64 = 16 << 20;
/// The longest that one writer pays for one batch.
const MOST: Duration = Duration::from_secs(1);
/// The least that is worth a pause, which the system makes longer by some 50 microseconds.
const LEAST: Duration = Duration::from_micros(50);
/// The part of a full layer, in thousandths, up to which writers pay nothing.
const FREE: u64 = 250;
/// The tenths by which the price grows from there to one that is full. All that writers pay until then is as long as the tree
/// takes for a full layer: 3.6 × 0.75² ÷ 2 is one.
const SLOPE_TENTHS: u64 = 36;

/// The speed at which changes go into the tree.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<Measured>);

#[derive(Debug)]
struct Measured {
    /// Bytes a second of the last layer.
    rate: u64,
    /// The bytes of the layer that is on its way, and when it began.
    under_way: Option<(usize, Instant)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Measured { rate: FIRST_RATE, under_way: None }))
    }
}

impl Pace {
    /// Takes note that a layer of so many bytes begins to go into the tree.
    pub(crate) fn begin(&self, bytes: usize) {
        self.0.lock().under_way = Some((bytes, Instant::now()));
    }

    /// Takes note that the layer is in the tree, or that it has failed to get there.
    pub(crate) fn end(&self, is_in_tree: bool) {
        self.0.lock().end(is_in_tree, Instant::now());
    }

    /// The time that a writer waits who has added so many bytes to an active layer of so many, while another one is on its
    /// way: nothing up to a quarter of the most that it may have, and from there the more the fuller it is.
    pub(crate) fn pause(&self, added: usize, active: usize, most: usize) -> Duration {
        let rate = self.0.lock().rate(Instant::now());
        pause_at(rate, added, active, most)
    }
}

impl Measured {
    fn end(&mut self, is_in_tree: bool, now: Instant) {
        let Some((bytes, began)) = self.under_way.take() else { return };
        // A failure tells nothing about the speed.
        if is_in_tree {
            self.rate = rate(bytes, now.duration_since(began));
        }
    }

    /// The bytes a second that writers go by. A layer may be slower than the one before, and tells so while it is on its way.
    fn rate(&self, now: Instant) -> u64 {
        let under_way = self.under_way.map(|(bytes, began)| rate(bytes, now.duration_since(began)));
        under_way.map_or(self.rate, |under_way| under_way.min(self.rate))
    }
}

fn rate(bytes: usize, took: Duration) -> u64 {
    let rate = u128::from(place(bytes)).saturating_mul(1_000_000_000) / took.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX).max(1)
}

fn pause_at(rate: u64, added: usize, active: usize, most: usize) -> Duration {
    let permille = place(active).saturating_mul(1_000) / place(most).max(1);
    let factor = u128::from(permille.saturating_sub(FREE).saturating_mul(SLOPE_TENTHS) / 10);
    let nanos = u128::from(place(added)).saturating_mul(1_000_000) / u128::from(rate.max(1)) * factor;
    let pause = u64::try_from(nanos).map_or(MOST, Duration::from_nanos).min(MOST);
    if pause < LEAST { Duration::ZERO } else { pause }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 10 << 20;

    #[test]
    fn a_writer_pays_for_what_it_adds_the_more_the_fuller_the_layer_is() {
        let pause = |added: usize, active: usize| pause_at(RATE, added, active, 1_000);
        assert_eq!(pause(1 << 20, 250), Duration::ZERO);
        assert_eq!(pause(1 << 20, 500), Duration::from_millis(90));
        assert_eq!(pause(1 << 20, 750), Duration::from_millis(180));
        assert_eq!(pause(1 << 10, 750), Duration::from_nanos(97 * 1_800));
        assert_eq!(pause(100, 750), Duration::ZERO);
        assert_eq!(pause(1 << 30, 1_000), MOST);
    }

    #[test]
    fn writers_that_never_rest_fill_a_layer_no_sooner_than_one_as_large_is_in_the_tree() {
        let (most, batch) = (32 << 20, 100 << 10);
        let paid: Duration = (0..most).step_by(batch).map(|active| pause_at(RATE, batch, active, most)).sum();
        let takes = Duration::from_secs_f64(3.2);
        assert!(paid >= takes.mul_f64(0.98) && paid < takes.mul_f64(1.05), "{paid:?}");
    }

    #[test]
    fn a_layer_that_takes_longer_than_the_one_before_is_paid_for_at_its_own_speed() {
        let began = Instant::now();
        let after = |seconds: u64| began + Duration::from_secs(seconds);
        let mut measured = Measured { rate: RATE, under_way: Some((4 * (10 << 20), began)) };
        let rates = [1, 4, 8, 16].map(|seconds| measured.rate(after(seconds)));
        assert_eq!(rates, [RATE, RATE, RATE / 2, RATE / 4]);
        measured.end(false, after(20));
        assert_eq!(measured.rate(after(21)), RATE);
        measured.under_way = Some((10 << 20, began));
        measured.end(true, after(2));
        assert_eq!((measured.rate, measured.under_way), (RATE / 2, None));
    }
}

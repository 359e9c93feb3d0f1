use std::sync::atomic::{AtomicU64, Ordering};

/// Values counted by their sizes, by any number of threads at once.
///
/// ```
/// use rally_core::Tally;
///
/// let tally = Tally::new([10, 100]);
/// [7, 10, 11, 1_000].into_iter().for_each(|value| tally.add(value));
/// let distribution = tally.read();
/// assert_eq!((distribution.counts, distribution.sum), (vec![2, 1, 1], 1_028));
/// ```
#[derive(Debug)]
pub struct Tally<const N: usize> {
    bounds: [u64; N],
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum: AtomicU64,
}

/// Values by their sizes, as a [`Tally`] has counted them up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The greatest value of each class, in ascending order.
    pub bounds: Vec<u64>,
    /// The values of each class, and last those above all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

impl<const N: usize> Tally<N> {
    /// A tally of no values, whose classes end at these bounds, in ascending order.
    #[must_use]
    pub const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            counts: [const { AtomicU64::new(0) }; N],
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn add(&self, value: u64) {
        let classes = self.bounds.iter().zip(&self.counts);
        let class = classes.filter(|(bound, _)| value <= **bound).map(|(_, count)| count).next();
        class.unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// The values so far. One that is being counted at this moment may be in the counts and not in the sum.
    #[must_use]
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().chain([&self.above]);
        Distribution {
            bounds: self.bounds.to_vec(),
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Distribution {
    /// The number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

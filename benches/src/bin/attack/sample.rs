use std::time::Duration;

use crate::attack::number;

/// Times that requests took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    times: Vec<Duration>,
    /// Requests that had no answer, or another than was wanted.
    pub(crate) unanswered: usize,
}

impl Sample {
    pub(crate) fn add(&mut self, time: Duration) {
        self.times.push(time);
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
        self.unanswered += other.unanswered;
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// The time that 99 of 100 requests took at most, in ms.
    pub(crate) fn p99_ms(&self) -> f64 {
        self.quantile_ms(99)
    }

    pub(crate) fn median_ms(&self) -> f64 {
        self.quantile_ms(50)
    }

    pub(crate) fn lower_quartile_ms(&self) -> f64 {
        self.quantile_ms(25)
    }

    pub(crate) fn greatest_ms(&self) -> f64 {
        self.quantile_ms(100)
    }

    fn quantile_ms(&self, hundredths: usize) -> f64 {
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        let place = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().map_or(f64::INFINITY, ms)
    }

    /// Requests a second.
    pub(crate) fn rate(&self, time: Duration) -> f64 {
        number(self.times.len()) / time.as_secs_f64()
    }
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

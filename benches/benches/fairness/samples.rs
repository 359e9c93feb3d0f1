use std::time::Duration;

/// Durations of requests, in order.
#[derive(Debug)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    pub(crate) fn new(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self(took)
    }

    /// Milliseconds within which 99 of 100 requests were answered.
    pub(crate) fn p99(&self) -> f64 {
        self.percentile(99)
    }

    pub(crate) fn show(&self) -> String {
        let [median, high, longest] = [50, 99, 100].map(|percent| self.percentile(percent));
        format!("{median:.2} / {high:.2} / {longest:.2} ({})", self.0.len())
    }

    fn percentile(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent).div_ceil(100).saturating_sub(1);
        self.0.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    }
}

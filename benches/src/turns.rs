//! Subjects that take turns, so that what disturbs the machine disturbs them all.

use std::time::{Duration, Instant};

use crate::{
    Subject, fixture,
    operations::{Asked, Operation, Work},
};

/// How long one sample should take.
const SAMPLE: Duration = Duration::from_millis(10);

/// The turns of one run.
pub struct Turns {
    records: u64,
    rounds: u32,
    /// Numbers of the contacts and changes that are still to be made.
    next: u64,
}

/// The samples of one subject: microseconds an operation, in order.
pub struct Samples(Vec<f64>);

impl Turns {
    /// Over so many contacts, which are there.
    #[must_use]
    pub fn new(records: u64) -> Self {
        let rounds = if fixture::is_measuring() { 31 } else { 1 };
        Self { records, rounds, next: records }
    }

    /// How many contacts the reads go over.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many samples are taken of each subject.
    #[must_use]
    pub fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The samples of one operation, for each subject.
    pub fn compare(&mut self, operation: &Operation, subjects: &[&dyn Subject]) -> Vec<Samples> {
        let times: Vec<u64> = subjects.iter().map(|subject| self.times(operation, *subject)).collect();
        let mut samples = vec![Vec::new(); subjects.len()];
        for _ in 0..self.rounds {
            for ((subject, times), samples) in subjects.iter().zip(&times).zip(&mut samples) {
                samples.push(micros(self.sample(operation, *subject, *times)) / number(*times));
            }
        }
        samples.into_iter().map(Samples::new).collect()
    }

    /// How often an operation is done in one sample.
    fn times(&mut self, operation: &Operation, subject: &dyn Subject) -> u64 {
        if self.rounds == 1 {
            return 1;
        }
        let least = 16;
        let once = self.sample(operation, subject, least).div_f64(number(least));
        let times = SAMPLE.as_nanos() / once.as_nanos().max(1);
        match operation.work {
            Work::Read(_) => u64::try_from(times).unwrap_or(1).max(1),
            // Enough for each of sixteen writers to have a few.
            Work::Write { .. } => u64::try_from(times).unwrap_or(1).clamp(least, 256),
        }
    }

    fn sample(&mut self, operation: &Operation, subject: &dyn Subject, times: u64) -> Duration {
        let first = self.next;
        self.next += times;
        match operation.work {
            Work::Read(read) => {
                let mut out = Vec::with_capacity(128 << 10);
                let start = Instant::now();
                for round in first..first + times {
                    out.clear();
                    read(subject, Asked { round, records: self.records }, &mut out);
                }
                start.elapsed()
            }
            Work::Write { body, send } => {
                let bodies: Vec<String> =
                    (first..first + times).map(|number| body(number, self.records)).collect();
                let start = Instant::now();
                send(subject, &bodies);
                start.elapsed()
            }
        }
    }
}

impl Samples {
    /// Samples in any order.
    #[must_use]
    pub fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    fn quartile(&self, quarter: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * quarter / 4).copied().unwrap_or(f64::NAN)
    }

    /// The one in the middle.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quartile(2)
    }

    /// The median and the quartiles.
    #[must_use]
    pub fn show(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median(), self.quartile(1), self.quartile(3))
    }
}

/// A duration in microseconds.
#[must_use]
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// A count among numbers with fractions.
#[must_use]
pub fn number(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

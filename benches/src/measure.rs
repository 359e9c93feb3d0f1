//! Samples of subjects that take turns within one run, so that what disturbs the machine disturbs them all.

use std::{
    env,
    time::{Duration, Instant},
};

use crate::{Subject, fixture, load};

/// Time that one sample should take.
const SAMPLE: Duration = Duration::from_millis(10);

/// Time that the samples of one operation should take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Samples of each subject, however long they take.
const FEWEST: u32 = 5;

/// Choice of one read: another contact in each round, of all that were loaded.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Counts on through the run.
    pub round: u64,
    /// The contacts that were loaded.
    pub records: u64,
}

/// Work of one sample, done several times.
#[derive(Clone, Copy)]
pub enum Work {
    /// Answers into a buffer that is used again.
    Read(fn(&dyn Subject, Asked, &mut Vec<u8>)),
    /// Sends bodies that were made ahead, of a number of its own and the contacts that were loaded.
    Write {
        /// Makes a body.
        body: fn(u64, u64) -> String,
        /// Sends all of them.
        send: fn(&dyn Subject, &[String]),
    },
}

/// Work with a name, by which it is chosen on the command line.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Name in the table.
    pub name: &'static str,
    /// Work that is measured.
    pub work: Work,
}

/// The samples of one subject: microseconds an operation, in order.
pub struct Samples(Vec<f64>);

/// One run of a bench, as the command line and the environment say.
pub struct Run {
    /// The contacts that the reads go over.
    pub records: u64,
    /// The samples of each subject.
    pub rounds: u32,
    filter: Vec<String>,
    /// Numbers of the contacts and changes that are still to be made.
    next: u64,
}

impl Run {
    /// The run that the command line asks for, with one sample of each when the bench is only tested; and the sections
    /// that it names, of these.
    #[must_use]
    pub fn from_environment(sections: &[&str]) -> (Self, Vec<String>) {
        let records = fixture::records();
        let rounds = if fixture::is_measuring() { 31 } else { 1 };
        let words = env::args().skip(1).filter(|argument| !argument.starts_with("--"));
        let (named, filter) = words.partition(|word| sections.contains(&word.as_str()));
        (Self { records, rounds, filter, next: records }, named)
    }

    /// True when the command line asks for an operation: by a part of its name, or by no name at all.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part.as_str()))
    }

    /// Loads all contacts slice by slice, in turns, and says what one record took.
    #[must_use]
    pub fn fill<const N: usize>(&self, subjects: [&dyn Subject; N]) -> [Samples; N] {
        let slice = self.records / 20;
        let mut samples = [const { Vec::new() }; N];
        for start in (0..self.records).step_by(usize::try_from(slice).unwrap_or(1)) {
            let end = self.records.min(start + slice);
            for (subject, samples) in subjects.iter().zip(&mut samples) {
                samples.push(micros(load(*subject, start..end, 1)) / number(end - start));
            }
        }
        samples.map(Samples::new)
    }

    /// Measures something once for each subject: the microseconds that it took.
    #[must_use]
    pub fn once<const N: usize>(took: [Duration; N]) -> [Samples; N] {
        took.map(|took| Samples::new(vec![micros(took)]))
    }

    /// Measures an operation of each subject, in turns; `None` when the command line does not ask for it.
    #[must_use]
    pub fn measure<const N: usize>(
        &mut self,
        operation: &Operation,
        subjects: [&dyn Subject; N],
    ) -> Option<[Samples; N]> {
        if !self.wants(operation.name) {
            return None;
        }
        let times = subjects.map(|subject| self.times(operation, subject));
        let mut samples = [const { Vec::new() }; N];
        let began = Instant::now();
        for round in 0..self.rounds {
            // Whatever takes this long takes about as long each time.
            if round >= FEWEST && began.elapsed() > PATIENCE {
                break;
            }
            for ((subject, times), samples) in subjects.iter().zip(times).zip(&mut samples) {
                samples.push(micros(self.sample(operation, *subject, times)) / number(times));
            }
        }
        Some(samples.map(Samples::new))
    }

    /// Number of times that one sample does an operation.
    fn times(&mut self, operation: &Operation, subject: &dyn Subject) -> u64 {
        if self.rounds == 1 {
            return 1;
        }
        let is_long = self.sample(operation, subject, 1) > SAMPLE;
        let least = match operation.work {
            Work::Read(_) if is_long => return 1,
            _ => 16,
        };
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
    fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    fn quartile(&self, quarter: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * quarter / 4).copied().unwrap_or(f64::NAN)
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.quartile(2)
    }

    /// Factor by which they are faster than a baseline.
    #[must_use]
    pub fn ratio_to(&self, baseline: &Self) -> f64 {
        baseline.median() / self.median()
    }

    /// Median and quartiles.
    #[must_use]
    pub fn show(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median(), self.quartile(1), self.quartile(3))
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn number(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

//! How many times faster than the baseline each operation is, beside its target.
//!
//! Subjects take turns within one run, so that what disturbs the machine disturbs them all; medians are compared.
//! `cargo bench -p rally-benches --bench ratios -- list` measures the operations whose name has `list` in it.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::{
    env,
    time::{Duration, Instant},
};

use rally_benches::{Members, Rally, Sqlite, Subject, Synchronous, fixture, load, write_in_parallel};

/// How long one sample should take.
const SAMPLE: Duration = Duration::from_millis(10);

/// What one read asks for: another contact in each round, out of so many.
#[derive(Clone, Copy)]
struct Asked {
    round: u64,
    records: u64,
}

/// What is done in one sample, so many times.
enum Work {
    Read(fn(&dyn Subject, Asked, &mut Vec<u8>)),
    Write { body: fn(u64, u64) -> String, send: fn(&dyn Subject, &[String]) },
}

/// What is to be reached.
#[derive(Clone, Copy)]
enum Target {
    None,
    /// So many times as fast as the baseline.
    Times(f64),
    /// No slower than so many microseconds.
    Micros(f64),
}

struct Operation {
    name: &'static str,
    on_memory: Target,
    on_redb: Target,
    work: Work,
}

/// The samples of one subject: microseconds an operation, in order.
struct Samples(Vec<f64>);

struct Bench {
    records: u64,
    rounds: u32,
    filter: Vec<String>,
    /// Numbers of the contacts and changes that are still to be made.
    next: u64,
}

use Target::{Micros, None as Free, Times};

const READS: [Operation; 6] = [
    Operation {
        name: "get one",
        on_memory: Times(6.0),
        on_redb: Times(3.0),
        work: Work::Read(|subject, asked, out| subject.get(asked.round, out)),
    },
    Operation {
        name: "list 100",
        on_memory: Times(20.0),
        on_redb: Times(9.0),
        work: Work::Read(|subject, _, out| {
            subject.list(0, Members::All, out);
        }),
    },
    Operation {
        name: "list 100, deep",
        on_memory: Times(100.0),
        on_redb: Times(40.0),
        work: Work::Read(|subject, asked, out| {
            {
                subject.list(fixture::deep(asked.records), Members::All, out);
            };
        }),
    },
    Operation {
        name: "list 100, three members",
        on_memory: Times(5.0),
        on_redb: Times(2.5),
        work: Work::Read(|subject, _, out| {
            subject.list(0, Members::Three, out);
        }),
    },
    Operation {
        name: "updatedSince, 100",
        on_memory: Times(20.0),
        on_redb: Times(9.0),
        work: Work::Read(|subject, asked, out| {
            subject.updated_since(asked.round, out);
        }),
    },
    Operation {
        name: "total of a list",
        on_memory: Micros(1.0),
        on_redb: Micros(2.0),
        work: Work::Read(|subject, _, out| out.push(u8::from(subject.total() == 0))),
    },
];

const WRITES: [Operation; 4] = [
    Operation {
        name: "create, one writer",
        on_memory: Free,
        on_redb: Times(0.7),
        work: Work::Write { body: |number, _| fixture::draft(number), send: create_each },
    },
    Operation {
        name: "create, 16 writers",
        on_memory: Free,
        on_redb: Times(2.0),
        work: Work::Write {
            body: |number, _| fixture::draft(number),
            send: |subject, bodies| write_in_parallel(subject, bodies, 16),
        },
    },
    Operation {
        name: "bulk of 100",
        on_memory: Times(10.0),
        on_redb: Times(2.0),
        work: Work::Write {
            // Each takes a hundred numbers, far from those that others take one by one.
            body: |number, _| fixture::bulk((1 << 40) + number * 100, 100),
            send: |subject, bodies| {
                bodies.iter().for_each(|body| {
                    subject.bulk(body);
                })
            },
        },
    },
    Operation {
        name: "upsert",
        on_memory: Free,
        on_redb: Times(0.7),
        work: Work::Write {
            body: fixture::changed,
            send: |subject, bodies| {
                let mut out = Vec::with_capacity(1_024);
                for body in bodies {
                    out.clear();
                    subject.upsert(body, &mut out);
                }
            },
        },
    },
];

/// Against SQLite that leaves its commits to the operating system.
const NOT_DURABLE: Operation = Operation {
    name: "create, not durable",
    on_memory: Times(15.0),
    on_redb: Free,
    work: Work::Write { body: |number, _| fixture::draft(number), send: create_each },
};

fn create_each(subject: &dyn Subject, bodies: &[String]) {
    let mut out = Vec::with_capacity(1_024);
    for body in bodies {
        out.clear();
        subject.create(body, &mut out);
    }
}

fn main() {
    let records = fixture::records();
    let rounds = if fixture::is_measuring() { 31 } else { 1 };
    let filter = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut bench = Bench { records, rounds, filter, next: records };
    println!("{records} contacts, {rounds} samples each; microseconds: median (quartiles)");
    println!(
        "{:<26}{:>30}{:>30}{:>20}{:>30}{:>20}",
        "", "SQLite", "memory", "ratio / target", "redb", "ratio / target"
    );

    let mut sqlite = Sqlite::open(Synchronous::Full);
    let (mut memory, mut redb) = (Rally::in_memory(), Rally::on_redb());
    bench.fill(&sqlite, &memory, &redb);
    let (bytes, reopened) = redb.reopened();
    redb = reopened;
    let [on_sqlite, on_redb] = [sqlite.disk_bytes(), bytes].map(|bytes| bytes / records);
    println!("{:<26}{on_sqlite:>30}{:>50}{on_redb:>30}{:>20}", "bytes on disk a record", "", "≤ 700");
    let subjects: [&mut dyn Subject; 3] = [&mut sqlite, &mut memory, &mut redb];
    subjects.into_iter().for_each(Subject::note_loaded);
    for operation in READS.iter().chain(&WRITES) {
        bench.compare(operation, &sqlite, &memory, Some(&redb));
    }
    bench.compare_not_durable(&memory);
}

impl Bench {
    /// Loads all of them slice by slice, in turns.
    fn fill(&self, sqlite: &Sqlite, memory: &Rally, redb: &Rally) {
        let slice = self.records / 20;
        let in_turns: [(&dyn Subject, usize); 3] = [(sqlite, 1), (memory, 1), (redb, 1)];
        let mut samples = [const { Vec::new() }; 3];
        for start in (0..self.records).step_by(usize::try_from(slice).unwrap_or(1)) {
            let end = self.records.min(start + slice);
            for ((subject, threads), samples) in in_turns.into_iter().zip(&mut samples) {
                samples.push(micros(load(subject, start..end, threads)) / number(end - start));
            }
        }
        let [baseline, on_memory, on_redb] = samples.map(Samples::new);
        let targets = [Times(8.0), Times(2.5)];
        report("load, a record", targets, &baseline, &on_memory, Some(&on_redb));
    }

    fn compare_not_durable(&mut self, memory: &Rally) {
        if self.wants(NOT_DURABLE.name) {
            let sqlite = Sqlite::open(Synchronous::Off);
            load(&sqlite, 0..self.records, 1);
            self.compare(&NOT_DURABLE, &sqlite, memory, None);
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.filter.is_empty() || self.filter.iter().any(|part| name.contains(part.as_str()))
    }

    fn compare(
        &mut self,
        operation: &Operation,
        baseline: &dyn Subject,
        memory: &dyn Subject,
        redb: Option<&dyn Subject>,
    ) {
        if !self.wants(operation.name) {
            return;
        }
        let subjects: Vec<&dyn Subject> =
            [Some(baseline), Some(memory), redb].into_iter().flatten().collect();
        let times: Vec<u64> = subjects.iter().map(|subject| self.times(operation, *subject)).collect();
        let mut samples = vec![Vec::new(); subjects.len()];
        for _ in 0..self.rounds {
            for ((subject, times), samples) in subjects.iter().zip(&times).zip(&mut samples) {
                samples.push(micros(self.sample(operation, *subject, *times)) / number(*times));
            }
        }
        let samples: Vec<Samples> = samples.into_iter().map(Samples::new).collect();
        if let [baseline, memory, rest @ ..] = samples.as_slice() {
            let targets = [operation.on_memory, operation.on_redb];
            report(operation.name, targets, baseline, memory, rest.first());
        }
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
    fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    fn quartile(&self, quarter: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * quarter / 4).copied().unwrap_or(f64::NAN)
    }

    fn median(&self) -> f64 {
        self.quartile(2)
    }

    fn show(&self) -> String {
        format!("{:.2} ({:.2}–{:.2})", self.median(), self.quartile(1), self.quartile(3))
    }
}

fn report(
    name: &str,
    [on_memory, on_redb]: [Target; 2],
    baseline: &Samples,
    memory: &Samples,
    redb: Option<&Samples>,
) {
    let beside = |samples: &Samples, target: Target| {
        let ratio = baseline.median() / samples.median();
        let (goal, met) = match target {
            Free => (String::new(), true),
            Times(times) => (format!("≥ {times}"), ratio >= times),
            Micros(most) => (format!("≤ {most} µs"), samples.median() <= most),
        };
        let mark = if met { ' ' } else { '!' };
        format!("{:>30}{:>20}", samples.show(), format!("{ratio:.2} / {goal} {mark}"))
    };
    let redb = redb.map_or(String::new(), |samples| beside(samples, on_redb));
    let memory = beside(memory, on_memory);
    println!("{:<26}{:>30}{memory}{redb}", name, baseline.show());
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

fn number(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

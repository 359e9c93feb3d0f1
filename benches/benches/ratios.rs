//! How many times faster than the baseline each operation is, beside its target.
//!
//! Subjects take turns within one run, so that what disturbs the machine disturbs them all; medians are compared.
//! `cargo bench -p rally-benches --bench ratios -- list` measures the operations whose name has `list` in it.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::env;

use rally_benches::{
    NOT_DURABLE, Operation, READS, Rally, Samples, Sqlite, Subject, Synchronous,
    Target::{self, Micros, None as Free, Times},
    Turns, WRITES, fixture, load, micros, number,
};

struct Bench {
    turns: Turns,
    filter: Vec<String>,
}

fn main() {
    let records = fixture::records();
    let filter = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let mut bench = Bench { turns: Turns::new(records), filter };
    println!("{records} contacts, {} samples each; microseconds: median (quartiles)", bench.turns.rounds());
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
        let records = self.turns.records();
        let slice = records / 20;
        let in_turns: [(&dyn Subject, usize); 3] = [(sqlite, 1), (memory, 1), (redb, 1)];
        let mut samples = [const { Vec::new() }; 3];
        for start in (0..records).step_by(usize::try_from(slice).unwrap_or(1)) {
            let end = records.min(start + slice);
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
            load(&sqlite, 0..self.turns.records(), 1);
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
        let samples = self.turns.compare(operation, &subjects);
        if let [baseline, memory, rest @ ..] = samples.as_slice() {
            let targets = [operation.on_memory, operation.on_redb];
            report(operation.name, targets, baseline, memory, rest.first());
        }
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

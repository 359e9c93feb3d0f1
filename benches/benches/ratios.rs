//! Ratios of each operation to the baseline, beside its target.
//!
//! Subjects take turns within one run, so that what disturbs the machine disturbs them all; medians are compared.
//! `cargo bench -p rally-benches --bench ratios -- list` measures the operations whose name has `list` in it.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use rally_benches::{
    Rally, Sqlite, Subject, Synchronous, load,
    measure::{Operation, Run, Samples},
    operations,
};

/// Target of an operation.
#[derive(Clone, Copy)]
enum Target {
    None,
    /// Factor by which it is faster than the baseline.
    Times(f64),
    /// Microseconds, at most.
    Micros(f64),
}

use Target::{Micros, None as Free, Times};

/// Operations that are measured, with their targets in memory and on redb.
const GOALS: [(Operation, [Target; 2]); 10] = [
    (operations::GET, [Times(6.0), Times(3.0)]),
    (operations::LIST, [Times(20.0), Times(9.0)]),
    (operations::LIST_DEEP, [Times(100.0), Times(40.0)]),
    (operations::LIST_THREE, [Times(5.0), Times(2.5)]),
    (operations::UPDATED_SINCE, [Times(20.0), Times(9.0)]),
    (operations::TOTAL, [Micros(1.0), Micros(2.0)]),
    (operations::CREATE, [Free, Times(0.7)]),
    (operations::CREATE_16, [Free, Times(2.0)]),
    (operations::BULK, [Times(10.0), Times(2.0)]),
    (operations::UPSERT, [Free, Times(0.7)]),
];

fn main() {
    let mut run = Run::from_environment();
    let records = run.records;
    println!("{records} contacts, {} samples each; microseconds: median (quartiles)", run.rounds);
    println!(
        "{:<26}{:>30}{:>30}{:>20}{:>30}{:>20}",
        "", "SQLite", "memory", "ratio / target", "redb", "ratio / target"
    );

    let mut sqlite = Sqlite::open(Synchronous::Full);
    let (mut memory, mut redb) = (Rally::in_memory(), Rally::on_redb());
    let [baseline, on_memory, on_redb] = run.fill([&sqlite, &memory, &redb]);
    report("load, a record", [Times(8.0), Times(2.5)], &baseline, &on_memory, Some(&on_redb));
    let (bytes, reopened) = redb.reopened();
    redb = reopened;
    let [on_sqlite, on_redb] = [sqlite.disk_bytes(), bytes].map(|bytes| bytes / records);
    println!("{:<26}{on_sqlite:>30}{:>50}{on_redb:>30}{:>20}", "bytes on disk a record", "", "≤ 700");
    let subjects: [&mut dyn Subject; 3] = [&mut sqlite, &mut memory, &mut redb];
    subjects.into_iter().for_each(Subject::note_loaded);
    for (operation, targets) in &GOALS {
        if let Some([baseline, memory, redb]) = run.measure(operation, [&sqlite, &memory, &redb]) {
            report(operation.name, *targets, &baseline, &memory, Some(&redb));
        }
    }
    compare_not_durable(&mut run, &memory);
}

fn compare_not_durable(run: &mut Run, memory: &Rally) {
    let operation = operations::CREATE_NOT_DURABLE;
    if !run.wants(operation.name) {
        return;
    }
    let sqlite = Sqlite::open(Synchronous::Off);
    load(&sqlite, 0..run.records, 1);
    if let Some([baseline, memory]) = run.measure(&operation, [&sqlite, memory]) {
        report(operation.name, [Times(15.0), Free], &baseline, &memory, None);
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
        let ratio = samples.ratio_to(baseline);
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

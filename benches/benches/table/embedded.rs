//! Operations of a program that Rally is linked into, in memory and on redb, beside SQLite.

use std::time::Instant;

use rally_benches::{
    Folder, Indexes, Members, Rally, Sqlite, Subject, Synchronous,
    crash::File,
    load,
    measure::{Operation, Run, Samples},
    operations,
};

use crate::target::Target::{self, Micros, None as Free, Times};

/// Operations, with their targets in memory and on redb.
const ROWS: [(Operation, [Target; 2]); 16] = [
    (operations::GET, [Times(6.0), Times(5.0)]),
    (operations::LIST, [Times(15.0), Times(9.0)]),
    (operations::LIST_DEEP, [Times(100.0), Times(40.0)]),
    (operations::LIST_THREE, [Times(5.0), Times(3.5)]),
    (operations::UPDATED_SINCE, [Times(12.0), Times(7.0)]),
    (operations::TOTAL, [Micros(1.0), Micros(2.0)]),
    (operations::FILTERED, [Free, Free]),
    (operations::FILTERED_TOTAL, [Micros(500.0), Micros(1_000.0)]),
    (operations::FILTERED_DEEP, [Micros(1_000.0), Micros(2_000.0)]),
    (operations::SEARCH, [Micros(500.0), Micros(500.0)]),
    (operations::SEARCH_RARE, [Micros(500.0), Micros(500.0)]),
    (operations::SEARCH_TOTAL, [Micros(5_000.0), Micros(5_000.0)]),
    (operations::CREATE, [Free, Times(1.0)]),
    (operations::CREATE_16, [Free, Times(3.0)]),
    (operations::BULK, [Times(6.0), Times(4.0)]),
    (operations::UPSERT, [Free, Times(1.0)]),
];

/// All subjects, each with the same contacts.
struct Subjects {
    same: Sqlite,
    bare: Sqlite,
    memory: Rally,
    redb: Rally,
}

pub(crate) fn measure(run: &mut Run) {
    println!(
        "{:<24}{:>26}{:>26}{:>26} {:>8} {:>8}  {:<11}{:>26} {:>8} {:>8}  target",
        "microseconds",
        "SQLite, same indexes",
        "SQLite, bare",
        "memory",
        "× same",
        "× bare",
        "target",
        "redb",
        "× same",
        "× bare",
    );
    let all = Subjects {
        same: Sqlite::open(Synchronous::Full, Indexes::Same),
        bare: Sqlite::open(Synchronous::Full, Indexes::Bare),
        memory: Rally::in_memory(),
        redb: Rally::on_redb(),
    };
    report("load, a record", [Times(6.0), Times(4.0)], &run.fill(all.each()));
    let mut all = report_bytes(all, run.records);
    let subjects: [&mut dyn Subject; 4] = [&mut all.same, &mut all.bare, &mut all.memory, &mut all.redb];
    subjects.into_iter().for_each(Subject::note_loaded);
    for (operation, targets) in &ROWS {
        if let Some(samples) = run.measure(operation, all.each()) {
            report(operation.name, *targets, &samples);
        }
    }
    compare_not_durable(run, &all.memory);
    compare_after_kill(run, all);
}

impl Subjects {
    fn each(&self) -> [&dyn Subject; 4] {
        [&self.same, &self.bare, &self.memory, &self.redb]
    }
}

/// Bytes on disk of the closed files.
fn report_bytes(all: Subjects, records: u64) -> Subjects {
    let (redb, reopened) = all.redb.reopened();
    let [same, bare, redb] =
        [all.same.disk_bytes(), all.bare.disk_bytes(), redb].map(|bytes| bytes / records);
    let mark = if redb <= 1_000 { ' ' } else { '!' };
    println!("{:<24}{same:>26}{bare:>26}{:>57}{redb:>26}{:>20}≤ 1000    {mark}", "bytes a record", "", "");
    Subjects { redb: reopened, ..all }
}

fn compare_not_durable(run: &mut Run, memory: &Rally) {
    let operation = operations::CREATE_NOT_DURABLE;
    if !run.wants(operation.name) {
        return;
    }
    let [same, bare] = [Indexes::Same, Indexes::Bare].map(|indexes| Sqlite::open(Synchronous::Off, indexes));
    load(&same, 0..run.records, 1);
    load(&bare, 0..run.records, 1);
    if let Some([same, bare, memory]) = run.measure(&operation, [&same, &bare, memory]) {
        report_one(operation.name, Times(5.0), [&same, &bare], &memory);
    }
}

/// Opens files whose writer was killed, up to the answer of the first page.
fn compare_after_kill(run: &mut Run, all: Subjects) {
    let name = "open after kill -9";
    if !run.wants(name) {
        return;
    }
    let files = [
        (File::Sqlite(Indexes::Same), all.same.into_folder()),
        (File::Sqlite(Indexes::Bare), all.bare.into_folder()),
        (File::Redb, all.redb.into_folder()),
    ];
    let took = files.map(|(file, folder): (File, Folder)| {
        file.write_and_kill(&folder);
        let began = Instant::now();
        let subject = file.open(folder);
        subject.list(0, Members::All, &mut Vec::new());
        began.elapsed()
    });
    let [same, bare, redb] = Run::once(took);
    println!(
        "{name:<24}{:>26}{:>26}{:>57}{}",
        same.show(),
        bare.show(),
        "",
        Micros(1_000_000.0).beside(&redb, [&same, &bare])
    );
}

fn report(name: &str, [on_memory, on_redb]: [Target; 2], [same, bare, memory, redb]: &[Samples; 4]) {
    let memory = on_memory.beside(memory, [same, bare]);
    let redb = on_redb.beside(redb, [same, bare]);
    println!("{name:<24}{:>26}{:>26}{memory}{redb}", same.show(), bare.show());
}

fn report_one(name: &str, target: Target, [same, bare]: [&Samples; 2], memory: &Samples) {
    let beside = target.beside(memory, [same, bare]);
    println!("{name:<24}{:>26}{:>26}{beside}", same.show(), bare.show());
}

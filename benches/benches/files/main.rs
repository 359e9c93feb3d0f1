//! The rows a second, the bytes a second and the memory that imports and exports of contacts take, beside bulks of 100.
//!
//! Targets: 1,000,000 contacts come in at 1.3 times what bulks take or less, with 64 MiB over an idle process or less.
//!
//! `cargo bench -p rally-benches --bench files -- redb` measures on redb alone; the other stores are `memory` and `postgres`.
//! `RALLY_BENCH_RECORDS` says how many contacts there are (100,000); workbooks have 100,000 at most. Each row is measured
//! in a process of its own, whose memory is told above what it has once its store is open; of the store in memory none is,
//! as it holds the contacts themselves. The memory of a file is bounded by its options, and is mostly that of its pages:
//! `RALLY_BENCH_FILE_MIB` gives it so many MiB for these, and as many for what is in its journal.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod fill;
mod memory;
mod place;
mod work;

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use rally_benches::{Folder, fixture};

use crate::{
    place::{Place, STORES},
    work::Work,
};

/// The most contacts of a workbook.
const WORKBOOK: u64 = 100_000;

/// The word by which a process knows that it is to measure one row.
const ROW: &str = "--row";

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if let Some([_, store, place, work, folder, records]) =
        words.iter().position(|word| word == ROW).map(|at| {
            let row: Vec<&str> = words.iter().skip(at).map(String::as_str).collect();
            <[&str; 6]>::try_from(row).expect("a row is said whole")
        })
    {
        let records = records.parse().expect("a number");
        return work.parse::<Work>().expect("some work").measure(store, place, Path::new(folder), records);
    }
    let stores: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let records = if fixture::is_measuring() { contacts() } else { 400 };
    let folder = Folder::temporary();
    fill::write_csv(&folder.path().join(work::CSV), records);
    fill::write_csv(&folder.path().join(work::FEW), records.min(WORKBOOK));
    for store in STORES {
        if stores.is_empty() || stores.iter().any(|chosen| *chosen == store) {
            measure(store, folder.path(), records);
        }
    }
}

/// Contacts of a run.
fn contacts() -> u64 {
    let number = env::var("RALLY_BENCH_RECORDS");
    number.map_or(100_000, |number| number.parse().expect("RALLY_BENCH_RECORDS is a number"))
}

fn measure(store: &str, folder: &Path, records: u64) {
    let size = fs::metadata(folder.join(work::CSV)).expect("a file").len() >> 20;
    println!("{store}, {records} contacts, {size} MiB of CSV");
    for rows in Work::TOGETHER {
        // The works of a line go on with the contacts of the one before.
        let Some(place) = Place::new(store) else { return println!("  this machine has no such store") };
        for work in rows {
            row(store, place.name(), *work, folder, records);
        }
    }
}

fn row(store: &str, place: &str, work: Work, folder: &Path, records: u64) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args([ROW, store, place, work.as_str()]).arg(folder).arg(records.to_string());
    let output = command.stderr(Stdio::inherit()).output().expect("a process");
    assert!(output.status.success(), "{store} {}", work.as_str());
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

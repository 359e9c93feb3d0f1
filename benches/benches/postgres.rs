//! Ratios of Rally on PostgreSQL to a hand-written table, both on one private server that syncs.
//!
//! Subjects take turns within one run, so that what disturbs the machine disturbs them all; medians are compared.
//! `cargo bench -p rally-benches --bench postgres -- list` measures the operations whose name has `list` in it.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use rally_benches::{
    Postgres, Rally, Subject,
    measure::{Operation, Run, Samples},
    operations,
};
use rally_testkit::postgres::{Server, Setup};

const OPERATIONS: [Operation; 10] = [
    operations::GET,
    operations::LIST,
    operations::LIST_DEEP,
    operations::LIST_THREE,
    operations::UPDATED_SINCE,
    operations::TOTAL,
    operations::CREATE,
    operations::CREATE_16,
    operations::BULK,
    operations::UPSERT,
];

/// Settings of an operator's server that a server for tests leaves out.
const SETTINGS: [(&str, &str); 3] =
    [("fsync", "on"), ("full_page_writes", "on"), ("shared_buffers", "256MB")];

fn main() {
    let setup = Setup { settings: &SETTINGS, ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    let mut run = Run::from_environment();
    println!("{} contacts, {} samples each; microseconds: median (quartiles)", run.records, run.rounds);
    println!("{:<26}{:>34}{:>34}{:>8}", "", "hand-written", "Rally", "ratio");

    let mut by_hand = Postgres::open(&server.url());
    let mut rally = Rally::on_postgres(&server.fresh_url());
    report("load, a record", &run.fill([&by_hand, &rally]));
    let subjects: [&mut dyn Subject; 2] = [&mut by_hand, &mut rally];
    subjects.into_iter().for_each(Subject::note_loaded);
    for operation in &OPERATIONS {
        if let Some(samples) = run.measure(operation, [&by_hand, &rally]) {
            report(operation.name, &samples);
        }
    }
}

fn report(name: &str, [by_hand, rally]: &[Samples; 2]) {
    let ratio = rally.ratio_to(by_hand);
    println!("{name:<26}{:>34}{:>34}{ratio:>8.2}", by_hand.show(), rally.show());
}

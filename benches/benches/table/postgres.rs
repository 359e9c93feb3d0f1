//! Operations of Rally on PostgreSQL beside a table there, all on one private server that syncs.

use rally_benches::{
    Indexes, Postgres, Rally, Subject,
    measure::{Operation, Run, Samples},
    operations,
};
use rally_testkit::postgres::{Server, Setup};

use crate::target::Target;

const OPERATIONS: [Operation; 16] = [
    operations::GET,
    operations::LIST,
    operations::LIST_DEEP,
    operations::LIST_THREE,
    operations::UPDATED_SINCE,
    operations::TOTAL,
    operations::FILTERED,
    operations::FILTERED_TOTAL,
    operations::FILTERED_DEEP,
    operations::SEARCH,
    operations::SEARCH_RARE,
    operations::SEARCH_TOTAL,
    operations::CREATE,
    operations::CREATE_16,
    operations::BULK,
    operations::UPSERT,
];

/// Settings of an operator's server that a server for tests leaves out.
const SETTINGS: [(&str, &str); 3] =
    [("fsync", "on"), ("full_page_writes", "on"), ("shared_buffers", "256MB")];

pub(crate) fn measure(run: &mut Run) {
    let setup = Setup { settings: &SETTINGS, ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    println!(
        "{:<24}{:>26}{:>26}{:>26} {:>8} {:>8}",
        "microseconds", "PostgreSQL, same indexes", "PostgreSQL, bare", "Rally", "× same", "× bare"
    );
    let mut same = Postgres::open(&server.url(), Indexes::Same);
    let mut bare = Postgres::open(&server.url(), Indexes::Bare);
    let mut rally = Rally::on_postgres(&server.fresh_url());
    report("load, a record", &run.fill([&same, &bare, &rally]));
    let subjects: [&mut dyn Subject; 3] = [&mut same, &mut bare, &mut rally];
    subjects.into_iter().for_each(Subject::note_loaded);
    for operation in &OPERATIONS {
        if let Some(samples) = run.measure(operation, [&same, &bare, &rally]) {
            report(operation.name, &samples);
        }
    }
}

fn report(name: &str, [same, bare, rally]: &[Samples; 3]) {
    let beside = Target::None.beside(rally, [same, bare]);
    println!("{name:<24}{:>26}{:>26}{beside}", same.show(), bare.show());
}

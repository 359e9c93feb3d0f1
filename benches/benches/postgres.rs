//! What Rally on PostgreSQL costs beside a table in the same server that is asked by hand.
//!
//! Both keep what they answer on disk first. `cargo bench -p rally-benches --bench postgres`.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]

use rally_benches::{READS, Rally, Subject, Table, Turns, WRITES, fixture, load};
use rally_testkit::postgres::{Server, Setup};

fn main() {
    let setup = Setup { settings: &[("fsync", "on"), ("full_page_writes", "on")], ..Setup::default() };
    let Some(server) = Server::start_with(&setup) else { return };
    let records = if fixture::is_measuring() { fixture::records().min(100_000) } else { 200 };
    let (mut table, mut rally) = (Table::open(&server.url()), Rally::on_postgres(&server.fresh_url()));
    let subjects: [&mut dyn Subject; 2] = [&mut table, &mut rally];
    for subject in subjects {
        load(subject, 0..records, 1);
        subject.note_loaded();
    }
    let mut turns = Turns::new(records);
    println!("{records} contacts, {} samples each; microseconds: median (quartiles)", turns.rounds());
    println!("{:<26}{:>30}{:>30}{:>10}", "", "by hand", "Rally", "ratio");
    for operation in READS.iter().chain(&WRITES) {
        let samples = turns.compare(operation, &[&table, &rally]);
        if let [by_hand, rally] = samples.as_slice() {
            let ratio = by_hand.median() / rally.median();
            println!("{:<26}{:>30}{:>30}{ratio:>10.2}", operation.name, by_hand.show(), rally.show());
        }
    }
}

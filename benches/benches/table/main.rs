//! The whole table: operations of a program that Rally is linked into, operations on PostgreSQL, and requests that are
//! served, each beside its baselines and its target.
//!
//! Subjects take turns within one run, so that what disturbs the machine disturbs them all; medians are compared.
//! `cargo bench -p rally-benches --bench table -- embedded list` measures the rows of the section `embedded` whose name
//! has `list` in it; without words, all. `RALLY_BENCH_RECORDS` says how many contacts there are.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod embedded;
mod postgres;
mod served;
mod target;

use rally_benches::{crash, measure::Run};

/// A part of the table, with its name.
type Section = (&'static str, fn(&mut Run));

const SECTIONS: [Section; 3] =
    [("embedded", embedded::measure), ("postgres", postgres::measure), ("served", served::measure)];

fn main() {
    crash::write_if_asked();
    let names = SECTIONS.map(|(name, _)| name);
    let (mut run, chosen) = Run::from_environment(&names);
    println!("{} contacts, at most {} samples each; median (quartiles)", run.records, run.rounds);
    for (name, measure) in SECTIONS {
        if chosen.is_empty() || chosen.iter().any(|word| word == name) {
            println!("\n# {name}");
            measure(&mut run);
        }
    }
}

//! What Rally's operations cost beside a hand-written SQLite table: the same contacts, the same questions, one run.
//!
//! `cargo bench -p rally-benches --bench ratios` prints the ratios, `--bench postgres` those beside a hand-written
//! PostgreSQL table; the other benches are criterion's, for following one
//! operation over time. `RALLY_BENCH_RECORDS` says how many contacts the reads go over.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

pub mod fixture;
mod operations;
mod postgres;
mod rally;
mod sqlite;
mod subject;
mod turns;

pub use self::{
    operations::{Asked, NOT_DURABLE, Operation, READS, Target, WRITES, Work},
    postgres::Table,
    rally::Rally,
    sqlite::{Sqlite, Synchronous},
    subject::{Members, Subject, load, write_in_parallel},
    turns::{Samples, Turns, micros, number},
};

//! Costs of Rally's operations beside a hand-written table: the same contacts, the same queries, one run.
//!
//! `cargo bench -p rally-benches --bench ratios` prints the ratios to SQLite, `--bench postgres` those of Rally on
//! PostgreSQL to a table there; the other benches are criterion's, for following one
//! operation over time. `RALLY_BENCH_RECORDS` says how many contacts the reads go over.
//!
//! The program `attack` is of another kind: it attacks the program `rally` from outside, as the README of `rally-http`
//! describes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod contact;
pub mod fixture;
pub mod measure;
pub mod operations;
mod postgres;
mod rally;
mod sqlite;
mod subject;

pub use self::{
    postgres::Postgres,
    rally::Rally,
    sqlite::{Sqlite, Synchronous},
    subject::{Members, Subject, load, write_in_parallel},
};

//! Costs of Rally's operations beside a hand-written table: the same contacts, the same queries, one run.
//!
//! `cargo bench -p rally-benches --bench table` prints the whole table: the operations of a program that Rally is linked
//! into, beside SQLite; those on PostgreSQL, beside a table there; and those that are served, beside a server of a
//! constant. `RALLY_BENCH_RECORDS` says how many contacts there are (200,000). Words choose sections (`embedded`,
//! `postgres`, `served`) and rows, by a part of their names: `-- embedded list bulk`.
//!
//! There are two baselines of each database: with the same indexes as Rally keeps, which does the same work in a write,
//! and the bare table. Targets are against the first.
//!
//! `--bench pauses` measures how long operations take at worst while a store works in the background.
//!
//! `--bench links` measures deletions of a record that very many others name, and how long others wait for them.
//!
//! `--bench fairness` measures how long one tenant waits while another floods the server.
//!
//! `--bench files` measures imports and exports: their speed beside bulks, and their memory.
//!
//! The program `attack` is of another kind: it attacks the program `rally` from outside, as the README of `rally-http`
//! describes.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing better to do than stop")]

mod contact;
pub mod crash;
pub mod fixture;
mod folder;
pub mod measure;
pub mod operations;
mod postgres;
mod rally;
mod sqlite;
mod subject;

pub use self::{
    contact::Indexes,
    folder::Folder,
    postgres::Postgres,
    rally::Rally,
    sqlite::{Sqlite, Synchronous},
    subject::{Filter, Members, Subject, load, write_in_parallel},
};

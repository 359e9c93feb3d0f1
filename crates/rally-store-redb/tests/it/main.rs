//! The store in one file: what it promises beyond the properties that every store has.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy knows tests by their attribute, and these are their helpers"
)]

mod contract;
mod crash_backend;
mod crash_points;
mod crashes;
mod damage;
mod engine_crashes;
mod failures;
mod faults;
mod files;
mod formats;
mod full_disk;
mod groups;
mod making;
mod moving;
mod stopping;
mod support;

//! The store in PostgreSQL among many, and when things go wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod contention;
mod crashes;
mod failover;
mod killed;
mod load;
mod lost_changes;
mod lost_commits;
mod opening;
mod pool;
mod proxy;
mod servers;
mod silence;
mod support;
mod tls;

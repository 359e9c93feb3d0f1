//! The store in PostgreSQL among many, and when things go wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod contention;
mod failover;
mod killed;
mod load;
mod lost_commits;
mod opening;
mod pool;
mod proxy;
mod servers;
mod support;
mod tls;

//! The store in PostgreSQL among many, and when things go wrong.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod lost_commits;
mod proxy;

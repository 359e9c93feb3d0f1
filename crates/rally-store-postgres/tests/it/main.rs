//! The store in PostgreSQL among many, and when things go wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod lost_commits;
mod proxy;

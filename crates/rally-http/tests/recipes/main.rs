//! Recipes: each file has a small program that calls Rally, and the test of it against a fake.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod client;
mod every_tenth_request;
mod fork_for_each_test;
mod lost_answer;
mod rate_limit;
mod surviving_sync;
mod token_expiry;
mod webhook_consumer;

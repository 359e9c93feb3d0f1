//! The HTTP door from outside: requests in, statuses, headers and bodies out.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod activities;
mod companies;
mod conditional;
mod contacts;
mod credentials;
mod deals;
mod hosting;
mod idempotency;
mod log;
mod operations;
mod pipelines;
mod protocol;
mod rate;
mod rooms;
mod settings;
mod support;
mod sync;
mod users;

//! The HTTP door from outside: requests in, statuses, headers and bodies out.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod conditional;
mod contacts;
mod credentials;
mod hosting;
mod idempotency;
mod log;
mod operations;
mod protocol;
mod rate;
mod support;
mod sync;

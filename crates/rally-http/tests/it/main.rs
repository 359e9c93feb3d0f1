//! The HTTP interface from outside: requests in, statuses, headers and bodies out.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod activities;
mod agreement;
mod api_keys;
mod attacks;
mod audit;
mod bodies;
mod callers;
mod companies;
mod conditional;
#[cfg(feature = "console")]
mod console;
mod contacts;
mod cors;
mod courier;
mod credentials;
mod deals;
mod delivering;
mod document;
mod fairness;
mod fake;
mod forwarded;
mod history;
mod hosting;
mod hosts;
mod idempotency;
mod importexport;
mod isolation;
mod lifecycle;
mod listener;
mod log;
mod logins;
mod matrix;
mod metrics;
mod operations;
mod pipelines;
mod protocol;
mod rate;
mod resources;
mod settings;
mod support;
mod sync;
mod users;
mod walks;
mod webhooks;

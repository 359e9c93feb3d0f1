//! The program `rally`, started as a newcomer starts it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod backups;
mod commands;
mod copies;
mod credentials;
mod doctor;
#[cfg(unix)]
mod draining;
mod fake;
mod files;
mod importing;
mod logging;
mod many_servers;
mod metrics;
mod postgres;
#[cfg(feature = "otlp")]
mod protobuf;
mod readme;
mod receiver;
mod running;
mod serving;
mod settings;
mod stopping;
mod tenant_files;
#[cfg(feature = "otlp")]
mod traces;
mod webhooks;
mod wire;

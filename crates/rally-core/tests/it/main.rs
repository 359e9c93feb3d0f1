//! The engine as a host sees it, on the store in memory.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod activities;
mod administrators;
mod api_keys;
mod audit;
mod bant;
mod bulk;
mod checks;
mod companies;
mod contacts;
mod copies;
mod damage;
mod deals;
mod drafts;
mod failover;
#[cfg(feature = "files")]
mod files;
mod filter_cost;
mod filter_values;
mod filters;
mod finding;
mod follow;
mod forecast;
mod formats;
mod history;
mod idempotency;
mod links;
mod lists;
mod logins;
mod moves;
mod names;
mod numbers;
mod paging_cost;
mod pipelines;
mod rate_limit;
mod secrets;
mod settings;
mod spellings;
mod support;
mod sync;
mod tags;
mod tenant_files;
mod tenants;
mod tidy;
mod transactions;
mod unless;
mod users;
mod views;
mod webhooks;
mod write_cost;
mod write_once;

//! The engine as a host sees it, on the store in memory.

mod api_keys;
mod bulk;
mod contacts;
mod formats;
mod idempotency;
mod lists;
mod paging_cost;
mod rate_limit;
mod support;
mod sync;
mod tenants;
mod tidy;

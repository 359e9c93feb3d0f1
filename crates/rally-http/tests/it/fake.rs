//! The fake: tenants that are each a world of their own, and their control plane.

mod client;
mod clock;
mod document;
mod faults;
mod guard;
mod inbox;
mod requests;
mod retries;
mod tenants;

//! The fake: tenants that are each a world of their own, and their control plane.

mod client;
mod clock;
mod guard;
mod tenants;

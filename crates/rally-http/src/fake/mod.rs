//! A fake for the tests of programs in any language: tenants that are each a world of their own, with a control plane.

mod advance;
mod clock;
mod control;
mod delivery;
mod dispatch;
mod entropy;
mod limits;
mod seed;
mod shared;
mod span;
mod tenant;
mod tenants;
mod world;

pub use self::{
    advance::{Delivered, Moved, Ran, What},
    clock::{ClockMode, StartClock},
    seed::{Seed, Sown},
    shared::{FakeOptions, TenantSetup},
    tenant::FakeTenant,
    tenants::FakeTenants,
    world::TenantKeys,
};

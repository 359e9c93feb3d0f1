//! A fake for the tests of programs in any language: tenants that are each a world of their own, with a control plane.

mod advance;
mod clock;
mod control;
mod delivery;
mod dispatch;
mod entropy;
mod exchange;
mod faults;
mod inbox;
mod journal;
mod limits;
mod observing;
mod receiving;
mod routes;
mod seed;
mod shared;
mod span;
mod tenant;
mod tenants;
mod waiting;
mod world;

pub use self::{
    advance::{Delivered, Moved, Ran, What},
    clock::{ClockMode, StartClock},
    faults::{ArmedFault, Fault, FaultAction, FaultPoint},
    inbox::{Inbox, InboxAnswer, InboxAttempt, Message, NearMiss, Signature, WaitFor, Waited},
    journal::RequestMade,
    seed::{Seed, Sown},
    shared::{FakeOptions, TenantSetup},
    tenant::FakeTenant,
    tenants::FakeTenants,
    world::TenantKeys,
};

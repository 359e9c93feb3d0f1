//! The store in one file: what it promises beyond the properties that every store has.

mod contract;
mod crash_backend;
mod crashes;
mod failures;
mod faults;
mod files;
mod groups;
mod support;

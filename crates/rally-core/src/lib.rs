//! Rally core.

pub mod base;
pub mod store;

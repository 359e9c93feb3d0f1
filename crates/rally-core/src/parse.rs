//! Errors of reading text: each completes "*value* …", and `?` turns it into an [`Error`](crate::Error).

pub use crate::base::{NotACurrency, NotADecimal, NotATimeZone, NotAnInstant, UnknownScope, UnknownWord};

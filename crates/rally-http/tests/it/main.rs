//! The HTTP door from outside: requests in, statuses, headers and bodies out.

mod contacts;
mod credentials;
mod operations;
mod protocol;
mod rate;
mod support;
mod sync;

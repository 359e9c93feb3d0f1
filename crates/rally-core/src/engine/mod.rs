//! The machinery that is true of every resource, in wings. Imports go one way: `codec` (stored bytes), `schema` (members
//! and records), `keys` (families of keys, indexes, sequences), `write` and `read` beside each other, and `session`
//! (engine, sessions, and the typed collections of a session, a view and a transaction) above them.
//!
//! Nothing here names a resource.

pub(crate) mod codec;
pub(crate) mod keys;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod write;

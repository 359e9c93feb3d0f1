//! The machinery of every resource, in modules whose imports go one way: `codec` (stored bytes), `schema` (members and
//! records), `keys` (families of keys, indexes, sequences), `write` and `read` beside each other, and `session`
//! (engine, sessions, and the typed collections of a session, a view and a transaction) above them; above all `archive`, a
//! tenant as a file, and with the feature `files` import and export.
//!
//! None of them names a resource.

pub(crate) mod archive;
pub(crate) mod check;
pub(crate) mod codec;
#[cfg(feature = "files")]
pub(crate) mod files;
pub(crate) mod keys;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod session;
pub(crate) mod write;

//! Rally's store in PostgreSQL: any number of servers on one database.
//!
//! The rows of a tenant begin with its id, and one row per tenant is locked by each write, so writes of one tenant
//! follow one another and those of different tenants do not meet. A record or a page is one round trip to the database,
//! a create or a bulk two.
//! If a connection is lost at the commit, the store determines its outcome before anyone is answered.
//!
//! ```no_run
//! use rally_core::Engine;
//! use rally_store_postgres::{Options, PostgresStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://rally:secret@db1.example,db2.example/crm?sslmode=verify-full";
//! let engine = Engine::new(PostgresStore::open(url, Options::default())?);
//! assert!(engine.ready().is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! The schema, and how to run several servers, stand in the README of this crate.

mod address;
mod commit;
mod connection;
mod error;
mod group;
mod inspect;
mod options;
mod probe;
mod schema;
mod signs;
mod statements;
mod store;
mod tls;
mod transaction;
mod turns;

pub use error::OpenError;
pub use inspect::Inspection;
pub use options::Options;
pub use schema::VERSION as SCHEMA_VERSION;
pub use store::PostgresStore;

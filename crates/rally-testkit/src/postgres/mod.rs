//! PostgreSQL servers for tests, private ones that leave nothing behind.
//!
//! [`shared`] is for tests that need a database, [`Server`] for tests that stop or kill its server.
//!
//! Without PostgreSQL's programs both give `None`, so that a test returns, and say so once on the standard error
//! output. The variables of the environment that matter:
//!
//! - `RALLY_REQUIRE_POSTGRES=1`: they panic instead;
//! - `RALLY_TEST_POSTGRES_URL`: the database that [`shared`] gives, without a server of its own. Its schemas stay;
//! - `RALLY_BARE_POSTGRES=1`: the programs were built without encryption and without contributed modules, so tests do
//!   without, as far as they can; see [`is_bare`].
//!
//! No client is in here: a test brings the one that it is about, or calls `psql`.

mod database;
mod home;
mod keeper;
mod programs;
mod server;
mod standby;

use std::{env, sync::OnceLock};

pub use database::Database;
pub use server::{Server, Setup};

/// The database for tests that need one: the one that `RALLY_TEST_POSTGRES_URL` names, or a server that the first
/// caller starts and all tests of the process share.
///
/// ```no_run
/// let Some(database) = rally_testkit::postgres::shared() else { return };
/// let url = database.fresh_url();
/// # drop(url);
/// ```
///
/// # Panics
///
/// Panics as [`Server::start`] does.
#[must_use]
pub fn shared() -> Option<Database> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    match env::var("RALLY_TEST_POSTGRES_URL") {
        Ok(url) => Some(Database::new(url, None)),
        Err(_) => SERVER.get_or_init(Server::start).as_ref().map(Server::database),
    }
}

/// True when the server's programs were built without encryption and without contributed modules, as the environment says.
/// Nobody finds it out, so that a test never passes because something is missing that should be there.
#[must_use]
pub fn is_bare() -> bool {
    env::var_os("RALLY_BARE_POSTGRES").is_some_and(|value| value == "1")
}

//! The settings of a database as far as the safety of records depends on them, for its operator.

use rally_core::store::StoreError;
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::{
    PostgresStore,
    error::{store_error, unavailable},
};

/// A database as it says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The version, as `15.4`.
    pub version: String,
    /// The version as a number, as 150004.
    pub version_number: i32,
    /// `synchronous_commit` of a session that sets nothing; a store never commits with less than `on` or `local`.
    pub synchronous_commit: String,
    /// `synchronous_standby_names`; empty if commits wait for no standby.
    pub synchronous_standby_names: String,
    /// The standbys that commits wait for at present; `None` if the user may not see them.
    pub synchronous_standbys: Option<i64>,
    /// `max_connections`, of all users and databases together.
    pub max_connections: i32,
    /// The connections that there are.
    pub connections: i64,
    /// True for a standby, which takes no writes.
    pub is_standby: bool,
    /// `fsync`.
    pub has_fsync: bool,
    /// `full_page_writes`.
    pub has_full_page_writes: bool,
    /// The database's clock, in microseconds since 1970.
    pub clock_micros: i64,
}

const INSPECT: &str = "SELECT
    current_setting('server_version'),
    current_setting('server_version_num')::int,
    coalesce((SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit'), 'unknown'),
    coalesce(current_setting('synchronous_standby_names', true), ''),
    (SELECT CASE WHEN count(*) = count(sync_state) THEN count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) END
        FROM pg_stat_replication),
    current_setting('max_connections')::int,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    pg_is_in_recovery(),
    current_setting('fsync') = 'on',
    current_setting('full_page_writes') = 'on',
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl PostgresStore {
    /// Asks the database how it is set up.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer; [`StoreError::Backend`] when it is an engine that only speaks
    /// PostgreSQL's language and has none of these settings.
    pub fn inspect(&self) -> Result<Inspection, StoreError> {
        let database = self.database();
        let connection = database.connection(Uuid::nil())?;
        let asked = database.wait_for(connection.client.query_one(INSPECT, &[]));
        let silent = || unavailable("the database did not answer".to_owned());
        asked.ok_or_else(silent)?.and_then(|row| read(&row)).map_err(store_error)
    }
}

fn read(row: &Row) -> Result<Inspection, Error> {
    Ok(Inspection {
        version: row.try_get(0)?,
        version_number: row.try_get(1)?,
        synchronous_commit: row.try_get(2)?,
        synchronous_standby_names: row.try_get(3)?,
        synchronous_standbys: row.try_get(4)?,
        max_connections: row.try_get(5)?,
        connections: row.try_get(6)?,
        is_standby: row.try_get(7)?,
        has_fsync: row.try_get(8)?,
        has_full_page_writes: row.try_get(9)?,
        clock_micros: row.try_get(10)?,
    })
}

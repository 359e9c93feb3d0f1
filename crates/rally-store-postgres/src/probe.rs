//! The question for readiness, on a connection beside the pool's.

use parking_lot::Mutex;
use rally_core::store::StoreError;

use crate::{
    OpenError,
    connection::{Connection, Connector},
    error::unavailable,
    schema,
    store::Database,
};

/// The connection that the database is asked on, if it answered last time.
pub(crate) type Probe = Mutex<Option<Connection>>;

impl Database {
    /// Asks the database for its tables, within the limit of [`Options::ready`](crate::Options::ready).
    pub(crate) fn ready(&self) -> Result<(), StoreError> {
        let limit = self.options().ready;
        let silent = || unavailable(format!("the database did not answer within {limit:?}"));
        let mut kept = self.probe.try_lock_for(limit).ok_or_else(silent)?;
        let asking = answering(self.connector(), kept.take());
        let asked = self.block_on(async { tokio::time::timeout(limit, asking).await });
        let asked = asked.map_err(|_| silent())?;
        *kept = Some(asked.map_err(|error| unavailable(error.to_string()))?);
        Ok(())
    }
}

/// A connection on which the database has answered that its tables are as they should be.
async fn answering(connector: &Connector, kept: Option<Connection>) -> Result<Connection, OpenError> {
    let answered = match kept {
        Some(kept) => check(connector, kept).await,
        None => connector.connect().await,
    };
    if answered.as_ref().is_err_and(|error| !error.is_unreachable()) {
        // The other connections were made when all was well.
        connector.distrust_all();
    }
    answered
}

/// The connection, or a new one if it has gone stale.
async fn check(connector: &Connector, kept: Connection) -> Result<Connection, OpenError> {
    match schema::check(&kept.client, connector.address()).await {
        Err(error) if error.is_unreachable() => {
            connector.note_loss(&kept);
            connector.connect().await
        }
        checked => checked.map(|()| kept),
    }
}

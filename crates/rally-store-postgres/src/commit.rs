//! The end of a write: the batch and the commit in one round trip, and what is done when nobody answers.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use futures_util::future::{join, try_join, try_join_all};
use rally_core::{
    TenantId,
    store::{Batch, CommitOutcome, Key, StoreError},
};
use tokio_postgres::{Error, types::ToSql};
use uuid::Uuid;

use crate::{
    connection::Connection,
    error::{is_lost, reason, store_error, unavailable},
    store::Database,
    transaction::{Open, Purpose, Transaction, place},
    turns::Place,
};

/// The most deletions that are sent one by one with the commit. Joined statements are sent in their order only as long
/// as they are this few, and none may be sent behind the commit.
const MOST_TOGETHER: usize = 16;

/// The mark that a commit leaves in the database, by which its outcome is found out when the answer is lost.
struct Token {
    tenant: Uuid,
    /// The version that it makes of the tenant.
    version: i64,
    token: Uuid,
}

/// A batch as the statement takes it.
#[derive(Default)]
struct Columns<'b> {
    gone: Vec<(i16, &'b [u8])>,
    spaces: Vec<i16>,
    keys: Vec<&'b [u8]>,
    values: Vec<&'b [u8]>,
}

impl Transaction {
    /// Applies a batch, commits, and determines the outcome.
    pub(crate) fn commit(&self, batch: &Batch) -> CommitOutcome {
        let Open { connection, version, .. } = match self.take_open() {
            Ok(open) => open,
            Err(error) => return CommitOutcome::lost(error),
        };
        let token = Token { tenant: self.tenant, version: version.saturating_add(1), token: Uuid::new_v4() };
        let reason = match self.database.wait_for(send(&connection, &token, batch)) {
            Some((Ok(()), Ok(()))) => return CommitOutcome::Durable,
            // The server has answered: a transaction with a failed statement is rolled back by its commit.
            Some((Err(error), _) | (_, Err(error))) if !is_lost(&error) => {
                return CommitOutcome::lost(store_error(error));
            }
            Some((Err(error), _) | (_, Err(error))) => reason(&error),
            None => "the database did not answer".to_owned(),
        };
        tracing::warn!(reason, "the connection was lost at a commit");
        self.database.connector().note_loss(&connection);
        token.find_out(&self.database, connection.close(), &reason)
    }
}

async fn send(
    connection: &Connection,
    token: &Token,
    batch: &Batch,
) -> (Result<(), Error>, Result<(), Error>) {
    let columns = Columns::of(batch);
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&token.tenant, &token.version, &token.token, &columns.spaces, &columns.keys, &columns.values];
    let one_by_one = connection.statements.delete_many.is_none();
    let first = if one_by_one { columns.gone.len().saturating_sub(MOST_TOGETHER) } else { 0 };
    let (ahead, together) = columns.gone.split_at(first);
    let ahead = delete_each(connection, token.tenant, ahead).await;
    let apply = connection.client.execute(&connection.statements.apply, &parameters);
    let changes = try_join(delete(connection, token.tenant, together), apply);
    let (applied, committed) = join(changes, connection.client.batch_execute("COMMIT")).await;
    (ahead.and(applied.map(drop)), committed)
}

async fn delete(connection: &Connection, tenant: Uuid, places: &[(i16, &[u8])]) -> Result<(), Error> {
    match &connection.statements.delete_many {
        Some(delete_many) if places.len() > MOST_TOGETHER => {
            let (spaces, keys): (Vec<i16>, Vec<&[u8]>) = places.iter().copied().unzip();
            connection.client.execute(delete_many, &[&tenant, &spaces, &keys]).await.map(drop)
        }
        _ => delete_each(connection, tenant, places).await,
    }
}

async fn delete_each(connection: &Connection, tenant: Uuid, places: &[(i16, &[u8])]) -> Result<(), Error> {
    let Connection { client, statements, .. } = connection;
    let deletions = places.iter().map(async |(space, key)| {
        let parameters: [&(dyn ToSql + Sync); 3] = [&tenant, space, key];
        client.execute(&statements.delete, &parameters).await
    });
    try_join_all(deletions).await.map(drop)
}

impl<'b> Columns<'b> {
    fn of(batch: &'b Batch) -> Self {
        let mut columns = Self::default();
        batch.iter().for_each(|(key, value)| columns.add(key, value));
        columns
    }

    fn add(&mut self, key: &'b Key, value: Option<&'b Bytes>) {
        let (space, key) = place(key);
        match value {
            Some(value) => {
                self.spaces.push(space);
                self.keys.push(key);
                self.values.push(value);
            }
            None => self.gone.push((space, key)),
        }
    }
}

impl Token {
    /// Asks on other connections until one answers the commit's outcome, or time is up.
    /// The first time that is in the place of the connection that was lost, ahead of all who wait for one.
    fn find_out(&self, database: &Arc<Database>, place: Place, reason: &str) -> CommitOutcome {
        let deadline = Instant::now() + database.options().find_out;
        let mut place = Some(place);
        loop {
            let error = match self.newest_in_slot(database, place.take()) {
                Ok(newest) => return self.judge(newest, reason),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                return CommitOutcome::Unknown(format!("{reason}; then {error}"));
            }
            database.pause();
        }
    }

    /// The newest commit that would have left its token where this one did. It waits for the head's lock, which is had
    /// only once the transaction in question has ended, one way or the other.
    fn newest_in_slot(
        &self,
        database: &Arc<Database>,
        place: Option<Place>,
    ) -> Result<Option<(i64, Uuid)>, StoreError> {
        let tenant = TenantId::from_uuid(self.tenant);
        let asking = Transaction::new(database, tenant, Purpose::Writing).at(place);
        let row = asking.ask(async |connection| {
            let find = &connection.statements.find_commit;
            connection.client.query_opt(find, &[&self.tenant, &self.version]).await
        })?;
        row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose().map_err(store_error)
    }

    fn judge(&self, newest: Option<(i64, Uuid)>, reason: &str) -> CommitOutcome {
        match newest {
            Some((version, token)) if version == self.version && token == self.token => {
                CommitOutcome::Durable
            }
            Some((version, _)) if version > self.version => CommitOutcome::Unknown(format!(
                "{reason}; and so many have written since that its traces are gone"
            )),
            _ => CommitOutcome::lost(unavailable(reason.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use rally_core::store::{Direction, KeyRange, Space, Store};
    use rally_testkit::postgres;

    use super::*;
    use crate::{Options, PostgresStore, address::Address, connection::Connector};

    const MANY: u64 = 1_000;

    fn key(number: u64) -> Key {
        Key::new(Space(u8::try_from(number % 3).unwrap())).number(number)
    }

    /// The keys of a tenant, in their order.
    fn keys(store: &PostgresStore, tenant: TenantId) -> Vec<Key> {
        let view = store.snapshot(tenant).unwrap();
        let of = |space| KeyRange::prefix(&Key::new(Space(space)));
        let entries = (0..3).flat_map(|space| view.scan(&of(space), Direction::Forward, 10_000).unwrap());
        entries.map(|entry| entry.key).collect()
    }

    #[test]
    fn many_deletions_are_applied_with_their_batch_at_once_or_one_by_one() {
        let Some(url) = postgres::shared().map(|database| database.fresh_url()) else { return };
        let store = PostgresStore::open(&url, Options::default()).unwrap();
        let connector = Connector::new(Address::parse(&url).unwrap(), Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let mut connection = runtime.block_on(connector.connect()).unwrap();
        let [tenant, beside] = [1, 2].map(|number| TenantId::from_uuid(Uuid::from_u128(number)));
        let (mut puts, mut batch) = (Batch::new(), Batch::new());
        (0..MANY).for_each(|number| puts.put(key(number), "there"));
        // Of two that are there one is deleted, and many that are not.
        (0..MANY).for_each(|number| batch.delete(key(number * 2)));
        batch.put(key(2), "again");
        for version in [2, 4] {
            for written in [tenant, beside] {
                assert_eq!(
                    store.write(written, &mut |_| Ok(puts.clone())).unwrap(),
                    rally_core::store::Commit::Applied
                );
            }
            let token = Token { tenant: tenant.as_uuid(), version, token: Uuid::new_v4() };
            let sent = runtime.block_on(async {
                connection.client.batch_execute("BEGIN").await.unwrap();
                send(&connection, &token, &batch).await
            });
            assert!(matches!(sent, (Ok(()), Ok(()))), "{sent:?}");
            let mut left: Vec<Key> =
                (0..MANY).filter(|number| number % 2 == 1 || *number == 2).map(key).collect();
            left.sort();
            assert_eq!(keys(&store, tenant), left);
            assert_eq!(keys(&store, beside).len(), puts.len(), "those of another tenant are there");
            assert!(version == 4 || connection.statements.delete_many.take().is_some());
        }
    }
}

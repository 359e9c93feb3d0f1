use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{join, join3},
};
use rally_core::{
    TenantId,
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};
use tokio_postgres::{Error, Row};
use uuid::Uuid;

use crate::{
    connection::{Connection, Pooled},
    error::{is_conflict, is_lost, store_error, unavailable},
    store::Database,
};

/// A transaction on one tenant. It begins with its first statement, in the same round trip.
pub(crate) struct Transaction {
    pub(crate) database: Arc<Database>,
    pub(crate) tenant: Uuid,
    purpose: Purpose,
    open: RefCell<Option<Open>>,
    /// The values that were read ahead.
    ahead: RefCell<HashMap<Key, Option<Bytes>>>,
    /// Set by the first statement that fails: the transaction can then only be begun anew.
    failure: Cell<Option<Failure>>,
}

/// The purpose of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading one moment.
    Reading,
    /// Writing, with the tenant's head locked, which lets no other write come between.
    Writing,
}

/// The kind of a statement's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another server was quicker or the connection was lost: running it all again may go well.
    Passing,
    /// Running it again will hardly go better.
    Lasting,
}

/// A transaction that has begun.
pub(crate) struct Open {
    pub(crate) connection: Pooled,
    /// The tenant's version, which the lock keeps as it is; 0 when reading.
    pub(crate) version: i64,
}

/// The most times that a first statement is sent, each time on another connection, when the pool's have gone stale.
const ATTEMPTS: usize = 3;

impl Transaction {
    pub(crate) fn new(database: &Arc<Database>, tenant: TenantId, purpose: Purpose) -> Self {
        Self {
            database: Arc::clone(database),
            tenant: tenant.as_uuid(),
            purpose,
            open: RefCell::new(None),
            ahead: RefCell::default(),
            failure: Cell::new(None),
        }
    }

    /// The failure of the first statement that failed.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.get()
    }

    /// Begins if that has not happened, and hands the transaction over.
    pub(crate) fn take_open(&self) -> Result<Open, StoreError> {
        if self.open.borrow().is_none() {
            self.ask(async |_| Ok(()))?;
        }
        self.open.take().ok_or_else(|| unavailable("the transaction has ended".to_owned()))
    }

    /// Sends a statement and waits for what it answers; the first one together with what begins the transaction.
    pub(crate) fn ask<T>(&self, ask: impl AsyncFn(&Connection) -> Result<T, Error>) -> Result<T, StoreError> {
        if self.failure().is_some() {
            return Err(unavailable("an earlier statement of the transaction has failed".to_owned()));
        }
        let mut open = self.open.borrow_mut();
        if let Some(begun) = &*open {
            let answer = self.database.wait_for(ask(&begun.connection));
            return self.judge(answer, &mut open);
        }
        let mut attempt = 1;
        loop {
            let connection = self.database.connection()?;
            let answer = self.database.wait_for(self.begin(&connection, &ask));
            match answer {
                Some(Err(error)) if is_lost(&error) && attempt < ATTEMPTS => {
                    tracing::debug!(%error, "a connection has gone stale");
                    drop(Pooled::take(connection));
                    attempt += 1;
                }
                Some(Ok((version, answer))) => {
                    *open = Some(Open { connection, version });
                    return Ok(answer);
                }
                answer => {
                    *open = Some(Open { connection, version: 0 });
                    return self.judge(answer.map(|answer| answer.map(|(_, answer)| answer)), &mut open);
                }
            }
        }
    }

    /// Tells an answer from a failure, and a failure that may pass from others.
    fn judge<T>(&self, answer: Option<Result<T, Error>>, open: &mut Option<Open>) -> Result<T, StoreError> {
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => {
                let passes = is_conflict(&error) || is_lost(&error);
                self.failure.set(Some(if passes { Failure::Passing } else { Failure::Lasting }));
                Err(store_error(error))
            }
            None => {
                self.failure.set(Some(Failure::Lasting));
                // Whatever is still to come on this connection belongs to nobody.
                open.take().map(|open| Pooled::take(open.connection));
                Err(unavailable("the database does not answer".to_owned()))
            }
        }
    }

    async fn begin<T>(
        &self,
        connection: &Connection,
        ask: impl AsyncFn(&Connection) -> Result<T, Error>,
    ) -> Result<(i64, T), Error> {
        let client = &connection.client;
        if self.purpose == Purpose::Reading {
            let begin = client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
            let (begun, answer) = join(begin, ask(connection)).await;
            return begun.and(answer).map(|answer| (0, answer));
        }
        // Each statement of this level sees what was committed before it, so those behind the lock see the newest state.
        let begin = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
        let (begun, version, answer) = join3(begin, self.lock(connection), ask(connection)).await;
        begun?;
        match version? {
            Some(version) => Ok((version, answer?)),
            None => {
                client.execute(&connection.statements.enroll, &[&self.tenant]).await?;
                let row = client.query_one(&connection.statements.lock, &[&self.tenant]).await?;
                Ok((row.try_get(0)?, ask(connection).await?))
            }
        }
    }

    async fn lock(&self, connection: &Connection) -> Result<Option<i64>, Error> {
        let row = connection.client.query_opt(&connection.statements.lock, &[&self.tenant]).await?;
        row.map(|row| row.try_get(0)).transpose()
    }

    fn read_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let places: Vec<(i16, &[u8])> = keys.iter().map(place).collect();
        let spaces: Vec<i16> = places.iter().map(|place| place.0).collect();
        let rests: Vec<&[u8]> = places.iter().map(|place| place.1).collect();
        let rows = self.ask(async |connection| {
            connection.client.query(&connection.statements.get_many, &[&self.tenant, &spaces, &rests]).await
        })?;
        let mut values = vec![None; keys.len()];
        for row in rows {
            let place: i64 = row.try_get(0).map_err(store_error)?;
            let index = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
            let value = index.and_then(|index| values.get_mut(index));
            let what = || format!("a value at place {place} of {} keys", keys.len());
            *value.ok_or_else(|| StoreError::Corrupt { what: what() })? = Some(bytes(&row, 1)?);
        }
        Ok(values)
    }
}

impl Snapshot for Transaction {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        if let Some(known) = self.ahead.borrow().get(key) {
            return Ok(known.clone());
        }
        let (space, rest) = place(key);
        let row = self.ask(async |connection| {
            connection.client.query_opt(&connection.statements.get, &[&self.tenant, &space, &rest]).await
        })?;
        row.map(|row| bytes(&row, 0)).transpose()
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let known: Option<Vec<Option<Bytes>>> = {
            let ahead = self.ahead.borrow();
            keys.iter().map(|key| ahead.get(key).cloned()).collect()
        };
        known.map_or_else(|| self.read_many(keys), Ok)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        let unknown: Vec<Key> = {
            let ahead = self.ahead.borrow();
            keys.iter().filter(|key| !ahead.contains_key(*key)).cloned().collect()
        };
        if !unknown.is_empty() {
            let values = self.read_many(&unknown)?;
            self.ahead.borrow_mut().extend(unknown.into_iter().zip(values));
        }
        Ok(())
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let (from_space, from) = place(range.start());
        let (to_space, to) = range.end().map_or((BEHIND_ALL_SPACES, &[][..]), place);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.ask(async |connection| {
            let statement = match direction {
                Direction::Forward => &connection.statements.scan_forward,
                Direction::Backward => &connection.statements.scan_backward,
            };
            let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&self.tenant, &from_space, &from, &to_space, &to, &limit];
            connection.client.query(statement, &parameters).await
        })?;
        rows.iter().map(entry).collect()
    }
}

impl Drop for Transaction {
    /// Ends what has begun without waiting for it: the next user of the connection is served behind it.
    fn drop(&mut self) {
        if let Some(Open { connection, .. }) = self.open.take() {
            drop(connection.client.batch_execute("ROLLBACK").now_or_never());
        }
    }
}

/// The first number that is no space.
const BEHIND_ALL_SPACES: i16 = 256;

/// A key as the table has it: its space, and the rest.
#[expect(clippy::expect_used, reason = "a key has at least the byte of its space")]
pub(crate) fn place(key: &Key) -> (i16, &[u8]) {
    let (space, rest) = key.as_bytes().split_first().expect("a key begins with its space");
    (i16::from(*space), rest)
}

fn bytes(row: &Row, column: usize) -> Result<Bytes, StoreError> {
    row.try_get(column).map(Bytes::copy_from_slice).map_err(store_error)
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    let space: i16 = row.try_get(0).map_err(store_error)?;
    let rest: &[u8] = row.try_get(1).map_err(store_error)?;
    let damaged = || StoreError::Corrupt { what: format!("a row in space {space}") };
    let mut whole = Vec::with_capacity(rest.len().saturating_add(1));
    whole.push(u8::try_from(space).map_err(|_| damaged())?);
    whole.extend_from_slice(rest);
    let key = Key::from_bytes(&whole).ok_or_else(damaged)?;
    Ok(Entry { key, value: bytes(row, 2)? })
}

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
    store::{Direction, Entry, Incarnation, Key, KeyRange, Snapshot, Space, StoreError},
};
use tokio_postgres::{Error, Row, types::ToSql};
use uuid::Uuid;

use crate::{
    connection::{Connection, Pooled},
    error::{is_conflict, is_lost, store_error, unavailable},
    signs::Signs,
    store::Database,
    turns::Place,
};

/// A transaction on one tenant. It begins with its first statement, in the same round trip.
pub(crate) struct Transaction {
    pub(crate) database: Arc<Database>,
    pub(crate) tenant: Uuid,
    purpose: Purpose,
    /// The place for its connection, if it has one before it begins.
    place: Cell<Option<Place>>,
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
    /// Given while the lock is held.
    _signs: Option<Signs>,
}

/// The most times that a first statement is sent, each time on another connection, when the pool's have gone stale.
const ATTEMPTS: usize = 3;

impl Transaction {
    pub(crate) fn new(database: &Arc<Database>, tenant: TenantId, purpose: Purpose) -> Self {
        Self {
            database: Arc::clone(database),
            tenant: tenant.as_uuid(),
            purpose,
            place: Cell::new(None),
            open: RefCell::new(None),
            ahead: RefCell::default(),
            failure: Cell::new(None),
        }
    }

    /// Has it begin on a connection at a place that is there already.
    pub(crate) fn at(self, place: Option<Place>) -> Self {
        self.place.set(place);
        self
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
        let mut connection = self.connection()?;
        let mut attempt = 1;
        loop {
            let answer = self.database.wait_for(self.begin(&connection, &ask));
            match answer {
                Some(Err(error)) if is_lost(&error) && attempt < ATTEMPTS => {
                    tracing::debug!(%error, "a connection has gone stale");
                    self.database.connector().note_loss(&connection);
                    connection = self.database.connection_at(connection.close())?;
                    attempt += 1;
                }
                Some(Ok((version, answer))) => {
                    let _signs = self.signs(&connection);
                    *open = Some(Open { connection, version, _signs });
                    return Ok(answer);
                }
                answer => {
                    *open = Some(Open { connection, version: 0, _signs: None });
                    return self.judge(answer.map(|answer| answer.map(|(_, answer)| answer)), &mut open);
                }
            }
        }
    }

    fn signs(&self, connection: &Connection) -> Option<Signs> {
        match self.purpose {
            Purpose::Reading => None,
            Purpose::Writing => self.database.give_signs(connection),
        }
    }

    fn connection(&self) -> Result<Pooled, StoreError> {
        match self.place.take() {
            Some(place) => self.database.connection_at(place),
            None => self.database.connection(self.tenant),
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
                if let Some(Open { connection, .. }) = open.take() {
                    self.database.connector().note_loss(&connection);
                    drop(connection.close());
                }
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
        let begin = client.batch_execute(&self.database.begin_writing);
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
        let (space, from) = place(range.start());
        let until = end_within(range, space);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.ask(async |connection| {
            let scan = &connection.statements.scan;
            let statement = match (direction, until) {
                (Direction::Forward, None) => &scan.forward,
                (Direction::Forward, Some(_)) => &scan.forward_until,
                (Direction::Backward, None) => &scan.backward,
                (Direction::Backward, Some(_)) => &scan.backward_until,
            };
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&self.tenant, &space, &from, &limit];
            if let Some(until) = &until {
                parameters.push(until);
            }
            connection.client.query(statement, &parameters).await
        })?;
        rows.iter().map(|row| entry(range.start().space(), row)).collect()
    }

    /// That of its connection: no connection outlives the time in which its server is the primary.
    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        if self.open.borrow().is_none() {
            self.ask(async |_| Ok(()))?;
        }
        let open = self.open.borrow();
        let ended = || unavailable("the transaction has ended".to_owned());
        Ok(open.as_ref().ok_or_else(ended)?.connection.incarnation)
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

/// The end of a range that is not empty, within its space; `None` when it reaches to the end of that. No range goes on
/// into another space.
fn end_within(range: &KeyRange, space: i16) -> Option<&[u8]> {
    match range.end().map(place) {
        Some((end, rest)) if end == space => Some(rest),
        _ => None,
    }
}

/// A key as the table has it: its space, and the rest.
#[expect(clippy::expect_used, reason = "a key has at least the byte of its space")]
pub(crate) fn place(key: &Key) -> (i16, &[u8]) {
    let (space, rest) = key.as_bytes().split_first().expect("a key begins with its space");
    (i16::from(*space), rest)
}

fn bytes(row: &Row, column: usize) -> Result<Bytes, StoreError> {
    row.try_get(column).map(Bytes::copy_from_slice).map_err(store_error)
}

fn entry(space: Space, row: &Row) -> Result<Entry, StoreError> {
    let rest: &[u8] = row.try_get(0).map_err(store_error)?;
    Ok(Entry { key: Key::new(space).bytes(rest), value: bytes(row, 1)? })
}

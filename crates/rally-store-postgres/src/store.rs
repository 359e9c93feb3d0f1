use std::{fmt, future::Future, sync::Arc, time::Duration};

use deadpool::{
    Runtime as PoolRuntime,
    managed::{Pool, PoolError},
};
use futures_util::future::join_all;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, CommitTally, Figures, GroupOptions, Limits, Snapshot, Store, StoreError},
};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::{
    OpenError, Options,
    address::Address,
    connection::{Connection, Connector, Pooled, milliseconds},
    error::{pool_error, unavailable},
    group::Queues,
    probe::Probe,
    signs::Signs,
    transaction::{Purpose, Transaction},
    turns::{Place, Turns},
};

const LIMITS: Limits = Limits { value_bytes: 16 << 20, batch_bytes: 256 << 20, ..Limits::LEAST };

/// Between two questions to a database that did not answer.
const PAUSE: Duration = Duration::from_millis(100);

const ALL_IN_USE: &str = "all connections to the database that the tenant may have are in use";

/// A [`Store`] in a PostgreSQL database, which other processes may use at the same time.
///
/// Calls wait on the thread that makes them, which may be one of an async runtime: the connections are driven by threads
/// of the store's own. A `build` must not write to the tenant that it builds for: it would wait for itself.
pub struct PostgresStore {
    database: Arc<Database>,
    queues: Queues,
}

/// The connections, and the threads that drive them.
pub(crate) struct Database {
    pool: Pool<Connector>,
    turns: Arc<Turns>,
    pub(crate) probe: Probe,
    pub(crate) commits: CommitTally,
    options: Options,
    /// The statement that begins a write.
    pub(crate) begin_writing: String,
    /// Gone only while the store is dropped.
    runtime: Option<Runtime>,
    /// The number of round trips to the database.
    #[cfg(test)]
    round_trips: std::sync::atomic::AtomicUsize,
}

impl PostgresStore {
    /// Connects to the database that a URL names, and makes the tables that are missing.
    ///
    /// The URL is one of libpq's: `postgres://user:password@host:port/database`, with several hosts separated by commas,
    /// of which the primary is used; `sslmode` and `sslrootcert` mean what they mean there. `schema` names the schema of
    /// the tables, `rally` if it does not.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do about it.
    pub fn open(url: &str, options: Options) -> Result<Self, OpenError> {
        let store = Self::start(url, options)?;
        store.database.connect()?;
        Ok(store)
    }

    /// [`open`](Self::open), which does not fail when nobody answers at present. The store is unavailable until somebody
    /// does.
    ///
    /// # Errors
    /// Those of `open` but for [`OpenError::Unreachable`].
    pub fn open_when_reachable(url: &str, options: Options) -> Result<Self, OpenError> {
        let store = Self::start(url, options)?;
        match store.database.connect() {
            Err(error) if error.is_unreachable() => {
                tracing::warn!(%error, "the database is away");
                Ok(store)
            }
            connected => connected.map(|()| store),
        }
    }

    /// The hosts and the database, for people: without user and password.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.database.pool.manager().address().place
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    fn start(url: &str, options: Options) -> Result<Self, OpenError> {
        let connector = Connector::new(Address::parse(url)?, options)?;
        let failed = |reason: String| OpenError::Unreachable { place: "this machine".to_owned(), reason };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("rally-postgres")
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let pool = Pool::builder(connector)
            .max_size(options.places())
            .wait_timeout(Some(options.wait))
            .runtime(PoolRuntime::Tokio1)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let database = Database {
            pool,
            turns: Arc::new(Turns::new(options.places(), options.share_of_places())),
            probe: Probe::default(),
            commits: CommitTally::default(),
            options,
            begin_writing: begin_writing(&options),
            runtime: Some(runtime),
            #[cfg(test)]
            round_trips: Default::default(),
        };
        Ok(Self { database: Arc::new(database), queues: Queues::new(groups(&options)) })
    }
}

/// A write is run again when another server was quicker or the connection was lost.
pub(crate) fn groups(options: &Options) -> GroupOptions {
    GroupOptions {
        limits: LIMITS,
        members: GroupOptions::MEMBERS,
        bytes: 16 << 20,
        time: options.group_time,
        attempts: 5,
    }
}

/// Each statement of this level sees what was committed before it, so those behind the lock see the newest state. The
/// lock keeps others waiting, so a silent server does not keep it as long as a view may be silent.
fn begin_writing(options: &Options) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL idle_in_transaction_session_timeout TO {}",
        milliseconds(options.idle_write),
    )
}

impl Store for PostgresStore {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn is_shared(&self) -> bool {
        true
    }

    /// Asks on a connection of its own, so that busy ones do not look like a database that is away.
    fn ready(&self) -> Result<(), StoreError> {
        self.database.ready()
    }

    fn figures(&self) -> Figures {
        let (commits, pool) = (self.database.commits.read(), self.database.turns.figures());
        Figures { commits: Some(commits), pool: Some(pool), ..Figures::default() }
    }

    fn snapshot(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(Transaction::new(&self.database, tenant, Purpose::Reading)))
    }

    fn write(
        &self,
        tenant: TenantId,
        build: &mut dyn FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
    ) -> Result<Commit, StoreError> {
        self.queues.write(&self.database, tenant, build)
    }
}

impl Database {
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// A connection that nobody else uses, of those that a tenant may have.
    pub(crate) fn connection(&self, tenant: Uuid) -> Result<Pooled, StoreError> {
        let place = self.turns.take(tenant, self.options.wait);
        self.connection_at(place.ok_or_else(|| unavailable(ALL_IN_USE.to_owned()))?)
    }

    /// The callers that wait for a connection.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.turns.waiting()
    }

    /// A connection for a place that is there already.
    pub(crate) fn connection_at(&self, place: Place) -> Result<Pooled, StoreError> {
        let connection = self.block_on(self.pool.get()).map_err(pool_error)?;
        Ok(Pooled::new(connection, place))
    }

    pub(crate) fn connector(&self) -> &Connector {
        self.pool.manager()
    }

    /// Waits for an answer of the database; `None` when it takes longer than [`Options::answer`].
    pub(crate) fn wait_for<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        #[cfg(test)]
        self.round_trips.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let limit = self.options.answer;
        // A timer is made within the runtime that it is to run on.
        self.block_on(async { tokio::time::timeout(limit, answer).await }).ok()
    }

    /// Gives signs of life on a connection, as long as they are kept.
    pub(crate) fn give_signs(&self, connection: &Connection) -> Option<Signs> {
        self.runtime.as_ref().map(|runtime| Signs::on(&connection.client, &self.options, runtime))
    }

    pub(crate) fn pause(&self) {
        self.block_on(async { tokio::time::sleep(PAUSE).await });
    }

    /// Makes the connections that are to be there ahead. Only the first of them must come about: it tells whether the
    /// database is the right one, and a call that needs another one is told why there is none.
    fn connect(&self) -> Result<(), OpenError> {
        let first = self.block_on(self.pool.get()).map_err(|error| match error {
            PoolError::Backend(error) => error,
            error => OpenError::Unreachable {
                place: self.connector().address().place.clone(),
                reason: error.to_string(),
            },
        })?;
        // Each is kept until all are there, as the pool makes another one only while none is free.
        let others = (1..self.options.places_ahead()).map(|_| self.pool.get());
        let made = self.block_on(join_all(others));
        if let Some(error) = made.iter().find_map(|made| made.as_ref().err()) {
            tracing::warn!(%error, "the database does not take as many connections as the store may have");
        }
        drop((first, made));
        Ok(())
    }

    /// Waits on this thread, whatever runtime it may belong to: timers and sockets are those of the store's own.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let _context = self.runtime.as_ref().map(Runtime::enter);
        // A task's budget is renewed only when the task yields, which it cannot do while it waits here.
        pollster::block_on(tokio::task::unconstrained(future))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.pool.close();
        // Waiting for it is forbidden on the threads of another runtime, and nothing is left to wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.database.connector().address();
        f.debug_struct("PostgresStore")
            .field("place", &address.place)
            .field("schema", &address.schema)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult};
use futures_util::future::join;
use parking_lot::Mutex;
use rally_core::store::Incarnation;
use tokio_postgres::{Client, Error, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    OpenError, Options,
    address::Address,
    schema::{self, Tables},
    statements::Statements,
    turns::Place,
};

/// A connection with everything prepared.
pub(crate) struct Connection {
    pub(crate) client: Arc<Client>,
    pub(crate) statements: Statements,
    /// The incarnation of the database that it leads to.
    pub(crate) incarnation: Incarnation,
    /// The instant at which it began to be made.
    made: Instant,
}

/// Makes connections, and looks whether those that come back are still sound.
pub(crate) struct Connector {
    address: Address,
    tls: MakeRustlsConnect,
    options: Options,
    /// Connections that were made before are not used again.
    sound_since: Mutex<Instant>,
    /// True once the tables have been seen: nobody but their owner may make them anew.
    has_tables: AtomicBool,
}

/// A connection that goes back to the pool when it is dropped, and then gives up its place.
pub(crate) struct Pooled {
    connection: Object<Connector>,
    place: Place,
}

impl Pooled {
    pub(crate) fn new(connection: Object<Connector>, place: Place) -> Self {
        Self { connection, place }
    }

    /// Closes the connection, and keeps its place for another one.
    pub(crate) fn close(self) -> Place {
        drop(Object::take(self.connection));
        self.place
    }
}

impl Deref for Pooled {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Connector {
    pub(crate) fn new(mut address: Address, options: Options) -> Result<Self, OpenError> {
        let place = address.place.clone();
        let tls = address.tls.connector().map_err(|reason| OpenError::Tls { place, reason })?;
        address.notice_silence(options.silence);
        let (sound_since, has_tables) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        Ok(Self { address, tls, options, sound_since, has_tables })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Takes the loss of a connection for that of all that were made until now: the server was started again, or
    /// something between has forgotten them. The loss of one that is already distrusted is no news.
    pub(crate) fn note_loss(&self, lost: &Connection) {
        let mut sound_since = self.sound_since.lock();
        if lost.made >= *sound_since {
            *sound_since = Instant::now();
        }
    }

    /// Has every connection made anew, which looks at the tables again.
    pub(crate) fn distrust_all(&self) {
        *self.sound_since.lock() = Instant::now();
    }

    pub(crate) async fn connect(&self) -> Result<Connection, OpenError> {
        let (place, made) = (&self.address.place, Instant::now());
        let connected = self.address.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| OpenError::from_connecting(place, &error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL has ended");
            }
        });
        let set = client.batch_execute(&self.settings()).await;
        set.map_err(|error| OpenError::from_set_up(place, &error))?;
        let overruled = client.batch_execute(DURABLE).await;
        overruled.map_err(|error| OpenError::from_set_up(place, &error))?;
        for wished in [PLANS, &self.sockets(), &self.watch()] {
            // Engines that only speak PostgreSQL's language need not know these.
            if let Err(error) = client.batch_execute(wished).await {
                tracing::debug!(%error, wished, "the database goes without a setting");
            }
        }
        self.see_tables(&client).await?;
        let (prepared, told) = join(Statements::prepare(&client), incarnation(&client)).await;
        let statements = prepared.map_err(|error| OpenError::from_set_up(place, &error))?;
        let incarnation = told.map_err(|error| OpenError::from_set_up(place, &error))?;
        Ok(Connection { client: Arc::new(client), statements, incarnation, made })
    }

    /// Makes the tables if they have never been there, and checks that they are of the version that is known.
    async fn see_tables(&self, client: &Client) -> Result<(), OpenError> {
        let has_tables = self.has_tables.load(Ordering::Relaxed);
        let tables = if has_tables { Tables::MustBeThere } else { Tables::MayBeMissing };
        schema::ensure(client, &self.address, tables).await?;
        self.has_tables.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn settings(&self) -> String {
        format!(
            "SET search_path TO \"{}\"; SET lock_timeout TO {}; SET idle_in_transaction_session_timeout TO {}",
            self.address.schema,
            milliseconds(self.options.wait),
            milliseconds(self.options.idle_read),
        )
    }

    /// The settings by which the server notices that this end is gone.
    fn sockets(&self) -> String {
        let seconds = self.options.silence.as_secs().clamp(1, 3_600);
        format!(
            "SET tcp_user_timeout TO {}; SET tcp_keepalives_idle TO {seconds};
             SET tcp_keepalives_interval TO 1; SET tcp_keepalives_count TO {seconds}",
            milliseconds(self.options.silence),
        )
    }

    /// The setting by which it does so while it waits for a lock.
    fn watch(&self) -> String {
        format!("SET client_connection_check_interval TO {}", milliseconds(self.options.silence))
    }
}

/// The incarnation of the database: the cluster's own number and its timeline, a new one of which begins when a standby is
/// promoted and when a copy is recovered. Engines that have none of these are taken for ones that lose nothing.
async fn incarnation(client: &Client) -> Result<Incarnation, Error> {
    let told = match client.query_one(INCARNATION, &[]).await {
        Ok(row) => row,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => return Ok(Incarnation::ONLY),
        Err(error) => return Err(error),
    };
    let (cluster, timeline): (i64, i64) = (told.try_get(0)?, told.try_get(1)?);
    let number = |told: i64| u128::from(u64::from_le_bytes(told.to_le_bytes()));
    Ok(Incarnation::from_number(number(cluster) << 64 | number(timeline)))
}

/// The first eight digits of a file of the log are its timeline. The checkpoint's is behind after a promotion.
const INCARNATION: &str = "
SELECT (pg_control_system()).system_identifier,
    ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 16, '0'))::bit(64)::int8";

/// As the database takes a limit: none is zero, and it counts in 32 bits.
pub(crate) fn milliseconds(limit: Duration) -> u128 {
    const MOST: u128 = 0x7FFF_FFFF;
    limit.as_millis().clamp(1, MOST)
}

/// A commit is on disk before it is answered; what waits for standbys besides is the operator's to say.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit', true) = 'off'";

/// Every statement goes by the primary key, whatever the statistics say of a table that has just been filled.
const PLANS: &str = "
SET jit TO off; SET plan_cache_mode TO force_generic_plan; SET enable_seqscan TO off; SET enable_bitmapscan TO off;
SET enable_sort TO off; SET enable_hashjoin TO off; SET enable_mergejoin TO off";

impl managed::Manager for Connector {
    type Type = Connection;
    type Error = OpenError;

    async fn create(&self) -> Result<Connection, OpenError> {
        let limit = self.options.connect;
        tokio::time::timeout(limit, self.connect()).await.unwrap_or_else(|_| {
            let reason = format!("it was not ready within {limit:?}");
            Err(OpenError::Unreachable { place: self.address.place.clone(), reason })
        })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<OpenError> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("it is closed"));
        }
        if connection.made < *self.sound_since.lock() {
            return Err(RecycleError::message("one of its time was lost"));
        }
        Ok(())
    }
}

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{OpenError, Options, address::Address, schema, statements::Statements};

/// A connection with everything prepared.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) statements: Statements,
}

/// Makes connections, and looks whether those that come back are still sound.
pub(crate) struct Connector {
    address: Address,
    tls: MakeRustlsConnect,
    options: Options,
}

/// A connection that goes back to the pool when it is dropped.
pub(crate) type Pooled = managed::Object<Connector>;

impl Connector {
    pub(crate) fn new(address: Address, options: Options) -> Result<Self, OpenError> {
        let place = address.place.clone();
        let tls = address.tls.connector().map_err(|reason| OpenError::Tls { place, reason })?;
        Ok(Self { address, tls, options })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    async fn connect(&self) -> Result<Connection, OpenError> {
        let place = &self.address.place;
        let connected = self.address.config.connect(self.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| OpenError::from_connecting(place, &error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL has ended");
            }
        });
        let settings = self.settings();
        let set = client.batch_execute(&settings).await;
        set.map_err(|error| OpenError::from_set_up(place, &error))?;
        let overruled = client.batch_execute(DURABLE).await;
        overruled.map_err(|error| OpenError::from_set_up(place, &error))?;
        // Engines that only speak PostgreSQL's language need not know these.
        if let Err(error) = client.batch_execute(PLANS).await {
            tracing::debug!(%error, "the database plans as it likes");
        }
        schema::ensure(&client, &self.address).await?;
        let prepared = Statements::prepare(&client).await;
        let statements = prepared.map_err(|error| OpenError::from_set_up(place, &error))?;
        Ok(Connection { client, statements })
    }

    fn settings(&self) -> String {
        format!(
            "SET search_path TO \"{}\"; SET lock_timeout TO {}; SET idle_in_transaction_session_timeout TO 60000",
            self.address.schema,
            self.options.wait.as_millis().max(1),
        )
    }
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
        if connection.client.is_closed() { Err(RecycleError::message("it is closed")) } else { Ok(()) }
    }
}

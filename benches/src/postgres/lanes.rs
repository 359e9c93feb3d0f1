use std::{future::Future, ops::Deref};

use futures_util::future::join4;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, Statement, types::ToSql};

use super::statements::{SCHEMA, Statements};

/// A pool of connections: each thread takes one for as long as it needs it.
pub(super) struct Lanes {
    config: Config,
    idle: Mutex<Vec<Lane>>,
}

/// A connection that is driven by the thread which waits for it, so that no answer passes from thread to thread.
pub(super) struct Lane {
    pub(super) client: Client,
    pub(super) statements: Statements,
    runtime: Runtime,
}

pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A statement and its parameters.
type Work<'a> = (&'a Statement, Vec<Parameter<'a>>);

/// A connection on loan.
pub(super) struct Taken<'l> {
    lanes: &'l Lanes,
    lane: Option<Lane>,
}

impl Lanes {
    pub(super) fn open(url: &str) -> Self {
        let config: Config = url.parse().expect("a URL");
        let (runtime, client) = connect(&config);
        runtime.block_on(client.batch_execute(SCHEMA)).expect("a schema");
        Self { config, idle: Mutex::default() }
    }

    /// A connection that is free, or else a new one.
    pub(super) fn take(&self) -> Taken<'_> {
        let idle = self.idle.lock().pop();
        Taken { lanes: self, lane: Some(idle.unwrap_or_else(|| Lane::open(&self.config))) }
    }
}

impl Lane {
    fn open(config: &Config) -> Self {
        let (runtime, client) = connect(config);
        let statements = runtime.block_on(Statements::prepare(&client)).expect("statements");
        Self { client, statements, runtime }
    }

    pub(super) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Runs two statements in a transaction. All four messages are sent at once, so it is one round trip: if a
    /// statement fails, the commit rolls back.
    pub(super) fn transact<'s>(&'s self, both: impl FnOnce(&'s Statements) -> [Work<'s>; 2]) {
        let client = &self.client;
        let [(first, one), (second, two)] = both(&self.statements);
        let (begun, first, second, committed) = self.wait(join4(
            client.batch_execute("BEGIN"),
            client.execute(first, &one),
            client.execute(second, &two),
            client.batch_execute("COMMIT"),
        ));
        begun.and(first).and(second).and(committed.map(|()| 1)).expect("a transaction");
    }
}

fn connect(config: &Config) -> (Runtime, Client) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (client, connection) = runtime.block_on(config.connect(NoTls)).expect("a connection");
    runtime.spawn(connection);
    (runtime, client)
}

impl Deref for Taken<'_> {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        self.lane.as_ref().expect("it is given back only at the end")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.lanes.idle.lock().extend(self.lane.take());
    }
}

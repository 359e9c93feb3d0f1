use std::{future::Future, ops::Deref};

use futures_util::future::{join_all, join3};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, NoTls, Statement, types::ToSql};

use super::statements::{SAME, SCHEMA, Statements};
use crate::Indexes;

/// A pool of connections: each thread takes one for as long as it needs it.
pub(super) struct Lanes {
    config: Config,
    indexes: Indexes,
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
pub(super) type Work<'a> = (&'a Statement, Vec<Parameter<'a>>);

/// A connection on loan.
pub(super) struct Taken<'l> {
    lanes: &'l Lanes,
    lane: Option<Lane>,
}

impl Lanes {
    pub(super) fn open(url: &str, indexes: Indexes) -> Self {
        let mut config: Config = url.parse().expect("a URL");
        // Each baseline has a schema of its own, so that both can be in one database.
        let schema = match indexes {
            Indexes::Bare => "bare",
            Indexes::Same => "same",
        };
        config.options(format!("-c search_path={schema}"));
        let (runtime, client) = connect(&config);
        let tables = format!("CREATE SCHEMA {schema}; {SCHEMA}");
        runtime.block_on(client.batch_execute(&tables)).expect("a schema");
        if indexes == Indexes::Same {
            runtime.block_on(client.batch_execute(SAME)).expect("more of the schema");
        }
        Self { config, indexes, idle: Mutex::default() }
    }

    /// A connection that is free, or else a new one.
    pub(super) fn take(&self) -> Taken<'_> {
        let idle = self.idle.lock().pop();
        Taken { lanes: self, lane: Some(idle.unwrap_or_else(|| Lane::open(&self.config, self.indexes))) }
    }
}

impl Lane {
    fn open(config: &Config, indexes: Indexes) -> Self {
        let (runtime, client) = connect(config);
        let statements = runtime.block_on(Statements::prepare(&client, indexes)).expect("statements");
        Self { client, statements, runtime }
    }

    pub(super) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// Runs statements in a transaction. All messages are sent at once, so it is one round trip: if a statement fails,
    /// the commit rolls back.
    pub(super) fn transact<'s>(&'s self, statements: impl FnOnce(&'s Statements) -> Vec<Work<'s>>) {
        let client = &self.client;
        let work = statements(&self.statements);
        let execute = work.iter().map(|(statement, parameters)| client.execute(*statement, parameters));
        let (begun, done, committed) = self.wait(join3(
            client.batch_execute("BEGIN"),
            join_all(execute),
            client.batch_execute("COMMIT"),
        ));
        begun.expect("a transaction");
        for rows in done {
            rows.expect("a statement");
        }
        committed.expect("a commit");
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

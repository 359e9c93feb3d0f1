//! Signs of life: a write that computes for long is told from a server that was cut off.

use std::{sync::Arc, time::Duration};

use tokio::{runtime::Runtime, task::AbortHandle};
use tokio_postgres::Client;

use crate::Options;

/// Signs on a connection, which end with this.
pub(crate) struct Signs(AbortHandle);

/// The signs that are given in the time after which a silent write is ended.
const TIMES: u32 = 3;

impl Signs {
    /// Begins to give them. They end by themselves when a write has taken as long as a view may be silent.
    pub(crate) fn on(client: &Arc<Client>, options: &Options, runtime: &Runtime) -> Self {
        let every = (options.idle_write / TIMES).max(Duration::from_millis(1));
        let (client, longest) = (Arc::clone(client), options.idle_read);
        let giving = runtime.spawn(async move { tokio::time::timeout(longest, give(&client, every)).await });
        Self(giving.abort_handle())
    }
}

async fn give(client: &Client, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        // An empty statement changes nothing, not even in a transaction that has failed.
        if client.batch_execute("").await.is_err() {
            return;
        }
    }
}

impl Drop for Signs {
    fn drop(&mut self) {
        self.0.abort();
    }
}

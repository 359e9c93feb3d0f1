use axum::Router;
use rally_core::{Engine, limits};

/// How an engine is offered over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Hosts under which the first label names a tenant: with `localhost`, `acme.localhost` names `acme`.
    pub host_suffixes: Vec<String>,
    /// Requests without a valid credential a minute and source address; 0 for no limit.
    pub failed_credentials_per_minute: u32,
    /// Where the engine works.
    pub work_on: WorkOn,
}

/// Where the engine works on a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkOn {
    /// On threads that may wait, for a store that does.
    #[default]
    BlockingThreads,
    /// On the thread that serves the connection, for a store that never waits: it saves two changes of thread.
    ServingThread,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host_suffixes: vec!["localhost".to_owned()],
            failed_credentials_per_minute: limits::FAILED_CREDENTIALS_PER_MINUTE,
            work_on: WorkOn::BlockingThreads,
        }
    }
}

/// The whole API of an engine, as a service that may stand in a host's own server.
///
/// Source addresses come from axum's `ConnectInfo<SocketAddr>`; requests without one count as one source.
pub fn router(engine: Engine, config: Config) -> Router {
    drop((engine, config));
    Router::new()
}

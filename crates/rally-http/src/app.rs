use std::{net::IpAddr, sync::Arc};

use axum::{Router, middleware};
use parking_lot::Mutex;
use rally_core::{Code, Engine, Error, Limiter, limits};

use crate::{
    cors, door,
    logins::Logins,
    problem::Problem,
    request_id::RequestIds,
    routes::{self, Route},
    tokens::Secrets,
};

/// How an engine is offered over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Hosts under which the first label names a tenant: with `localhost`, `acme.localhost` names `acme`.
    pub host_suffixes: Vec<String>,
    /// Requests without a valid credential a minute and source address; 0 for no limit.
    pub failed_credentials_per_minute: u32,
    /// Origins of pages that may call the API from a browser, such as `https://app.example`; none unless they are named.
    pub cors_origins: Vec<String>,
    /// Where the engine works.
    pub work_on: WorkOn,
}

/// Where the engine works on a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkOn {
    /// On threads that may wait: for a store whose reads wait too, such as one behind a network.
    #[default]
    BlockingThreads,
    /// Reads on the thread that serves the connection, writes on threads that may wait: for a store in a file, whose
    /// reads seldom wait. It saves a read its changes of thread, which cost more than the read.
    BlockingThreadsForWrites,
    /// On the thread that serves the connection: for a store that never waits.
    ServingThread,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host_suffixes: vec!["localhost".to_owned()],
            failed_credentials_per_minute: limits::FAILED_CREDENTIALS_PER_MINUTE,
            cors_origins: Vec::new(),
            work_on: WorkOn::BlockingThreads,
        }
    }
}

/// What every request needs.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    engine: Engine,
    config: Config,
    /// Counts the requests without a valid credential of each source.
    strangers: Limiter<IpAddr>,
    logins: Logins,
    secrets: Mutex<Option<Secrets>>,
    request_ids: RequestIds,
}

impl App {
    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn strangers(&self) -> &Limiter<IpAddr> {
        &self.0.strangers
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    pub(crate) fn known_secrets(&self) -> &Mutex<Option<Secrets>> {
        &self.0.secrets
    }

    pub(crate) fn request_ids(&self) -> &RequestIds {
        &self.0.request_ids
    }
}

/// The whole API of an engine, as a service that may stand in a host's own server.
///
/// A host may nest it under a path of its own, or merge it into a router that has no fallback, as this one has: what is
/// nowhere is answered as a problem.
///
/// Source addresses come from axum's `ConnectInfo<SocketAddr>`; requests without one count as from this machine.
pub fn router(engine: Engine, config: Config) -> Router {
    let cors = cors::layer(&config.cors_origins);
    let app = App(Arc::new(Inner {
        engine,
        config,
        strangers: Limiter::new(),
        logins: Logins::new(),
        secrets: Mutex::default(),
        request_ids: RequestIds::new(),
    }));
    let router = Router::new()
        .merge(table("/api/v1", routes::api()))
        // Not nested, as the path of a nested route lacks what it is nested under.
        .merge(table("/api", routes::api()))
        .merge(table("", routes::operations()))
        .merge(table("", routes::assets()))
        .method_not_allowed_fallback(async || {
            Problem(Error::new(Code::MethodNotAllowed, "this path does not take this method; see Allow"))
        })
        .fallback(async || Problem(Error::new(Code::NotFound, "there is nothing at this path")))
        .layer(middleware::from_fn_with_state(app.clone(), door::pass))
        .with_state(app);
    match cors {
        // A browser asks before it sends a credential, so this stands before the door.
        Some(cors) => router.layer(cors),
        None => router,
    }
}

fn table(base: &str, routes: Vec<Route>) -> Router<App> {
    let add =
        |router: Router<App>, route: Route| router.route(&format!("{base}{}", route.path), route.handler);
    routes.into_iter().fold(Router::new(), add)
}

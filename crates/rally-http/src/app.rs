use std::sync::Arc;

use axum::{body::Bytes, extract::FromRef};
use rally_core::Engine;

use crate::{
    anonymous::AnonymousCallers, budget::Budget, config::Config, hashing::Hashing, lanes::Lanes, limits,
    logins::Logins, metrics::Meters, outbox::OutboxWatch, proxies::ProxyWatch, readiness::Readiness,
    request_id::RequestIds, tokens::Tokens, walks::Walks,
};

tokio::task_local! {
    /// The app that answers the request at hand, where one router answers for several.
    static ANSWERING: App;
}

/// The state that all requests share.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

/// The state of a router: the app that answers requests, unless another is [named](App::answering) for one.
#[derive(Clone, Debug)]
pub(crate) struct Apps(pub(crate) App);

impl FromRef<Apps> for App {
    fn from_ref(apps: &Apps) -> Self {
        ANSWERING.try_with(App::clone).unwrap_or_else(|_| apps.0.clone())
    }
}

#[derive(Debug)]
struct Shared {
    engine: Engine,
    config: Arc<Config>,
    anonymous: AnonymousCallers,
    hashing: Hashing,
    lanes: Lanes,
    logins: Logins,
    tokens: Tokens,
    proxies: ProxyWatch,
    readiness: Readiness,
    request_ids: RequestIds,
    budget: Budget,
    uploads: Budget,
    walks: Walks,
    meters: Arc<Meters>,
    outbox: OutboxWatch,
    document: fn() -> Bytes,
}

impl App {
    /// The state before the first request. `routes` are the patterns of paths, each with its name among the metrics;
    /// `document` returns the JSON of the OpenAPI document.
    pub(crate) fn new(
        engine: Engine,
        config: Config,
        routes: impl Iterator<Item = (String, String)>,
        document: fn() -> Bytes,
    ) -> Self {
        let per_source = config.failed_credentials_per_minute;
        let hashing = Hashing::new(config.passwords_at_once, config.passwords_waiting);
        Self(Arc::new(Shared {
            anonymous: AnonymousCallers::new(per_source, &config.guesses),
            logins: Logins::new(engine.clone(), hashing.clone(), per_source, config.guesses),
            hashing,
            lanes: Lanes::new(&config),
            tokens: Tokens::new(engine.clone()),
            proxies: ProxyWatch::default(),
            readiness: Readiness::default(),
            request_ids: RequestIds::new(),
            budget: Budget::new(config.body_budget, limits::BULK_BODY_BYTES),
            uploads: Budget::new(config.files.disk_budget, config.files.body_bytes),
            walks: Walks::new(config.walks),
            meters: Arc::new(Meters::new(&config.metrics, routes)),
            outbox: OutboxWatch::default(),
            engine,
            config: Arc::new(config),
            document,
        }))
    }

    /// The state for another engine. The two share what bounds the work and the memory of a process.
    pub(crate) fn beside(&self, engine: Engine) -> Self {
        let Shared { config, hashing, lanes, budget, uploads, meters, .. } = &*self.0;
        let per_source = config.failed_credentials_per_minute;
        Self(Arc::new(Shared {
            anonymous: AnonymousCallers::new(per_source, &config.guesses),
            logins: Logins::new(engine.clone(), hashing.clone(), per_source, config.guesses),
            hashing: hashing.clone(),
            lanes: lanes.clone(),
            tokens: Tokens::new(engine.clone()),
            proxies: ProxyWatch::default(),
            readiness: Readiness::default(),
            request_ids: RequestIds::new(),
            budget: budget.clone(),
            uploads: uploads.clone(),
            walks: Walks::new(config.walks),
            meters: Arc::clone(meters),
            outbox: OutboxWatch::default(),
            engine,
            config: Arc::clone(config),
            document: self.0.document,
        }))
    }

    /// Has a router answer by this app for as long as some work runs.
    pub(crate) async fn answering<T>(self, work: impl Future<Output = T>) -> T {
        ANSWERING.scope(self, work).await
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn anonymous(&self) -> &AnonymousCallers {
        &self.0.anonymous
    }

    /// The turns at hashing passwords.
    pub(crate) fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    /// The lanes of the engine's work.
    pub(crate) fn lanes(&self) -> &Lanes {
        &self.0.lanes
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn proxies(&self) -> &ProxyWatch {
        &self.0.proxies
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }

    pub(crate) fn request_ids(&self) -> &RequestIds {
        &self.0.request_ids
    }

    /// The bytes of bodies that may be in memory.
    pub(crate) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// The bytes of files that may be on the disk while they are read or sent.
    pub(crate) fn uploads(&self) -> &Budget {
        &self.0.uploads
    }

    /// The ends of pages that were read by offset.
    pub(crate) fn walks(&self) -> &Walks {
        &self.0.walks
    }

    /// The counts of requests.
    pub(crate) fn meters(&self) -> &Meters {
        &self.0.meters
    }

    /// The figures of the events that wait to be delivered.
    pub(crate) fn outbox(&self) -> &OutboxWatch {
        &self.0.outbox
    }

    /// The JSON of the OpenAPI document.
    pub(crate) fn document(&self) -> Bytes {
        (self.0.document)()
    }
}

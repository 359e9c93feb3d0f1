use std::sync::Arc;

use rally_core::Engine;

use crate::{
    anonymous::AnonymousCallers, config::Config, hashing::Hashing, logins::Logins, request_id::RequestIds,
    tokens::Tokens,
};

/// The state that all requests share.
#[derive(Clone, Debug)]
pub(crate) struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Engine,
    config: Config,
    anonymous: AnonymousCallers,
    hashing: Hashing,
    logins: Logins,
    tokens: Tokens,
    request_ids: RequestIds,
    document: fn() -> &'static [u8],
}

impl App {
    /// The state before the first request. `document` returns the JSON of the OpenAPI document.
    pub(crate) fn new(engine: Engine, config: Config, document: fn() -> &'static [u8]) -> Self {
        let hashing = Hashing::new(config.passwords_waiting);
        Self(Arc::new(Shared {
            anonymous: AnonymousCallers::new(config.failed_credentials_per_minute),
            logins: Logins::new(engine.clone(), hashing.clone()),
            hashing,
            tokens: Tokens::new(engine.clone()),
            request_ids: RequestIds::new(),
            engine,
            config,
            document,
        }))
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
    #[expect(dead_code, reason = "writes of users take turns next")]
    pub(crate) fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    pub(crate) fn logins(&self) -> &Logins {
        &self.0.logins
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    pub(crate) fn request_ids(&self) -> &RequestIds {
        &self.0.request_ids
    }

    /// The JSON of the OpenAPI document.
    pub(crate) fn document(&self) -> &'static [u8] {
        (self.0.document)()
    }
}

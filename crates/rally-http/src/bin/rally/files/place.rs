use std::sync::Arc;

use rally_core::{Config, Engine, Environment, Session};

use super::arguments::PlaceArguments;
use crate::{
    admin,
    arguments::ServerArguments,
    client::Client,
    failure::Failure,
    store::{Location, Need},
};

impl PlaceArguments {
    /// Does something in a session of the tenant on the store, which is closed thereafter.
    pub(crate) fn on_store<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.store.store == Location::Memory {
            return Err(Failure::new(
                "a store in memory is gone when this command ends; name one that stays with --store redb:PATH or \
                 --store postgres://URL, or a server with --url",
            ));
        }
        let opened = self.store.open(Need::Existing, admin::recovery_told_once())?;
        let engine = Engine::with(Arc::clone(&opened.store), Environment::system(), Config::default());
        let done = admin::session(&engine, &self.tenant, name).and_then(|session| work(&session));
        drop(engine);
        let closed =
            (opened.close)().map_err(|error| Failure::new(format!("the store was not closed: {error}")));
        done.and_then(|done| closed.map(|()| done))
    }

    /// A client of the server that is named; `None` if none is.
    pub(crate) async fn client(&self) -> Result<Option<Client>, Failure> {
        let Some(server) = &self.url else { return Ok(None) };
        let on = ServerArguments {
            tenant: self.tenant.clone(),
            server: server.clone(),
            roots: self.roots.clone(),
            api_key: self.api_key.clone(),
            json: false,
        };
        Client::open(&on).await.map(Some)
    }
}

//! The announcement of a server on stdout, for the program or the person that started it.

use std::time::Duration;

use rally_core::Engine;
use serde::Serialize;

use crate::{
    admin,
    failure::Failure,
    store::Place,
    tenants::{ReadyTenant, WantedTenants},
};

/// The pause between two attempts to create the tenants in a store that does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Announces the URL of a server, as text or as JSON.
pub(crate) struct Announcer {
    pub(crate) url: String,
    pub(crate) has_console: bool,
    pub(crate) place: Place,
    pub(crate) json: bool,
}

/// The announcement as JSON.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    /// The address of the console, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    console: Option<String>,
    store: &'a str,
    tenants: &'a [ReadyTenant],
}

impl Announcer {
    /// Makes the tenants and announces them. If the store is away, announces none, and all once it is back.
    pub(crate) fn announce(self, engine: &Engine, mut wanted: WantedTenants) -> Result<(), Failure> {
        match wanted.ensure(engine) {
            Err(failure) if failure.may_pass() && self.place.may_be_away => {
                tracing::warn!(reason = %failure, "the tenants are made once the store answers");
                self.say_waiting()?;
                tokio::spawn(self.announce_later(engine.clone(), wanted));
                Ok(())
            }
            tenants => self.say_ready(&tenants?),
        }
    }

    async fn announce_later(self, engine: Engine, mut wanted: WantedTenants) {
        let announced = loop {
            tokio::time::sleep(PAUSE).await;
            let engine = engine.clone();
            let attempt = tokio::task::spawn_blocking(move || {
                let tenants = wanted.ensure(&engine);
                (wanted, tenants)
            });
            // It ends without a result only by a panic, or with the process.
            let Ok((kept, tenants)) = attempt.await else { return };
            wanted = kept;
            match tenants {
                Err(failure) if failure.may_pass() => tracing::debug!(reason = %failure, "no tenants yet"),
                tenants => break tenants.and_then(|tenants| self.say_ready(&tenants)),
            }
        };
        match announced {
            Ok(()) => tracing::info!("the store answers"),
            Err(failure) => tracing::error!(reason = %failure, "the tenants are not made or not announced"),
        }
    }

    fn console(&self) -> Option<String> {
        if self.has_console { Some(format!("{}/console", self.url)) } else { None }
    }

    fn say_waiting(&self) -> Result<(), Failure> {
        if self.json {
            return self.say_json(&[]);
        }
        admin::print(&format!("Rally listens at {}, and {} does not answer yet\n", self.url, self.place.name))
    }

    pub(crate) fn say_ready(&self, tenants: &[ReadyTenant]) -> Result<(), Failure> {
        if self.json {
            return self.say_json(tenants);
        }
        let mut text = format!("Rally is ready at {}; its records are in {}\n", self.url, self.place.name);
        if let Some(console) = self.console() {
            text += &format!("the console is at {console}\n");
        }
        for tenant in tenants {
            text += &match (&tenant.api_key, &tenant.key_file) {
                (Some(key), _) => {
                    format!("tenant {} is new; its admin key, shown only now: {key}\n", tenant.slug)
                }
                (None, Some(file)) => format!(
                    "tenant {} is new; its admin key is in {}; take it from there, and remove the file\n",
                    tenant.slug,
                    file.display()
                ),
                (None, None) => format!("tenant {}\n", tenant.slug),
            };
        }
        admin::print(&text)
    }

    fn say_json(&self, tenants: &[ReadyTenant]) -> Result<(), Failure> {
        let ready = Ready { url: &self.url, console: self.console(), store: &self.place.location, tenants };
        let line = serde_json::to_string(&ready).map_err(|error| Failure::new(error.to_string()))?;
        admin::print(&format!("{line}\n"))
    }
}

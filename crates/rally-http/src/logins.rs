//! Letting users in by their passwords, without letting anybody guess them or keep the machine busy.

use std::{net::IpAddr, thread};

use rally_core::{Allowance, Code, Error, Limiter, Session, User, limits};
use tokio::sync::Semaphore;

use crate::{app::App, run::elsewhere};

/// Logins that may wait until the machine has time for them.
const WAITING: usize = 32;

/// Passwords that are being tried.
#[derive(Debug)]
pub(crate) struct Logins {
    /// Failures of each account, whether there is one or not: tenant and address, in whatever letters they were given.
    failures: Limiter<(String, String)>,
    /// Hashing takes a processor and 19 MiB for some tens of milliseconds, so there is a limit to it.
    hashing: Semaphore,
    admitted: Semaphore,
}

/// Why somebody was not let in, and what is left of the tries.
pub(crate) struct Refused {
    pub(crate) error: Error,
    pub(crate) allowance: Option<Allowance>,
}

impl Logins {
    pub(crate) fn new() -> Self {
        // One less than there are, so that the API goes on.
        let at_once = thread::available_parallelism().map_or(1, |count| (count.get() - 1).max(1));
        Self {
            failures: Limiter::new(),
            hashing: Semaphore::new(at_once),
            admitted: Semaphore::new(at_once + WAITING),
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, allowance: None }
    }
}

impl App {
    /// Opens a session for whoever knows a user's password. An account takes only so many failures a minute, and so does
    /// a source.
    pub(crate) async fn log_in(
        &self,
        tenant: String,
        email: String,
        password: String,
        source: IpAddr,
    ) -> Result<Session, Refused> {
        let logins = self.logins();
        let _admitted = logins.admitted.try_acquire().map_err(|_| busy())?;
        let (account, now) =
            ((tenant.to_lowercase(), User::folded_email(&email)), self.engine().clock().now());
        let spent = self.look_at_stranger(source).filter(|allowance| !allowance.granted);
        if let Some(spent) = spent {
            return Err(Refused { error: too_many(&spent), allowance: Some(spent) });
        }
        let tries = logins.failures.take(account.clone(), limits::FAILED_LOGINS_PER_MINUTE, now);
        if !tries.granted {
            return Err(Refused { error: too_many(&tries), allowance: Some(tries) });
        }
        let _hashing = logins.hashing.acquire().await.map_err(Error::internal)?;
        let engine = self.engine().clone();
        let opened = elsewhere(move || engine.log_in(&tenant, &email, &password, Some(source))).await;
        match opened {
            Ok(session) => {
                logins.failures.give_back(&account, now);
                Ok(session)
            }
            Err(error) if error.code() == Code::Unauthorized => {
                Err(Refused { error, allowance: self.note_stranger(source) })
            }
            // Whether the password was wrong is not known, so it counts.
            Err(error) => Err(error.into()),
        }
    }
}

fn busy() -> Error {
    Error::new(Code::Unavailable, "too many logins at once; try again")
}

fn too_many(spent: &Allowance) -> Error {
    let limit = spent.limit;
    Error::new(Code::RateLimited, format!("all {limit} failed logins of this minute are spent"))
}

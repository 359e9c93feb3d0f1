//! Logins with a password, so limited that nobody can guess one or keep the machine busy.

use std::net::IpAddr;

use rally_core::{
    Code, Engine, Error, Session, User,
    schema::{Allowance, Limiter},
};

use crate::{
    anonymous::AnonymousCallers,
    blocking::on_blocking_thread,
    hashing::{Asker, Hashing, Standing},
    limits,
    problem::{Failure, Problem},
};

/// Logs users in.
#[derive(Debug)]
pub(crate) struct Logins {
    engine: Engine,
    /// Failures of each account by tenant and address, folded; accounts that do not exist are counted alike.
    failures: Limiter<(String, String)>,
    hashing: Hashing,
}

/// A try of a password.
pub(crate) struct Attempt {
    pub(crate) tenant: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) source: IpAddr,
}

/// The reason why a login failed, and the tries that are left.
pub(crate) struct Refused {
    pub(crate) problem: Problem,
    pub(crate) allowance: Option<Allowance>,
}

impl Logins {
    pub(crate) fn new(engine: Engine, hashing: Hashing) -> Self {
        Self { engine, failures: Limiter::new(), hashing }
    }

    /// Opens a session for the user whose password this is. Failures in a minute are limited for each account, and for
    /// each source as those of any anonymous caller.
    pub(crate) async fn log_in(
        &self,
        attempt: Attempt,
        anonymous: &AnonymousCallers,
    ) -> Result<Session, Refused> {
        let Attempt { tenant, email, password, source } = attempt;
        let account = (tenant.to_lowercase(), User::folded_email(&email));
        let now = self.engine.clock().now();
        match anonymous.left(source, now) {
            Some(spent) if !spent.granted => return Err(Refused::spent(spent)),
            _ => {}
        }
        let tries = self.failures.take(account.clone(), limits::FAILED_LOGINS_PER_MINUTE, now);
        if !tries.granted {
            return Err(Refused::spent(tries));
        }
        let asker = Asker { standing: Standing::Unknown, source, tenant: tenant.clone() };
        let turn = self.hashing.turn(asker).await?;
        let engine = self.engine.clone();
        let opened = on_blocking_thread(move || {
            let opened = engine.log_in(&tenant, &email, &password, Some(source));
            drop(turn);
            opened
        });
        match opened.await {
            Ok(session) => {
                self.failures.give_back(&account, now);
                Ok(session)
            }
            Err(error) if error.code() == Code::Unauthorized => {
                let allowance = anonymous.count(source, self.engine.clock().now());
                Err(Refused { problem: error.into(), allowance })
            }
            // The password may have been wrong, so the try counts.
            Err(error) => Err(error.into()),
        }
    }
}

impl Refused {
    fn spent(allowance: Allowance) -> Self {
        let detail = format!("all {} failed logins of this minute are spent", allowance.limit);
        Self { problem: Problem::new(Failure::RateLimited, detail), allowance: Some(allowance) }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, allowance: None }
    }
}

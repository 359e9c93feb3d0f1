//! Logins with a password, so limited that nobody can guess one, keep the machine busy, or shut anybody out.
//!
//! Failures are counted for each account and source together, and for the account as a whole to a higher limit, which
//! holds for strangers alone: a source from which the account was logged in to lately is known, has only its own failures
//! counted, and goes before strangers when passwords wait to be hashed.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

use parking_lot::RwLock;
use rally_core::{
    Code, Engine, Error, Session, Timestamp, User,
    schema::{Allowance, Limiter},
};

use crate::{
    blocking::on_blocking_thread,
    config::GuessLimits,
    hashing::{Asker, Hashing, Standing},
    problem::{Failure, Problem},
    recent::Recent,
};

/// Logs users in.
#[derive(Debug)]
pub(crate) struct Logins {
    engine: Engine,
    hashing: Hashing,
    tries: Tries,
    known: RwLock<Recent<(Account, IpAddr)>>,
    hasher: RandomState,
}

/// A tenant's slug and a folded address, hashed with a key of this process. Accounts that do not exist have one, too.
type Account = u64;

/// Failures of this minute. A try counts until it has succeeded.
#[derive(Debug)]
struct Tries {
    /// Of accounts from sources that are known to them.
    by_known: Limiter<(Account, IpAddr)>,
    by_strangers: Limiter<(Account, IpAddr)>,
    /// Of accounts from any stranger.
    of_account: Limiter<Account>,
    /// Of sources at any account that they are strangers to.
    of_source: Limiter<IpAddr>,
    /// 0 for no limit.
    per_source: u32,
    limits: GuessLimits,
}

/// A try of a password.
pub(crate) struct Attempt {
    pub(crate) tenant: String,
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) source: IpAddr,
}

/// A try as it is counted.
#[derive(Clone, Copy)]
struct Try {
    account: Account,
    source: IpAddr,
    standing: Standing,
    at: Timestamp,
}

/// The reason why a login failed, and the tries that are left.
pub(crate) struct Refused {
    pub(crate) problem: Problem,
    pub(crate) allowance: Option<Allowance>,
}

impl Logins {
    /// `per_source` are the failures a minute of each source, 0 for no limit.
    pub(crate) fn new(engine: Engine, hashing: Hashing, per_source: u32, limits: GuessLimits) -> Self {
        Self {
            engine,
            hashing,
            tries: Tries::new(per_source, limits),
            known: RwLock::new(Recent::new(limits.known_logins, limits.known_login_life)),
            hasher: RandomState::new(),
        }
    }

    /// Opens a session for the user whose password this is.
    pub(crate) async fn log_in(&self, attempt: Attempt) -> Result<Session, Refused> {
        let tried = self.tried(&attempt);
        self.tries.take(tried).map_err(Refused::spent)?;
        let Attempt { tenant, email, password, source } = attempt;
        let asker = Asker { standing: tried.standing, source, tenant: tenant.clone() };
        let turn = self.hashing.turn(asker).await.inspect_err(|_| self.tries.give_back(tried))?;
        let engine = self.engine.clone();
        let opened = on_blocking_thread(move || {
            let opened = engine.log_in(&tenant, &email, &password, Some(source));
            drop(turn);
            opened
        });
        match opened.await {
            Ok(session) => {
                self.tries.give_back(tried);
                self.known.write().note((tried.account, source), self.engine.clock().now());
                Ok(session)
            }
            Err(error) if error.code() == Code::Unauthorized => {
                let allowance = self.tries.count_failure(source, self.engine.clock().now());
                Err(Refused { problem: error.into(), allowance })
            }
            // The password may have been wrong, so the try counts.
            Err(error) => Err(error.into()),
        }
    }

    fn tried(&self, attempt: &Attempt) -> Try {
        let account = (attempt.tenant.to_lowercase(), User::folded_email(&attempt.email));
        let (account, source) = (self.hasher.hash_one(account), attempt.source);
        let at = self.engine.clock().now();
        let is_known = self.known.read().has(&(account, source), at);
        Try { account, source, standing: if is_known { Standing::Known } else { Standing::Unknown }, at }
    }
}

impl Tries {
    fn new(per_source: u32, limits: GuessLimits) -> Self {
        Self {
            by_known: Limiter::bounded(limits.counted_sources),
            by_strangers: Limiter::bounded(limits.counted_sources),
            of_account: Limiter::bounded(limits.counted_sources),
            of_source: Limiter::bounded(limits.counted_sources),
            per_source,
            limits,
        }
    }

    /// Counts a try.
    ///
    /// # Errors
    /// The limit that it is over; then nothing is counted.
    fn take(&self, tried: Try) -> Result<(), Allowance> {
        let Try { account, source, standing, at } = tried;
        let of_pair = |pairs: &Limiter<(Account, IpAddr)>| {
            granted(pairs.take((account, source), self.limits.failed_logins_per_minute, at))
        };
        if standing == Standing::Known {
            return of_pair(&self.by_known);
        }
        if self.per_source > 0 {
            granted(self.of_source.look(&source, self.per_source, at))?;
        }
        of_pair(&self.by_strangers)?;
        let of_account = self.of_account.take(account, self.limits.failed_logins_of_account_per_minute, at);
        granted(of_account).inspect_err(|_| self.by_strangers.give_back(&(account, source), at))
    }

    /// Forgets a try that has not failed.
    fn give_back(&self, tried: Try) {
        let Try { account, source, standing, at } = tried;
        if standing == Standing::Known {
            return self.by_known.give_back(&(account, source), at);
        }
        self.by_strangers.give_back(&(account, source), at);
        self.of_account.give_back(&account, at);
    }

    /// Counts a failure of a source; `None` without a limit.
    fn count_failure(&self, source: IpAddr, now: Timestamp) -> Option<Allowance> {
        if self.per_source == 0 { None } else { Some(self.of_source.take(source, self.per_source, now)) }
    }
}

fn granted(allowance: Allowance) -> Result<(), Allowance> {
    if allowance.granted { Ok(()) } else { Err(allowance) }
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

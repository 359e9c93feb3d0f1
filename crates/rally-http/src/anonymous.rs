use std::net::IpAddr;

use rally_core::{
    Timestamp,
    schema::{Allowance, Limiter},
};

/// Counts the requests without a valid credential of each source address.
#[derive(Debug)]
pub(crate) struct AnonymousCallers {
    limiter: Limiter<IpAddr>,
    /// 0 for no limit.
    per_minute: u32,
}

impl AnonymousCallers {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { limiter: Limiter::new(), per_minute }
    }

    /// Requests that a source has left, without taking one; `None` without a limit.
    pub(crate) fn left(&self, source: IpAddr, now: Timestamp) -> Option<Allowance> {
        if self.per_minute == 0 { None } else { Some(self.limiter.look(&source, self.per_minute, now)) }
    }

    /// Takes one of a source's requests; `None` without a limit.
    pub(crate) fn count(&self, source: IpAddr, now: Timestamp) -> Option<Allowance> {
        if self.per_minute == 0 { None } else { Some(self.limiter.take(source, self.per_minute, now)) }
    }
}

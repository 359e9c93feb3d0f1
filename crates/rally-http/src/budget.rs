use std::{collections::HashMap, net::IpAddr, sync::Arc};

use axum::{
    body::{Bytes, HttpBody},
    response::Response,
};
use parking_lot::Mutex;
use rally_core::TenantId;

use crate::{
    pieces,
    problem::{Failure, Problem},
};

/// The part of all bytes that one holder may have: one in so many.
const SHARES: usize = 4;

/// The bytes of bodies that may be in memory at once: of requests that arrive, and of answers that wait for a reader.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_of_one: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    by_holder: HashMap<Holder, usize>,
}

/// Those whose bodies are counted together, so that none of them takes all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Tenant(TenantId),
    /// Callers without a credential, by the address that they come from.
    Source(IpAddr),
}

/// Bytes that are held until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Budget,
    holder: Holder,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes, a quarter of them for any one holder, but at least one body of the largest size; no
    /// limit if it is 0.
    pub(crate) fn new(bytes: usize, largest: usize) -> Self {
        let most = if bytes == 0 { usize::MAX } else { bytes };
        let most_of_one = (most / SHARES).max(largest).min(most);
        Self(Arc::new(Shared { most, most_of_one, held: Mutex::default() }))
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// [`Failure::Busy`] if that is more than there are, or more than the holder may have.
    pub(crate) fn take(&self, holder: Holder, bytes: usize) -> Result<Permit, Problem> {
        let mut permit = Permit { budget: self.clone(), holder, bytes: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// Takes so many bytes whether or not there are, for what has happened already.
    pub(crate) fn take_anyway(&self, holder: Holder, bytes: usize) -> Permit {
        self.0.held.lock().add(holder, bytes);
        Permit { budget: self.clone(), holder, bytes }
    }

    /// Refuses a request for which nothing would be left.
    ///
    /// # Errors
    /// [`Failure::Busy`].
    pub(crate) fn check(&self, holder: Holder) -> Result<(), Problem> {
        if self.0.left(&self.0.held.lock(), holder) == 0 { Err(busy()) } else { Ok(()) }
    }

    /// Counts the body of an answer until it has been sent.
    ///
    /// # Errors
    /// [`Failure::Busy`] if there is no room for it, and the request can be repeated as if it had never been.
    pub(crate) fn hold(
        &self,
        holder: Holder,
        response: Response,
        is_repeatable: bool,
    ) -> Result<Response, Problem> {
        let bytes = response.body().size_hint().lower();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let permit = if is_repeatable { self.take(holder, bytes)? } else { self.take_anyway(holder, bytes) };
        let mut permit = Some(permit);
        // The body is one piece.
        let count = move |bytes| match permit.take() {
            Some(permit) => permit.around(bytes),
            None => bytes,
        };
        Ok(response.map(|body| pieces::seen(body, count)))
    }
}

impl Shared {
    fn left(&self, held: &Held, holder: Holder) -> usize {
        let own = held.by_holder.get(&holder).copied().unwrap_or(0);
        self.most.saturating_sub(held.all).min(self.most_of_one.saturating_sub(own))
    }
}

impl Held {
    fn add(&mut self, holder: Holder, bytes: usize) {
        if bytes > 0 {
            self.all = self.all.saturating_add(bytes);
            let own = self.by_holder.entry(holder).or_default();
            *own = own.saturating_add(bytes);
        }
    }

    fn give_back(&mut self, holder: Holder, bytes: usize) {
        self.all = self.all.saturating_sub(bytes);
        if let Some(own) = self.by_holder.get_mut(&holder) {
            *own = own.saturating_sub(bytes);
            if *own == 0 {
                self.by_holder.remove(&holder);
            }
        }
    }
}

impl Permit {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes so many bytes more.
    ///
    /// # Errors
    /// [`Failure::Busy`] as for the first ones.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        let mut held = self.budget.0.held.lock();
        if bytes > self.budget.0.left(&held, self.holder) {
            return Err(busy());
        }
        held.add(self.holder, bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Bytes that are counted until the last of them is dropped.
    pub(crate) fn around(self, bytes: impl Into<Bytes>) -> Bytes {
        pieces::keeping(bytes.into(), self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.0.held.lock().give_back(self.holder, self.bytes);
    }
}

fn busy() -> Problem {
    Problem::new(Failure::Busy, "too many bytes are on their way here; read what was answered, and try again")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::*;

    const ONE: Holder = Holder::Source(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));
    const OTHER: Holder = Holder::Source(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)));
    const MIB: usize = 1 << 20;

    #[test]
    fn nobody_takes_all_and_all_take_no_more_than_there_is() {
        let budget = Budget::new(40 * MIB, 8 * MIB);
        let _own = budget.take(ONE, 10 * MIB).unwrap();
        assert!(budget.check(ONE).is_err() && budget.take(ONE, 1).is_err());
        assert!(budget.check(OTHER).is_ok());
        let mut others = budget.take(OTHER, 0).unwrap();
        others.grow(10 * MIB).unwrap();
        assert!(others.grow(1).is_err());
        assert_eq!(others.bytes(), 10 * MIB);
        drop(others);
        assert!(budget.take(OTHER, 10 * MIB).is_ok());
        let small = Budget::new(100, 8 * MIB);
        let _all = small.take(ONE, 100).unwrap();
        assert!(small.take(OTHER, 1).is_err());
        assert!(Budget::new(0, 8 * MIB).take(ONE, usize::MAX / SHARES).is_ok(), "there is no limit");
    }

    #[test]
    fn what_is_given_back_leaves_no_trace() {
        let budget = Budget::new(100, 8 * MIB);
        drop(budget.take(ONE, 60).unwrap());
        drop(budget.take(OTHER, 0).unwrap());
        let held = budget.0.held.lock();
        assert_eq!((held.all, held.by_holder.len()), (0, 0));
    }

    #[tokio::test]
    async fn an_answer_is_counted_until_its_last_byte_is_dropped() {
        let budget = Budget::new(100, 8 * MIB);
        let answer = || Response::new(Body::from("x".repeat(60)));
        let response = budget.hold(ONE, answer(), true).unwrap();
        assert_eq!(response.body().size_hint().exact(), Some(60));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let part = body.slice(1..2);
        drop(body);
        assert!(budget.hold(ONE, answer(), true).is_err());
        assert!(budget.hold(ONE, answer(), false).is_ok(), "a write has happened");
        drop(part);
        assert!(budget.hold(ONE, answer(), true).is_ok());
    }
}

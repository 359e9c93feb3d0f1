//! The rate limit of tenants whose store several servers share.
//!
//! The store has one row a tenant: how much of a minute's requests the servers have leased together. A server leases a
//! portion, serves it without asking again, and comes back for the next. What is leased is never more than the limit,
//! so neither is what they all serve; and a lone server is served the whole of it.
//!
//! The minute is the row's. A server whose clock is behind that of another, by at most two minutes, goes on in the
//! minute of the other; one whose clock is further off would open a window of its own.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};

use super::limiter::{Allowance, ends_window, minute_of};
use crate::{
    base::{Code, Error, TenantId, Timestamp},
    engine::{
        codec::{self, RateV1},
        keys::spaces,
    },
    store::{Batch, Key, Snapshot, Store, StoreError},
};

/// Portions of a minute's requests: a lease, which is two round trips to the store, serves 50 of 1,000.
const PORTIONS: u32 = 20;

/// The requests of each tenant that this server holds.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    shares: RwLock<HashMap<TenantId, Arc<Share>>>,
}

/// The requests of one tenant that this server holds.
#[derive(Debug, Default)]
struct Share {
    /// Held for the whole of a lease, as all who wait for it need what it brings.
    window: Mutex<LeaseWindow>,
    /// Leases that have failed.
    failures: AtomicU64,
}

#[derive(Debug)]
struct LeaseWindow {
    minute: i64,
    /// Requests that all servers have leased of it, as far as this one knows. The number only grows, so once it is the
    /// whole capacity, the store need not be asked.
    leased: u32,
    /// Leased requests that this server has not served yet.
    held: u32,
    /// The failure of the last lease, if it failed.
    failure: Option<Error>,
}

/// A portion that was leased: the row as it is now, and how much of it is new and ours.
#[derive(Clone, Copy)]
struct Leased {
    row: RateV1,
    portion: u32,
}

/// Reads the row of a tenant, in one round trip with another key that is going to be asked for.
pub(super) fn see(snapshot: &dyn Snapshot, with: Key) -> Result<Option<RateV1>, StoreError> {
    let rate = spaces::rate();
    snapshot.prefetch(&[with, rate.clone()])?;
    read(snapshot, &rate)
}

impl Leases {
    /// Takes one of a tenant's requests, and leases some if none are held. `seen` is the row as the caller has just
    /// read it, if it has.
    pub(crate) fn take(
        &self,
        store: &dyn Store,
        tenant: TenantId,
        capacity: u32,
        seen: Option<RateV1>,
        now: Timestamp,
    ) -> Result<Allowance, Error> {
        let share = self.share(tenant);
        let arrival = share.arrive();
        share.take(arrival, capacity, seen, now, |minute| lease(store, tenant, capacity, minute))
    }

    fn share(&self, tenant: TenantId) -> Arc<Share> {
        if let Some(known) = self.shares.read().get(&tenant) {
            return Arc::clone(known);
        }
        Arc::clone(self.shares.write().entry(tenant).or_default())
    }
}

impl Share {
    /// The number of failures when a request came.
    fn arrive(&self) -> u64 {
        self.failures.load(Ordering::SeqCst)
    }

    fn take(
        &self,
        arrival: u64,
        capacity: u32,
        seen: Option<RateV1>,
        now: Timestamp,
        lease: impl FnOnce(i64) -> Result<Leased, Error>,
    ) -> Result<Allowance, Error> {
        let mut window = self.window.lock();
        window.turn_to(minute_of(now), seen);
        if window.held == 0 && window.leased < capacity {
            // A request that has waited for a lease that failed does not wait for another: each may take as long as it
            // takes to give the store up.
            match &window.failure {
                Some(failure) if self.arrive() > arrival => return Err(failure.clone()),
                _ => {}
            }
            match lease(window.minute) {
                Ok(leased) => window.add(leased),
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::SeqCst);
                    window.failure = Some(error.clone());
                    return Err(error);
                }
            }
        }
        Ok(window.take(capacity, now))
    }
}

impl LeaseWindow {
    fn of(row: RateV1) -> Self {
        Self { minute: row.minute, leased: row.leased, held: 0, failure: None }
    }

    /// Begins the minute that the clock or another server says it is, and drops what is held of an earlier one.
    fn turn_to(&mut self, minute: i64, seen: Option<RateV1>) {
        if ends_window(self.minute, minute) {
            *self = Self::of(RateV1 { minute, leased: 0 });
        }
        match seen {
            Some(row) if row.minute == self.minute => self.leased = self.leased.max(row.leased),
            Some(row) if row.minute > self.minute && !ends_window(row.minute, minute) => {
                *self = Self::of(row)
            }
            _ => {}
        }
    }

    fn add(&mut self, Leased { row, portion }: Leased) {
        *self = Self { held: portion, ..Self::of(row) };
    }

    fn take(&mut self, capacity: u32, now: Timestamp) -> Allowance {
        // A capacity may have become less than what was leased of the one before.
        let granted = self.held > 0 && self.used() < capacity;
        if granted {
            self.held -= 1;
        }
        Allowance { granted, ..Allowance::after(self.used(), capacity, self.minute, now) }
    }

    /// Requests that are served, here or elsewhere, or held by other servers.
    fn used(&self) -> u32 {
        self.leased.saturating_sub(self.held)
    }
}

impl Default for LeaseWindow {
    fn default() -> Self {
        Self::of(RateV1 { minute: i64::MIN, leased: 0 })
    }
}

/// Leases the next portion, or as much as is left.
fn lease(store: &dyn Store, tenant: TenantId, capacity: u32, minute: i64) -> Result<Leased, Error> {
    let mut leased = None;
    let written = store.write(tenant, &mut |newest| {
        let next = next(read(newest, &spaces::rate())?, capacity, minute);
        leased = Some(next);
        let mut batch = Batch::new();
        if next.portion > 0 {
            batch.put(spaces::rate(), codec::encode(&next.row)?);
        }
        Ok(batch)
    });
    let _ = written.map_err(failed)?;
    leased.ok_or_else(|| Error::internal("the store ran no build"))
}

fn next(row: Option<RateV1>, capacity: u32, minute: i64) -> Leased {
    let before = match row {
        Some(row) if !ends_window(row.minute, minute) => row,
        _ => RateV1 { minute, leased: 0 },
    };
    let portion = (capacity / PORTIONS).max(1).min(capacity.saturating_sub(before.leased));
    Leased { row: RateV1 { leased: before.leased.saturating_add(portion), ..before }, portion }
}

fn read(snapshot: &dyn Snapshot, rate: &Key) -> Result<Option<RateV1>, StoreError> {
    snapshot.get(rate)?.map(|bytes| codec::decode(&bytes)).transpose()
}

/// The error of a lease that failed. Its outcome may be unknown, but the request that it was for has not begun.
fn failed(error: StoreError) -> Error {
    match error {
        StoreError::CommitUnknown { .. } => {
            Error::new(Code::Unavailable, "the store cannot answer at present; try again").caused_by(error)
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: u32 = 100;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn unavailable() -> Error {
        failed(StoreError::Unavailable { reason: "a test".to_owned() })
    }

    fn row(minute: i64, leased: u32) -> RateV1 {
        RateV1 { minute, leased }
    }

    fn never(_: i64) -> Result<Leased, Error> {
        panic!("nothing is to be leased here")
    }

    #[test]
    fn who_waited_for_a_lease_that_failed_is_told_so_and_who_comes_later_tries_anew() {
        let share = Share::default();
        let (first, waiting) = (share.arrive(), share.arrive());
        assert!(share.take(first, CAPACITY, None, at(0), |_| Err(unavailable())).is_err());
        assert!(share.take(waiting, CAPACITY, None, at(0), never).unwrap_err().is_unavailable());
        let later = share.arrive();
        let lease = |minute| Ok(next(None, CAPACITY, minute));
        assert_eq!(share.take(later, CAPACITY, None, at(0), lease).unwrap().remaining, 99);
        assert_eq!(share.take(waiting, CAPACITY, None, at(0), never).unwrap().remaining, 98);
    }

    #[test]
    fn a_portion_is_a_twentieth_at_least_one_and_no_more_than_is_left() {
        for (capacity, leased, portion) in
            [(1_000, 0, 50), (1_000, 980, 20), (1_000, 1_000, 0), (19, 0, 1), (1, 0, 1), (10, 500, 0)]
        {
            let next = next(Some(row(7, leased)), capacity, 7);
            assert_eq!((next.portion, next.row), (portion, row(7, leased + portion)), "{capacity} {leased}");
        }
        let most = next(Some(row(7, u32::MAX)), u32::MAX, 7);
        assert_eq!((most.portion, most.row.leased), (0, u32::MAX));
    }

    #[test]
    fn the_minute_is_the_rows_unless_the_clock_has_left_it() {
        for (minute, after) in
            [(10, row(10, 55)), (9, row(10, 55)), (8, row(10, 55)), (7, row(7, 5)), (11, row(11, 5))]
        {
            assert_eq!(next(Some(row(10, 50)), CAPACITY, minute).row, after, "{minute}");
        }
    }

    #[test]
    fn what_is_held_of_an_earlier_minute_is_dropped() {
        let mut window = LeaseWindow { minute: 10, leased: 50, held: 5, failure: None };
        window.turn_to(9, Some(row(10, 70)));
        assert_eq!((window.minute, window.leased, window.held), (10, 70, 5));
        window.turn_to(10, Some(row(9, 90)));
        assert_eq!((window.minute, window.leased, window.held), (10, 70, 5));
        window.turn_to(10, Some(row(11, 30)));
        assert_eq!((window.minute, window.leased, window.held), (11, 30, 0));
        window.turn_to(12, None);
        assert_eq!((window.minute, window.leased, window.held), (12, 0, 0));
        window.turn_to(9, Some(row(12, 40)));
        assert_eq!((window.minute, window.leased, window.held), (9, 0, 0), "the other's clock is far off");
    }
}

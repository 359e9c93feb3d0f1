use std::{collections::HashMap, hash::Hash};

use parking_lot::Mutex;

use crate::base::Timestamp;

const MINUTE: i64 = 60_000_000;
/// Minutes by which a clock may step back without its windows beginning anew.
const STEP_BACK: i64 = 2;

/// Limits requests for many keys: each has a fixed window of one minute.
#[derive(Debug)]
pub struct Limiter<K> {
    windows: Mutex<Windows<K>>,
}

#[derive(Debug)]
struct Windows<K> {
    /// The minute that all counts are of.
    minute: i64,
    used: HashMap<K, u32>,
}

/// The answer of a limiter to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// True when the request may go on.
    pub granted: bool,
    /// Requests in a whole minute.
    pub limit: u32,
    /// Requests left in this one.
    pub remaining: u32,
    /// The beginning of the next minute, in seconds since 1970-01-01 UTC.
    pub reset: i64,
    /// Seconds until then, at least 1.
    pub retry_after: i64,
}

impl<K: Eq + Hash> Limiter<K> {
    /// A limiter that has not counted any request yet.
    #[must_use]
    pub fn new() -> Self {
        Self { windows: Mutex::new(Windows { minute: i64::MIN, used: HashMap::new() }) }
    }

    /// Takes one of `key`'s `capacity` requests in the minute of `now`; a refused request takes none.
    #[must_use]
    pub fn take(&self, key: K, capacity: u32, now: Timestamp) -> Allowance {
        let mut windows = self.windows.lock();
        let minute = windows.of(now);
        let used = windows.used.entry(key).or_insert(0);
        let granted = *used < capacity;
        if granted {
            *used += 1;
        }
        Allowance { granted, ..Allowance::after(*used, capacity, minute, now) }
    }

    /// The answer that [`take`](Limiter::take) would give, without taking a request.
    #[must_use]
    pub fn look(&self, key: &K, capacity: u32, now: Timestamp) -> Allowance {
        let mut windows = self.windows.lock();
        let minute = windows.of(now);
        Allowance::after(windows.used.get(key).map_or(0, |used| *used), capacity, minute, now)
    }

    /// Gives back a request that was taken in the minute of `now` and has turned out not to count.
    pub fn give_back(&self, key: &K, now: Timestamp) {
        let mut windows = self.windows.lock();
        windows.of(now);
        if let Some(used) = windows.used.get_mut(key) {
            *used = used.saturating_sub(1);
        }
    }
}

impl<K> Windows<K> {
    /// The minute that a request at `now` counts for. Begins a new one if the last has ended.
    fn of(&mut self, now: Timestamp) -> i64 {
        let minute = minute_of(now);
        if ends_window(self.minute, minute) {
            *self = Windows { minute, used: HashMap::new() };
        }
        self.minute
    }
}

impl Allowance {
    /// The rest of a minute's `capacity` when `used` requests are taken.
    pub(super) fn after(used: u32, capacity: u32, minute: i64, now: Timestamp) -> Self {
        let reset = minute.saturating_add(1).saturating_mul(60);
        Self {
            granted: used < capacity,
            limit: capacity,
            remaining: capacity.saturating_sub(used),
            reset,
            retry_after: reset.saturating_sub(now.as_seconds()).max(1),
        }
    }
}

/// The minute that an instant is in, counted from 1970.
pub(super) fn minute_of(now: Timestamp) -> i64 {
    now.as_micros().div_euclid(MINUTE)
}

/// True when the window of one minute has ended for a clock that says another. A clock that steps back a little opens
/// no second window; one that was far ahead must not refuse every request until it is reached.
pub(super) fn ends_window(window: i64, minute: i64) -> bool {
    minute > window || minute < window.saturating_sub(STEP_BACK)
}

impl<K: Eq + Hash> Default for Limiter<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_window_never_serves_more_than_the_limit_and_the_next_is_full() {
        let limiter = Limiter::new();
        for left in (0..3).rev() {
            let allowance = limiter.take("acme", 3, at(65));
            assert_eq!((allowance.granted, allowance.remaining, allowance.reset), (true, left, 120));
        }
        let refused = limiter.take("acme", 3, at(119));
        assert_eq!((refused.granted, refused.remaining, refused.retry_after), (false, 0, 1));
        assert!(limiter.take("other", 3, at(119)).granted);
        assert!(limiter.take("acme", 3, at(120)).granted);
    }

    #[test]
    fn what_does_not_count_is_given_back() {
        let limiter = Limiter::new();
        assert!(limiter.look(&"acme", 1, at(0)).granted);
        assert!(limiter.take("acme", 1, at(0)).granted);
        assert!(!limiter.look(&"acme", 1, at(0)).granted);
        limiter.give_back(&"acme", at(0));
        limiter.give_back(&"acme", at(0));
        assert!(limiter.take("acme", 1, at(0)).granted);
        assert!(!limiter.take("acme", 1, at(0)).granted);
    }

    #[test]
    fn a_clock_that_steps_back_opens_no_second_window() {
        let limiter = Limiter::new();
        assert!(limiter.take("acme", 1, at(60)).granted);
        let refused = limiter.take("acme", 1, at(59));
        assert_eq!((refused.granted, refused.reset, refused.retry_after), (false, 120, 61));
    }

    #[test]
    fn a_clock_that_was_hours_ahead_shuts_nobody_out() {
        let limiter = Limiter::new();
        assert!(limiter.take("acme", 1, at(7_200)).granted);
        assert!(limiter.take("acme", 1, at(3_600)).granted);
        assert!(!limiter.take("acme", 1, at(3_601)).granted);
    }
}

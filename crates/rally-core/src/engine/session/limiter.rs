use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

use parking_lot::Mutex;

use crate::base::{Timestamp, invariant};

const MINUTE: i64 = 60_000_000;
/// Minutes by which a clock may step back without its windows beginning anew.
const STEP_BACK: i64 = 2;
/// Counts that the keys beyond the bound of a limiter share.
const SHARED: usize = 1_024;

/// Limits requests for many keys: each has a fixed window of one minute.
#[derive(Debug)]
pub struct Limiter<K> {
    /// Keys that are counted each by itself in one minute.
    most: usize,
    windows: Mutex<Windows<K>>,
}

#[derive(Debug)]
struct Windows<K> {
    /// The minute that all counts are of.
    minute: i64,
    used: HashMap<K, u32>,
    /// Requests of the keys that came when `most` others had come; none before that.
    shared: Vec<u32>,
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
    /// A limiter that has not counted any request yet, for keys of which there are not too many.
    #[must_use]
    pub fn new() -> Self {
        Self::bounded(usize::MAX)
    }

    /// A limiter for keys that strangers choose. In one minute `most` of them are counted each by itself; those that come
    /// later share a fixed number of counts, so they may be refused because of each other.
    #[must_use]
    pub fn bounded(most: usize) -> Self {
        Self { most, windows: Mutex::new(Windows::beginning(i64::MIN)) }
    }

    /// Keys that are counted each by itself at present; never more than the bound.
    #[must_use]
    pub fn tracked(&self) -> usize {
        self.windows.lock().used.len()
    }

    /// Takes one of `key`'s `capacity` requests in the minute of `now`; a refused request takes none.
    #[must_use]
    pub fn take(&self, key: K, capacity: u32, now: Timestamp) -> Allowance {
        let mut windows = self.windows.lock();
        let minute = windows.of(now);
        let used = windows.count_of(key, self.most);
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
        Allowance::after(windows.used(key), capacity, minute, now)
    }

    /// Gives back a request that was taken in the minute of `now` and has turned out not to count.
    pub fn give_back(&self, key: &K, now: Timestamp) {
        let mut windows = self.windows.lock();
        windows.of(now);
        windows.give_back(key);
    }
}

impl<K: Eq + Hash> Windows<K> {
    fn beginning(minute: i64) -> Self {
        Self { minute, used: HashMap::new(), shared: Vec::new() }
    }

    /// The count of a key, which is one of those that are shared if there are `most` others.
    fn count_of(&mut self, key: K, most: usize) -> &mut u32 {
        if self.used.len() < most || self.used.contains_key(&key) {
            return self.used.entry(key).or_insert(0);
        }
        let place = self.place(&key);
        self.shared.resize(SHARED, 0);
        invariant(self.shared.get_mut(place), "a remainder is less than the number of shared counts")
    }

    fn used(&self, key: &K) -> u32 {
        self.used.get(key).or_else(|| self.shared.get(self.place(key))).map_or(0, |used| *used)
    }

    fn give_back(&mut self, key: &K) {
        let place = self.place(key);
        match self.used.get_mut(key) {
            Some(1) => drop(self.used.remove(key)),
            Some(used) => *used = used.saturating_sub(1),
            None => self.shared.get_mut(place).into_iter().for_each(|used| *used = used.saturating_sub(1)),
        }
    }

    fn place(&self, key: &K) -> usize {
        let remainder = self.used.hasher().hash_one(key) % u64::try_from(SHARED).unwrap_or(u64::MAX);
        usize::try_from(remainder).unwrap_or(0)
    }

    /// The minute that a request at `now` counts for. Begins a new one if the last has ended.
    fn of(&mut self, now: Timestamp) -> i64 {
        let minute = minute_of(now);
        if ends_window(self.minute, minute) {
            *self = Windows::beginning(minute);
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
    fn strangers_without_number_take_bounded_room_and_the_first_are_counted_by_themselves() {
        let limiter = Limiter::bounded(10);
        for stranger in 0..10 {
            assert!(limiter.take(stranger, 2, at(0)).granted);
        }
        let granted = (10..100_000).filter(|stranger| limiter.take(*stranger, 2, at(0)).granted).count();
        assert_eq!((granted, limiter.tracked()), (2 * SHARED, 10));
        assert!(!limiter.look(&77_777, 2, at(0)).granted);
        assert!(limiter.take(9, 2, at(0)).granted && !limiter.take(9, 2, at(0)).granted);
        limiter.give_back(&77_777, at(0));
        assert!(limiter.take(77_777, 2, at(0)).granted && !limiter.take(77_777, 2, at(0)).granted);
        assert!(limiter.take(77_777, 2, at(60)).granted);
    }

    #[test]
    fn a_key_that_has_got_all_back_takes_no_room() {
        let limiter = Limiter::new();
        assert!(limiter.take("acme", 2, at(0)).granted);
        limiter.give_back(&"acme", at(0));
        assert_eq!(limiter.tracked(), 0);
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

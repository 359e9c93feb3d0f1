use std::sync::Arc;

use parking_lot::RwLock;
use rally_core::{Clock, Timestamp};

/// The clock of one tenant: real time, time that runs beside it, or time that stands still.
#[derive(Debug)]
pub(crate) struct TenantClock {
    real: Arc<dyn Clock>,
    reading: RwLock<Reading>,
}

/// The way that a tenant's clock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// By real time.
    Real,
    /// As fast as real time, ahead of it or behind.
    Running,
    /// It stands still.
    Frozen,
}

/// The clock that a tenant begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartClock {
    /// Real time.
    #[default]
    Real,
    /// An instant to stand still at.
    At(Timestamp),
}

/// A clock as it is read, by which it can be set again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Real,
    /// So many microseconds ahead of real time.
    Ahead(i64),
    Frozen(Timestamp),
}

impl ClockMode {
    /// The name that callers see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Running => "running",
            Self::Frozen => "frozen",
        }
    }
}

impl From<StartClock> for Reading {
    fn from(start: StartClock) -> Self {
        match start {
            StartClock::Real => Self::Real,
            StartClock::At(at) => Self::Frozen(at),
        }
    }
}

impl Reading {
    /// A second before, if it stands still: what a tenant has from the beginning is made then, so that the first record of
    /// a test is of the very instant that the clock stands at.
    pub(crate) fn a_little_before(self) -> Self {
        match self {
            Self::Frozen(at) => Self::Frozen(at.plus_micros(-1_000_000)),
            going => going,
        }
    }
}

impl TenantClock {
    pub(crate) fn new(real: Arc<dyn Clock>, reading: Reading) -> Self {
        Self { real, reading: RwLock::new(reading) }
    }

    pub(crate) fn mode(&self) -> ClockMode {
        match self.reading() {
            Reading::Real => ClockMode::Real,
            Reading::Ahead(_) => ClockMode::Running,
            Reading::Frozen(_) => ClockMode::Frozen,
        }
    }

    pub(crate) fn reading(&self) -> Reading {
        *self.reading.read()
    }

    /// Goes on from an earlier reading, or by real time.
    pub(crate) fn set_reading(&self, reading: Reading) {
        *self.reading.write() = reading;
    }

    /// Stands still, now or at another instant.
    pub(crate) fn freeze(&self, at: Option<Timestamp>) {
        let at = at.unwrap_or_else(|| self.now());
        self.set_reading(Reading::Frozen(at));
    }

    /// Goes to an instant, and goes on from there as it did until now.
    pub(crate) fn go_to(&self, to: Timestamp) {
        let is_still = matches!(self.reading(), Reading::Frozen(_));
        self.set_reading(if is_still { Reading::Frozen(to) } else { self.from(to) });
    }

    /// Stands still until it is [released](Self::release); true if it was going.
    pub(crate) fn hold(&self) -> bool {
        let was_going = !matches!(self.reading(), Reading::Frozen(_));
        self.freeze(None);
        was_going
    }

    /// Goes on from the present instant, if it was going.
    pub(crate) fn release(&self, was_going: bool) {
        if was_going {
            let now = self.now();
            self.set_reading(self.from(now));
        }
    }

    /// A clock that goes from an instant on.
    fn from(&self, instant: Timestamp) -> Reading {
        Reading::Ahead(instant.as_micros().saturating_sub(self.real.now().as_micros()))
    }
}

impl Clock for TenantClock {
    fn now(&self) -> Timestamp {
        match self.reading() {
            Reading::Real => self.real.now(),
            Reading::Ahead(micros) => self.real.now().plus_micros(micros),
            Reading::Frozen(at) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use rally_testkit::FixedClock;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * SECOND)
    }

    #[test]
    fn a_clock_stands_still_goes_on_and_comes_back() {
        let real = FixedClock::new(at(100));
        let clock = TenantClock::new(Arc::new(real.clone()), Reading::Real);
        let state = |clock: &TenantClock| (clock.now(), clock.mode());
        assert_eq!(state(&clock), (at(100), ClockMode::Real));
        clock.go_to(at(500));
        real.advance(SECOND);
        assert_eq!(state(&clock), (at(501), ClockMode::Running));
        clock.freeze(None);
        real.advance(SECOND);
        assert_eq!(state(&clock), (at(501), ClockMode::Frozen));
        clock.go_to(at(3));
        assert_eq!(state(&clock), (at(3), ClockMode::Frozen));
        clock.set_reading(Reading::Real);
        assert_eq!(state(&clock), (at(102), ClockMode::Real));
    }

    #[test]
    fn a_clock_that_is_held_goes_on_from_where_it_was_put() {
        let real = FixedClock::new(at(100));
        let clock = TenantClock::new(Arc::new(real.clone()), Reading::Real);
        let was_going = clock.hold();
        clock.go_to(at(900));
        real.advance(7 * SECOND);
        assert_eq!(clock.now(), at(900));
        clock.release(was_going);
        real.advance(SECOND);
        assert_eq!((clock.now(), clock.mode()), (at(901), ClockMode::Running));
        clock.freeze(Some(at(5)));
        let was_going = clock.hold();
        clock.release(was_going);
        assert_eq!((clock.now(), clock.mode()), (at(5), ClockMode::Frozen));
    }
}

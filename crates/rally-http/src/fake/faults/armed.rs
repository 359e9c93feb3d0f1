use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rally_core::{Code, Error};
use serde::Serialize;

use super::{Fault, FaultAction, FaultPoint};
use crate::fake::limits;

/// The faults of a tenant that are armed.
#[derive(Debug, Default)]
pub(crate) struct Armory {
    state: Mutex<State>,
    /// Number of them, so that a request of a tenant without any costs nothing.
    count: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    named: u64,
    armed: Vec<ArmedFault>,
}

/// A fault that is armed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ArmedFault {
    /// Its id, as the header `X-Rally-Fault` has it.
    pub id: String,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// Requests that have matched.
    pub matched: u64,
    /// Requests at which it has happened.
    pub fired: u64,
}

/// A request, or an event that is sent, as faults see it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) method: Option<&'a str>,
    /// The route of a request, or the inbox of an event.
    pub(crate) route: Option<&'a str>,
    pub(crate) credential: Option<&'a str>,
    /// The type of an event; `None` for a request.
    pub(crate) event: Option<&'a str>,
}

/// A fault that happens now.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) id: String,
    pub(crate) point: FaultPoint,
    pub(crate) action: FaultAction,
}

impl Armory {
    /// Arms a fault.
    ///
    /// # Errors
    /// [`Code::Validation`] with what is wrong with it, [`Code::LimitExceeded`] when too many are armed.
    pub(crate) fn arm(&self, fault: Fault) -> Result<ArmedFault, Error> {
        fault.check().into_result()?;
        let mut state = self.state.lock();
        if state.armed.len() >= limits::FAULTS {
            let detail = format!("a tenant has at most {} faults; disarm some", limits::FAULTS);
            return Err(Error::new(Code::LimitExceeded, detail));
        }
        state.named += 1;
        let armed = ArmedFault { id: format!("f{}", state.named), fault, matched: 0, fired: 0 };
        state.armed.push(armed.clone());
        self.count.store(state.armed.len(), Ordering::Release);
        Ok(armed)
    }

    /// Disarms the fault with an id, or all; answers their number.
    pub(crate) fn disarm(&self, id: Option<&str>) -> usize {
        let mut state = self.state.lock();
        let before = state.armed.len();
        state.armed.retain(|armed| id.is_some_and(|id| armed.id != id));
        self.count.store(state.armed.len(), Ordering::Release);
        before - state.armed.len()
    }

    pub(crate) fn all(&self) -> Vec<ArmedFault> {
        self.state.lock().armed.clone()
    }

    /// Counts a request or an event at all faults that it matches, and answers the one that happens, if any does: the one
    /// that was armed first.
    pub(crate) fn strike(&self, seen: &Seen<'_>) -> Option<Struck> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut state = self.state.lock();
        let mut struck = None;
        for armed in state.armed.iter_mut().filter(|armed| armed.fault.is_for(seen)) {
            armed.matched += 1;
            if struck.is_none() && armed.is_due() {
                armed.fired += 1;
                let ArmedFault { id, fault, .. } = armed;
                struck = Some(Struck { id: id.clone(), point: fault.point, action: fault.action.clone() });
            }
        }
        struck
    }
}

impl ArmedFault {
    /// True when it has happened as often as it is to, or at all if that is for ever.
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.fired >= self.fault.times.unwrap_or(1)
    }

    /// True if it happens at the request that was counted last.
    fn is_due(&self) -> bool {
        let matches = &self.fault.matches;
        let beyond = self.matched.checked_sub(matches.nth);
        let is_turn = beyond.and_then(|beyond| beyond.checked_rem(matches.every)) == Some(0);
        is_turn && self.fault.times.is_none_or(|times| self.fired < times)
    }
}

impl Fault {
    fn is_for(&self, seen: &Seen<'_>) -> bool {
        let matches = &self.matches;
        let is = |wanted: &Option<String>, seen: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| seen == Some(wanted))
        };
        let begins = |wanted: &Option<String>, seen: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| seen.is_some_and(|seen| seen.starts_with(wanted)))
        };
        (self.point == FaultPoint::Webhook) == seen.event.is_some()
            && is(&matches.method, seen.method)
            && is(&matches.route, seen.route)
            && is(&matches.event, seen.event)
            && begins(&matches.credential, seen.credential)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests out of so many at which a fault happens.
    fn turns(fault: Fault, requests: u64) -> Vec<u64> {
        let armory = Armory::default();
        armory.arm(fault).unwrap();
        (1..=requests).filter(|_| armory.strike(&Seen::default()).is_some()).collect()
    }

    #[test]
    fn a_fault_happens_at_the_requests_that_it_names_and_no_others() {
        assert_eq!(turns(Fault::status(503), 5), [1]);
        assert_eq!(turns(Fault::status(503).times(2), 5), [1, 2]);
        assert_eq!(turns(Fault::status(503).nth(3), 5), [3]);
        assert_eq!(turns(Fault::status(503).every(10), 35), [1, 11, 21, 31]);
        assert_eq!(turns(Fault::status(503).nth(10).every(10).times(2), 50), [10, 20]);
    }

    #[test]
    fn a_fault_is_for_what_it_matches() {
        let armory = Armory::default();
        let fault = Fault::status(503).route("POST", "/deals").credential("rk_test_Ab").every(1);
        armory.arm(fault).unwrap();
        let hit = Seen {
            method: Some("POST"),
            route: Some("/deals"),
            credential: Some("rk_test_Abcd"),
            event: None,
        };
        for miss in [
            Seen { method: Some("GET"), ..hit },
            Seen { route: Some("/deals/{id}"), ..hit },
            Seen { credential: Some("rk_test_Xbcd"), ..hit },
            Seen { credential: None, ..hit },
            Seen { event: Some("deal.won"), ..hit },
        ] {
            assert!(armory.strike(&miss).is_none(), "{miss:?}");
        }
        assert_eq!(armory.all()[0].matched, 0);
        assert!(armory.strike(&hit).is_some());
        assert_eq!((armory.all()[0].matched, armory.all()[0].has_fired()), (1, true));
    }

    #[test]
    fn of_two_that_match_the_one_armed_first_happens_and_both_count() {
        let armory = Armory::default();
        let first = armory.arm(Fault::status(503).nth(2)).unwrap();
        let second = armory.arm(Fault::status(500).nth(2)).unwrap();
        assert!(armory.strike(&Seen::default()).is_none());
        assert_eq!(armory.strike(&Seen::default()).unwrap().id, first.id);
        assert_eq!(
            armory.strike(&Seen::default()).unwrap().id,
            second.id,
            "its turns go on until it has fired"
        );
        assert!(armory.strike(&Seen::default()).is_none());
        assert_eq!(armory.all().iter().map(|armed| armed.matched).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(
            (armory.disarm(Some(&second.id)), armory.disarm(Some("f9")), armory.disarm(None)),
            (1, 0, 1)
        );
    }

    #[test]
    fn so_many_faults_are_armed_and_no_more() {
        let armory = Armory::default();
        for _ in 0..limits::FAULTS {
            armory.arm(Fault::status(503)).unwrap();
        }
        assert_eq!(armory.arm(Fault::status(503)).unwrap_err().code(), Code::LimitExceeded);
    }
}

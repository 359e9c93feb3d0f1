use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

use parking_lot::RwLock;
use rally_core::{
    Timestamp,
    schema::{Allowance, Limiter},
};

use crate::{config::GuessLimits, recent::Recent};

/// Counts the requests without a valid credential of each source address, and keeps those that are made up from the store.
///
/// A source whose requests are spent is still served if its credential was valid lately. Another credential of it is
/// looked up a few times more, as one that is valid may come by the same proxy as a flood of others; then it waits for
/// the next minute, and the store is asked nothing.
#[derive(Debug)]
pub(crate) struct AnonymousCallers {
    failures: Limiter<IpAddr>,
    lookups: Limiter<IpAddr>,
    valid: RwLock<Recent<CredentialHash>>,
    hasher: RandomState,
    /// 0 for no limit.
    per_minute: u32,
    /// Lookups of a source after its requests are spent.
    lookups_per_minute: u32,
}

/// A credential, hashed with a key of this process. Two with one hash would share a look into the store, not a session.
type CredentialHash = u64;

/// The way to go on with a credential before it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The store may be asked.
    Free,
    /// The store may be asked, and one of the source's last lookups was taken for it.
    Lookup,
    /// The store is not asked.
    Refused(Allowance),
}

impl AnonymousCallers {
    /// `per_minute` are the failures of each source, 0 for no limit.
    pub(crate) fn new(per_minute: u32, limits: &GuessLimits) -> Self {
        Self {
            failures: Limiter::bounded(limits.counted_sources),
            lookups: Limiter::bounded(limits.counted_sources),
            valid: RwLock::new(Recent::new(limits.valid_credentials, limits.valid_credential_life)),
            hasher: RandomState::new(),
            per_minute,
            lookups_per_minute: per_minute.saturating_mul(limits.lookups_beyond_failures),
        }
    }

    /// Decides whether the store may be asked for a credential; `None` is one that is found wrong without asking.
    pub(crate) fn pass(&self, source: IpAddr, credential: Option<&str>, now: Timestamp) -> Passage {
        if self.per_minute == 0 {
            return Passage::Free;
        }
        let left = self.failures.look(&source, self.per_minute, now);
        let Some(credential) = credential.filter(|_| !left.granted) else { return Passage::Free };
        if self.valid.read().has(&self.hasher.hash_one(credential), now) {
            return Passage::Free;
        }
        if self.lookups.take(source, self.lookups_per_minute, now).granted {
            Passage::Lookup
        } else {
            Passage::Refused(left)
        }
    }

    /// Notes that a credential has opened a session.
    pub(crate) fn note_valid(&self, source: IpAddr, credential: &str, passage: Passage, now: Timestamp) {
        if self.per_minute == 0 {
            return;
        }
        if passage == Passage::Lookup {
            self.lookups.give_back(&source, now);
        }
        let hash = self.hasher.hash_one(credential);
        let is_fresh = self.valid.read().is_fresh(&hash, now);
        if !is_fresh {
            self.valid.write().note(hash, now);
        }
    }

    /// Takes one of a source's requests for a credential that opens nothing; `None` without a limit.
    pub(crate) fn count_failure(
        &self,
        source: IpAddr,
        credential: Option<&str>,
        now: Timestamp,
    ) -> Option<Allowance> {
        if self.per_minute == 0 {
            return None;
        }
        if let Some(credential) = credential {
            let hash = self.hasher.hash_one(credential);
            let was_valid = self.valid.read().has(&hash, now);
            if was_valid {
                self.valid.write().forget(&hash);
            }
        }
        Some(self.failures.take(source, self.per_minute, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn now() -> Timestamp {
        Timestamp::from_micros(0)
    }

    /// Callers of whom one has spent its requests.
    fn spent() -> AnonymousCallers {
        let callers = AnonymousCallers::new(2, &GuessLimits::default());
        for _ in 0..2 {
            assert_eq!(callers.pass(SOURCE, Some("made up"), now()), Passage::Free);
            assert!(callers.count_failure(SOURCE, Some("made up"), now()).is_some_and(|left| left.granted));
        }
        callers
    }

    #[test]
    fn a_source_that_has_spent_its_requests_has_a_few_lookups_more_and_then_none() {
        let callers = spent();
        for turn in 0..2 * limits::LOOKUPS_BEYOND_FAILURES {
            assert_eq!(callers.pass(SOURCE, Some("made up"), now()), Passage::Lookup, "{turn}");
        }
        assert!(
            matches!(callers.pass(SOURCE, Some("made up"), now()), Passage::Refused(left) if !left.granted)
        );
        assert_eq!(callers.pass(SOURCE, None, now()), Passage::Free, "it is refused without the store");
        assert_eq!(callers.pass([192, 0, 2, 1].into(), Some("made up"), now()), Passage::Free);
    }

    #[test]
    fn what_was_valid_lately_goes_on_being_looked_up_until_it_is_wrong() {
        let callers = spent();
        callers.note_valid(SOURCE, "valid", Passage::Free, now());
        for _ in 0..1_000 {
            assert_eq!(callers.pass(SOURCE, Some("valid"), now()), Passage::Free);
        }
        callers.count_failure(SOURCE, Some("valid"), now());
        assert_eq!(callers.pass(SOURCE, Some("valid"), now()), Passage::Lookup);
        callers.note_valid(SOURCE, "valid", Passage::Free, now());
        let life = i64::try_from(limits::VALID_CREDENTIAL_LIFE.as_micros()).unwrap();
        let later = now().plus_micros(life - 1);
        let too_late = now().plus_micros(life);
        for (instant, passage) in [(later, Passage::Free), (too_late, Passage::Lookup)] {
            for _ in 0..2 {
                callers.count_failure(SOURCE, Some("made up"), instant);
            }
            assert_eq!(callers.pass(SOURCE, Some("valid"), instant), passage);
        }
    }

    #[test]
    fn a_lookup_that_finds_something_is_given_back() {
        let callers = spent();
        for turn in 0..100 * limits::LOOKUPS_BEYOND_FAILURES {
            let key = format!("valid {turn}");
            let passage = callers.pass(SOURCE, Some(&key), now());
            assert_eq!(passage, Passage::Lookup, "{turn}");
            callers.note_valid(SOURCE, &key, passage, now());
        }
    }
}

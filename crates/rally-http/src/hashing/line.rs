use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
};

use super::asker::{Asker, Standing};

/// Turns that the known may have in a row while others wait.
const KNOWN_IN_A_ROW: u32 = 3;
/// The most sources, and the most tenants, whose last turns are remembered.
const MOST_REMEMBERED: usize = 2_048;

/// Those who wait for turns. The next is whose source and tenant have waited longest since their last turns, so neither
/// many addresses that ask for one tenant nor one address that asks for many take more than a share. The known go first,
/// but for one turn in four.
pub(super) struct Line<T> {
    most_waiting: usize,
    known: Vec<Waiter<T>>,
    unknown: Vec<Waiter<T>>,
    known_in_a_row: u32,
    /// Turns so far.
    turn: u64,
    sources: LastTurns<IpAddr>,
    tenants: LastTurns<TenantHash>,
    hasher: RandomState,
}

/// A value that is handed to one who waits.
pub(super) trait Payload {
    /// True when nobody waits for it any more.
    fn has_left(&self) -> bool;
}

/// A tenant's slug, hashed with a key of this process, as a slug that is only said may have any length.
type TenantHash = u64;

struct Waiter<T> {
    source: IpAddr,
    tenant: TenantHash,
    payload: T,
}

/// The number of each key's last turn.
struct LastTurns<K>(HashMap<K, u64>);

impl<T: Payload> Line<T> {
    /// A line in which at most `most_waiting` of each standing wait.
    pub(super) fn new(most_waiting: usize) -> Self {
        Self {
            most_waiting,
            known: Vec::new(),
            unknown: Vec::new(),
            known_in_a_row: 0,
            turn: 0,
            sources: LastTurns(HashMap::new()),
            tenants: LastTurns(HashMap::new()),
            hasher: RandomState::new(),
        }
    }

    /// Notes a turn that somebody has without waiting.
    pub(super) fn note(&mut self, asker: &Asker) {
        self.note_turn(asker.source, self.hasher.hash_one(&asker.tenant));
    }

    /// Puts somebody at the end. If there are too many then, the answer is the last of those whose source, and then
    /// whose tenant, has the most waiting.
    pub(super) fn join(&mut self, asker: Asker, payload: T) -> Option<T> {
        let tenant = self.hasher.hash_one(&asker.tenant);
        let most = self.most_waiting;
        let waiting = match asker.standing {
            Standing::Known => &mut self.known,
            Standing::Unknown => &mut self.unknown,
        };
        if waiting.len() >= most {
            waiting.retain(|waiter| !waiter.payload.has_left());
        }
        waiting.push(Waiter { source: asker.source, tenant, payload });
        if waiting.len() > most { one_too_many(waiting) } else { None }
    }

    /// Takes the next one out of the line, and notes the turn.
    pub(super) fn next(&mut self) -> Option<T> {
        self.known.retain(|waiter| !waiter.payload.has_left());
        self.unknown.retain(|waiter| !waiter.payload.has_left());
        let is_known_first = self.known_in_a_row < KNOWN_IN_A_ROW || self.unknown.is_empty();
        let takes_known = is_known_first && !self.known.is_empty();
        let place = self.longest_without(if takes_known { &self.known } else { &self.unknown })?;
        let waiter = if takes_known { self.known.remove(place) } else { self.unknown.remove(place) };
        self.known_in_a_row = if takes_known { self.known_in_a_row.saturating_add(1) } else { 0 };
        self.note_turn(waiter.source, waiter.tenant);
        Some(waiter.payload)
    }

    /// The place of the one whose source and tenant have had no turn for longest; of equals, the first who came.
    fn longest_without(&self, waiting: &[Waiter<T>]) -> Option<usize> {
        let rank = |waiter: &Waiter<T>| {
            let (source, tenant) = (self.sources.of(&waiter.source), self.tenants.of(&waiter.tenant));
            (source.max(tenant), source.min(tenant))
        };
        let ranked = waiting.iter().enumerate().min_by_key(|(place, waiter)| (rank(waiter), *place));
        ranked.map(|(place, _)| place)
    }

    fn note_turn(&mut self, source: IpAddr, tenant: TenantHash) {
        self.turn = self.turn.saturating_add(1);
        self.sources.note(source, self.turn);
        self.tenants.note(tenant, self.turn);
    }
}

/// Takes out the last of those whose source, and then whose tenant, has the most waiting.
fn one_too_many<T>(waiting: &mut Vec<Waiter<T>>) -> Option<T> {
    let of_sources = counted(waiting.iter().map(|waiter| waiter.source));
    let of_tenants = counted(waiting.iter().map(|waiter| waiter.tenant));
    let crowd = |waiter: &Waiter<T>| (of_sources.get(&waiter.source), of_tenants.get(&waiter.tenant));
    let last = waiting.iter().enumerate().max_by_key(|(place, waiter)| (crowd(waiter), *place));
    last.map(|(place, _)| place).map(|place| waiting.remove(place).payload)
}

fn counted<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, usize> {
    keys.fold(HashMap::new(), |mut counts, key| {
        *counts.entry(key).or_default() += 1;
        counts
    })
}

impl<K: Eq + Hash> LastTurns<K> {
    /// The number of a key's last turn; 0 for none that is remembered.
    fn of(&self, key: &K) -> u64 {
        self.0.get(key).copied().unwrap_or(0)
    }

    /// Notes a key's turn, and forgets old ones: of the last n turns there are at most n keys.
    fn note(&mut self, key: K, turn: u64) {
        self.0.insert(key, turn);
        if self.0.len() > MOST_REMEMBERED {
            let kept = u64::try_from(MOST_REMEMBERED / 2).unwrap_or(u64::MAX);
            self.0.retain(|_, last| last.saturating_add(kept) > turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Payload for &'static str {
        fn has_left(&self) -> bool {
            *self == "left"
        }
    }

    fn asker(standing: Standing, source: u8, tenant: &str) -> Asker {
        Asker { standing, source: IpAddr::from([192, 0, 2, source]), tenant: tenant.to_owned() }
    }

    fn line(waiting: &[(u8, &str, &'static str)]) -> Line<&'static str> {
        let mut line = Line::new(100);
        for &(source, tenant, name) in waiting {
            assert_eq!(line.join(asker(Standing::Unknown, source, tenant), name), None);
        }
        line
    }

    fn order(mut line: Line<&'static str>) -> Vec<&'static str> {
        std::iter::from_fn(|| line.next()).collect()
    }

    #[test]
    fn sources_take_turns() {
        let line = line(&[(1, "a", "1"), (1, "a", "2"), (1, "a", "3"), (2, "a", "other"), (3, "a", "third")]);
        assert_eq!(order(line), ["1", "other", "third", "2", "3"]);
    }

    #[test]
    fn one_source_that_names_many_tenants_is_one_source() {
        let line = line(&[(1, "a", "1"), (1, "b", "2"), (1, "c", "3"), (2, "d", "other")]);
        assert_eq!(order(line), ["1", "other", "2", "3"]);
    }

    #[test]
    fn many_sources_at_one_tenant_are_one_tenant() {
        let line = line(&[(1, "a", "1"), (2, "a", "2"), (3, "a", "3"), (4, "b", "other")]);
        assert_eq!(order(line), ["1", "other", "2", "3"]);
    }

    #[test]
    fn the_known_go_first_but_for_one_turn_in_four() {
        let mut line = line(&[(1, "a", "1"), (2, "a", "2"), (3, "a", "left")]);
        for (source, name) in [(10, "k1"), (11, "k2"), (12, "left"), (13, "k3"), (14, "k4"), (15, "k5")] {
            line.join(asker(Standing::Known, source, "a"), name);
        }
        assert_eq!(order(line), ["k1", "k2", "k3", "1", "k4", "k5", "2"]);
    }

    #[test]
    fn when_there_is_no_place_the_greatest_crowd_gives_one() {
        let mut line = Line::new(3);
        for name in ["1", "2", "3"] {
            assert_eq!(line.join(asker(Standing::Unknown, 1, "a"), name), None);
        }
        assert_eq!(line.join(asker(Standing::Unknown, 2, "a"), "other"), Some("3"));
        assert_eq!(line.join(asker(Standing::Unknown, 3, "b"), "third"), Some("2"));
        assert_eq!(line.join(asker(Standing::Unknown, 4, "a"), "late"), Some("late"));
        assert_eq!(line.join(asker(Standing::Unknown, 5, "c"), "new"), Some("other"));
        assert_eq!(order(line), ["1", "third", "new"]);
    }

    #[test]
    fn those_who_have_left_take_no_place() {
        let mut line = Line::new(2);
        line.join(asker(Standing::Unknown, 1, "a"), "1");
        line.join(asker(Standing::Unknown, 2, "a"), "left");
        assert_eq!(line.join(asker(Standing::Unknown, 3, "a"), "3"), None);
        assert_eq!(order(line), ["1", "3"]);
    }

    #[test]
    fn the_memory_of_turns_is_bounded_and_keeps_the_newest() {
        let mut turns = LastTurns(HashMap::new());
        for turn in 1..=10 * u64::try_from(MOST_REMEMBERED).unwrap() {
            turns.note(turn, turn);
            assert!(turns.0.len() <= MOST_REMEMBERED);
            assert_eq!(turns.of(&turn), turn);
        }
        assert_eq!(turns.of(&1), 0);
    }
}

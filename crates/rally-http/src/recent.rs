use std::{collections::HashMap, hash::Hash, time::Duration};

use rally_core::Timestamp;

/// Keys that were noted lately, at most so many; the ones noted longest ago are forgotten first.
#[derive(Debug)]
pub(crate) struct Recent<K> {
    most: usize,
    life_micros: i64,
    /// The number of each key's last note, and its instant.
    noted: HashMap<K, (u64, Timestamp)>,
    notes: u64,
}

impl<K: Eq + Hash> Recent<K> {
    /// Nothing yet. A key is forgotten after `life`, or sooner if there are more than `most`.
    pub(crate) fn new(most: usize, life: Duration) -> Self {
        let life_micros = i64::try_from(life.as_micros()).unwrap_or(i64::MAX);
        Self { most, life_micros, noted: HashMap::new(), notes: 0 }
    }

    pub(crate) fn has(&self, key: &K, now: Timestamp) -> bool {
        self.noted.get(key).is_some_and(|(_, at)| now < at.plus_micros(self.life_micros))
    }

    /// True when a key has been noted so lately that noting it again changes little.
    pub(crate) fn is_fresh(&self, key: &K, now: Timestamp) -> bool {
        self.noted.get(key).is_some_and(|(_, at)| now < at.plus_micros(self.life_micros / 8))
    }

    pub(crate) fn note(&mut self, key: K, now: Timestamp) {
        self.notes = self.notes.saturating_add(1);
        self.noted.insert(key, (self.notes, now));
        if self.noted.len() > self.most {
            // Half of them go, so that this is seldom done.
            let kept = u64::try_from(self.most / 2).unwrap_or(u64::MAX);
            let notes = self.notes;
            self.noted.retain(|_, (note, _)| note.saturating_add(kept) > notes);
        }
    }

    pub(crate) fn forget(&mut self, key: &K) {
        self.noted.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn what_is_noted_is_had_until_its_time_is_over() {
        let mut recent = Recent::new(10, Duration::from_micros(80));
        recent.note("a", at(0));
        assert!(recent.has(&"a", at(79)) && !recent.has(&"a", at(80)) && !recent.has(&"b", at(0)));
        assert!(recent.is_fresh(&"a", at(9)) && !recent.is_fresh(&"a", at(10)));
        recent.note("a", at(70));
        assert!(recent.has(&"a", at(149)));
        recent.forget(&"a");
        assert!(!recent.has(&"a", at(70)));
    }

    #[test]
    fn the_room_is_bounded_and_the_newest_stay() {
        let mut recent = Recent::new(100, Duration::from_secs(1));
        for number in 0..10_000 {
            recent.note(number, at(0));
            assert!(recent.noted.len() <= 100);
            assert!((number.max(49) - 49..=number).all(|newest| recent.has(&newest, at(0))));
        }
        assert!(!recent.has(&0, at(0)));
    }
}

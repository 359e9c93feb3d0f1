use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Values that wait, each under a key, such as a tenant. Keys take turns, and the values of one key keep their order, so
/// that a key with many values delays another by one value at most.
#[derive(Debug)]
pub struct RoundRobin<K, V> {
    /// Keys that have values, from the next to have its turn to the last.
    turns: VecDeque<K>,
    waiting: HashMap<K, VecDeque<V>>,
    len: usize,
}

impl<K: Clone + Eq + Hash, V> RoundRobin<K, V> {
    /// Nothing that waits.
    #[must_use]
    pub fn new() -> Self {
        Self { turns: VecDeque::new(), waiting: HashMap::new(), len: 0 }
    }

    /// Adds a value behind those of its key.
    pub fn push(&mut self, key: K, value: V) {
        self.len += 1;
        let values = self.waiting.entry(key.clone()).or_default();
        if values.is_empty() {
            self.turns.push_back(key);
        }
        values.push_back(value);
    }

    /// Takes the next value, whose key goes behind all others.
    pub fn pop(&mut self) -> Option<(K, V)> {
        self.pop_of(|_| true)
    }

    /// Takes the next value of a key that may have its turn; other keys keep their places.
    pub fn pop_of(&mut self, may: impl Fn(&K) -> bool) -> Option<(K, V)> {
        let place = self.turns.iter().position(may)?;
        let key = self.turns.remove(place)?;
        let values = self.waiting.get_mut(&key)?;
        let value = values.pop_front()?;
        if values.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key.clone());
        }
        self.len -= 1;
        Some((key, value))
    }

    /// The keys that have values, from the next to have its turn to the last.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.turns.iter()
    }

    /// The number of values that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of values that wait under a key.
    #[must_use]
    pub fn len_of(&self, key: &K) -> usize {
        self.waiting.get(key).map_or(0, VecDeque::len)
    }
}

impl<K: Clone + Eq + Hash, V> Default for RoundRobin<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(char, u8)]) -> RoundRobin<char, u8> {
        let mut waiting = RoundRobin::new();
        for (key, value) in values {
            waiting.push(*key, *value);
        }
        waiting
    }

    #[test]
    fn keys_take_turns_and_the_values_of_a_key_keep_their_order() {
        let mut waiting = filled(&[('a', 1), ('a', 2), ('a', 3), ('b', 4), ('c', 5), ('b', 6)]);
        assert_eq!((waiting.len(), waiting.len_of(&'a'), waiting.len_of(&'z')), (6, 3, 0));
        let order: Vec<_> = std::iter::from_fn(|| waiting.pop()).collect();
        assert_eq!(order, [('a', 1), ('b', 4), ('c', 5), ('a', 2), ('b', 6), ('a', 3)]);
        assert!(waiting.is_empty() && waiting.waiting.is_empty() && waiting.turns.is_empty());
    }

    #[test]
    fn a_key_that_may_not_have_its_turn_keeps_its_place() {
        let mut waiting = filled(&[('a', 1), ('b', 2), ('b', 3)]);
        assert_eq!(waiting.pop_of(|key| *key == 'b'), Some(('b', 2)));
        assert_eq!(waiting.pop_of(|key| *key == 'c'), None);
        assert_eq!(waiting.pop(), Some(('a', 1)));
        assert_eq!(waiting.pop(), Some(('b', 3)));
        assert_eq!((waiting.pop(), waiting.len()), (None, 0));
    }
}

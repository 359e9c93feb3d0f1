use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;

use super::{Key, KeyRange};

/// Changes to one tenant's state that are applied together: for each key a new value, or its deletion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(BTreeMap<Key, Option<Bytes>>);

impl Batch {
    /// An empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Gives a key a value, in place of any earlier change of it in this batch.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>) {
        self.0.insert(key, Some(value.into()));
    }

    /// Deletes a key, in place of any earlier change of it in this batch. The key need not exist.
    pub fn delete(&mut self, key: Key) {
        self.0.insert(key, None);
    }

    /// Adds the changes of another batch, in place of any that this one has for the same keys.
    pub fn append(&mut self, next: Batch) {
        self.extend(next.0);
    }

    /// The change of a key: `None` if there is none, `Some(None)` for its deletion, otherwise its new value.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Option<&Bytes>> {
        self.0.get(key).map(Option::as_ref)
    }

    /// The changes in the order of their keys, each key once; `None` is a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, Option<&Bytes>)> {
        self.0.iter().map(|(key, value)| (key, value.as_ref()))
    }

    /// The owned changes, in the order of their keys.
    pub fn into_changes(self) -> impl Iterator<Item = (Key, Option<Bytes>)> {
        self.0.into_iter()
    }

    /// True when it has no change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of keys that it changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The changes of a range that is not empty, in the order of their keys.
    pub(super) fn range(&self, range: &KeyRange) -> impl DoubleEndedIterator<Item = (Key, Option<Bytes>)> {
        let end = range.end().map_or(Bound::Unbounded, Bound::Excluded);
        let within = self.0.range::<Key, _>((Bound::Included(range.start()), end));
        within.map(|(key, value)| (key.clone(), value.clone()))
    }
}

impl FromIterator<(Key, Option<Bytes>)> for Batch {
    fn from_iter<I: IntoIterator<Item = (Key, Option<Bytes>)>>(changes: I) -> Self {
        Self(changes.into_iter().collect())
    }
}

impl Extend<(Key, Option<Bytes>)> for Batch {
    fn extend<I: IntoIterator<Item = (Key, Option<Bytes>)>>(&mut self, changes: I) {
        self.0.extend(changes);
    }
}

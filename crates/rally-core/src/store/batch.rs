use std::collections::BTreeMap;

use bytes::Bytes;

use super::Key;

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
        self.0.extend(next.0);
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

    pub(crate) fn range(
        &self,
        start: &Key,
        end: Option<&Key>,
    ) -> impl DoubleEndedIterator<Item = (&Key, &Option<Bytes>)> {
        use std::ops::Bound;
        let upper = end.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.range((Bound::Included(start), upper))
    }
}

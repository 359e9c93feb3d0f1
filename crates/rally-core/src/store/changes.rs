use bytes::Bytes;

use super::{
    Batch, Direction, Key, KeyRange, PreparedChanges, Replaced,
    tree::{Bounds, Deletions, Tree},
};

/// Changes that lie over a tenant's state, the newest of each key: what a store has in memory of batches that have not come
/// to their places yet.
///
/// It is a persistent map: a clone costs no more than a reference and stays as it is, and changes are made in parts that no
/// clone has in common, or in copies of them. Values of up to 1,024 bytes are copied into it, and longer ones are shared.
///
/// ```
/// # use rally_core::store::{Batch, Changes, Key, Space};
/// let (kept, gone) = (Key::new(Space(1)).byte(1), Key::new(Space(1)).byte(2));
/// let mut batch = Batch::new();
/// batch.put(kept.clone(), "value");
/// batch.delete(gone.clone());
/// let mut changes = Changes::default();
/// changes.apply(batch);
/// assert_eq!(changes.get(&kept), Some(Some("value".into())));
/// assert_eq!(changes.get(&gone), Some(None));
/// assert_eq!(changes.get(&Key::new(Space(2))), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Changes(Tree);

impl Changes {
    /// True when nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The change of a key: `None` if there is none, `Some(None)` for its deletion, otherwise its new value.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Option<Bytes>> {
        self.0.get(key)
    }

    /// The changes of keys, in the order of the keys given, as [`Changes::get`] answers them.
    pub fn get_many(&self, keys: &[Key]) -> impl Iterator<Item = Option<Option<Bytes>>> {
        self.0.get_many(keys)
    }

    /// All changes in the order of their keys, each key once; `None` is a deletion.
    pub fn iter(&self) -> impl Iterator<Item = (Key, Option<Bytes>)> {
        self.0.entries(Bounds::ALL, Direction::Forward)
    }

    /// The changes of a range, in a direction.
    pub fn range<'c>(
        &'c self,
        range: &'c KeyRange,
        direction: Direction,
    ) -> impl Iterator<Item = (Key, Option<Bytes>)> + 'c {
        self.0.entries(Bounds::of(range), direction)
    }

    /// Puts a batch over these changes.
    pub fn apply(&mut self, batch: Batch) {
        let prepared = self.prepare(batch);
        drop(self.put(prepared));
    }

    /// Does the greater part of the work of [`apply`](Self::apply) beside these changes, which can be read meanwhile.
    #[must_use]
    pub fn prepare(&self, batch: Batch) -> PreparedChanges {
        let mut changes: Vec<_> = batch.into_changes().collect();
        self.0.prepare(&mut changes, Deletions::Kept)
    }

    /// Puts changes in their places. This must be the map that they were prepared for, or a clone, and unchanged since:
    /// otherwise changes are lost, or it panics.
    pub fn put(&mut self, prepared: PreparedChanges) -> Replaced {
        self.0.put(prepared)
    }

    /// Puts changes in their places, as [`put`](Self::put) does and of the same map, if that takes no more than some tens of
    /// microseconds, for which readers may wait.
    ///
    /// # Errors
    /// The changes, if it would take longer: they are to be put into a clone, for which nobody waits.
    pub fn put_few(&mut self, prepared: PreparedChanges) -> Result<Replaced, PreparedChanges> {
        self.0.put_few(prepared)
    }
}

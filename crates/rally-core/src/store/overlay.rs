use std::{fmt, iter::Peekable};

use bytes::Bytes;

use super::{Batch, Direction, Entry, Incarnation, Key, KeyRange, Snapshot, StoreError};

/// A snapshot as it will be when a batch has been applied: the state on which the next of several writes that share a
/// commit builds.
pub struct Overlay<'s> {
    below: &'s dyn Snapshot,
    batch: Batch,
}

impl<'s> Overlay<'s> {
    /// The state below with a batch over it.
    #[must_use]
    pub fn new(below: &'s dyn Snapshot, batch: Batch) -> Self {
        Self { below, batch }
    }

    /// Gives a key a value in the batch, as [`Batch::put`] does.
    pub fn put(&mut self, key: Key, value: impl Into<Bytes>) {
        self.batch.put(key, value);
    }

    /// Deletes a key in the batch, as [`Batch::delete`] does.
    pub fn delete(&mut self, key: Key) {
        self.batch.delete(key);
    }

    /// The batch.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        self.batch
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("batch", &self.batch).finish_non_exhaustive()
    }
}

impl Snapshot for Overlay<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        match self.batch.get(key) {
            Some(changed) => Ok(changed.cloned()),
            None => self.below.get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = self.below.get_many(keys)?;
        for (key, value) in keys.iter().zip(&mut values) {
            if let Some(changed) = self.batch.get(key) {
                *value = changed.cloned();
            }
        }
        Ok(values)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.below.prefetch(keys)
    }

    fn incarnation(&self) -> Result<Incarnation, StoreError> {
        self.below.incarnation()
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let below = self.below;
        match direction {
            _ if range.is_empty() => Ok(Vec::new()),
            Direction::Forward => scan_changed(below, self.batch.range(range), range, direction, limit),
            Direction::Backward => {
                scan_changed(below, self.batch.range(range).rev(), range, direction, limit)
            }
        }
    }
}

/// Scans a range that is not empty as it will be when changes have been applied to the snapshot below.
///
/// The changes are those of the range, in the order of the direction; `None` is a deletion.
///
/// # Errors
/// Those of [`Snapshot::scan`].
pub fn scan_changed(
    below: &dyn Snapshot,
    changes: impl Iterator<Item = (Key, Option<Bytes>)>,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<Entry>, StoreError> {
    let (mut entries, mut rest, mut size) = (Vec::new(), range.clone(), limit);
    let mut changes = changes.peekable();
    loop {
        let found = below.scan(&rest, direction, size)?;
        let is_last = found.len() < size;
        if let Some(last) = found.last() {
            rest = behind(rest, direction, &last.key);
        }
        match (found.last(), changes.peek()) {
            (Some(last), Some((key, _))) if !comes(direction, &last.key, key) => {
                merge(found, &mut changes, direction, &mut entries);
            }
            // No change is among what was found.
            _ if entries.is_empty() => entries = found,
            _ => entries.extend(found),
        }
        if is_last || entries.len() >= limit {
            break;
        }
        // Deletions have hidden entries, so there are to be some more.
        size = size.saturating_mul(2);
    }
    let missing = limit.saturating_sub(entries.len());
    entries.extend(changes.filter_map(entry_of).take(missing));
    entries.truncate(limit);
    Ok(entries)
}

/// Adds the entries that were found, with the changes that come before the last of them or change it.
fn merge(
    found: Vec<Entry>,
    changes: &mut Peekable<impl Iterator<Item = (Key, Option<Bytes>)>>,
    direction: Direction,
    entries: &mut Vec<Entry>,
) {
    for entry in found {
        while let Some(change) = changes.next_if(|(key, _)| comes(direction, key, &entry.key)) {
            entries.extend(entry_of(change));
        }
        match changes.next_if(|(key, _)| *key == entry.key) {
            Some(change) => entries.extend(entry_of(change)),
            None => entries.push(entry),
        }
    }
}

/// The part of a range behind a key.
fn behind(range: KeyRange, direction: Direction, key: &Key) -> KeyRange {
    match direction {
        Direction::Forward => range.from(key.successor()),
        Direction::Backward => range.until(key.clone()),
    }
}

/// True when one key comes before another in a direction.
fn comes(direction: Direction, key: &Key, other: &Key) -> bool {
    match direction {
        Direction::Forward => key < other,
        Direction::Backward => key > other,
    }
}

fn entry_of((key, value): (Key, Option<Bytes>)) -> Option<Entry> {
    value.map(|value| Entry { key, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        base::TenantId,
        store::{Commit, MemoryStore, Space, Store},
    };

    type Changes = Vec<(u8, Option<u8>)>;

    fn batch(changes: &Changes) -> Batch {
        let mut batch = Batch::new();
        for (key, value) in changes {
            let key = Key::new(Space(1)).byte(*key);
            match value {
                Some(value) => batch.put(key, vec![*value]),
                None => batch.delete(key),
            }
        }
        batch
    }

    fn changes() -> impl Strategy<Value = Changes> {
        prop::collection::vec((0u8..12, prop::option::of(any::<u8>())), 0..12)
    }

    proptest! {
        #[test]
        fn an_overlay_reads_as_if_its_batch_were_applied(
            below in changes(), above in changes(), from in 0u8..12, to in 0u8..12, limit in 0usize..14, forward: bool,
        ) {
            let store = MemoryStore::new();
            let tenant = TenantId::DIRECTORY;
            prop_assert_eq!(store.write(tenant, &mut |_| Ok(batch(&below))).unwrap(), Commit::Applied);
            let before = store.snapshot(tenant).unwrap();
            let overlay = Overlay::new(&*before, batch(&above));
            prop_assert_eq!(store.write(tenant, &mut |_| Ok(batch(&above))).unwrap(), Commit::Applied);
            let after = store.snapshot(tenant).unwrap();

            let space = Key::new(Space(1));
            let range = KeyRange::prefix(&space).from(space.clone().byte(from)).until(space.clone().byte(to));
            let direction = if forward { Direction::Forward } else { Direction::Backward };
            prop_assert_eq!(
                overlay.scan(&range, direction, limit).unwrap(),
                after.scan(&range, direction, limit).unwrap()
            );
            let keys: Vec<Key> = (0..12).map(|key| space.clone().byte(key)).collect();
            prop_assert_eq!(overlay.get_many(&keys).unwrap(), after.get_many(&keys).unwrap());
            for key in &keys {
                prop_assert_eq!(overlay.get(key).unwrap(), after.get(key).unwrap());
            }
        }
    }
}

//! A write that is only tried: transactions whose batches go over a tenant's state of one moment, and nowhere else.

use std::{fmt, sync::Arc};

use bytes::Bytes;

use super::{Origin, Transaction};
use crate::{
    base::{Error, TenantId, count},
    store::{
        Abort, Batch, Direction, Entry, Key, KeyRange, MemoryStore, Snapshot, Store, StoreError, scan_changed,
    },
};

/// Room for what is only tried, beyond what memory is for: it opens an empty store that nobody else has, and that is gone
/// when it is dropped.
#[derive(Clone)]
pub struct Scratch(Arc<Open>);

type Open = dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync;

/// Transactions that are going to be dropped, each on the state that the ones before would have left.
pub(crate) struct Rehearsal<'s> {
    tenant: TenantId,
    before: Box<dyn Snapshot + 's>,
    /// The newest change of each key, in memory at first.
    changes: Arc<dyn Store>,
    /// The bytes of changes from which on they leave the memory, and where they go.
    memory: u64,
    scratch: Option<Scratch>,
    bytes: u64,
}

/// A state with changes over it.
struct Rehearsed<'r> {
    before: &'r dyn Snapshot,
    changes: &'r dyn Snapshot,
}

/// The last byte of a stored change: a deletion, or a value before it.
const DELETED: u8 = 0;
const VALUE: u8 = 1;

/// Changes that are read or moved at once.
const PIECE: usize = 256;

impl Scratch {
    /// Room in stores that are opened by this function.
    ///
    /// ```
    /// use rally_core::{ImportOptions, Scratch, store::MemoryStore};
    /// use std::sync::Arc;
    ///
    /// let scratch = Scratch::new(|| Ok(Arc::new(MemoryStore::new())));
    /// let options = ImportOptions::new().dry_run().scratch(scratch);
    /// ```
    pub fn new(open: impl Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Two are equal when one is a copy of the other.
impl PartialEq for Scratch {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Scratch {}

impl<'s> Rehearsal<'s> {
    /// A rehearsal on a tenant's state, whose changes take so many bytes of memory before they go elsewhere.
    pub(crate) fn new(
        tenant: TenantId,
        before: Box<dyn Snapshot + 's>,
        memory: u64,
        scratch: Option<Scratch>,
    ) -> Self {
        Self { tenant, before, changes: Arc::new(MemoryStore::new()), memory, scratch, bytes: 0 }
    }

    /// The bytes of all changes so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Runs verbs in a transaction, whose changes the next one sees.
    pub(crate) fn run<T>(
        &mut self,
        origin: &Origin<'_>,
        reads: &[Key],
        work: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (done, batch) = {
            let changes = self.changes.snapshot(self.tenant)?;
            let state = Rehearsed { before: &*self.before, changes: &*changes };
            state.prefetch(reads)?;
            let mut transaction = Transaction::new(origin, &state)?;
            let done = work(&mut transaction)?;
            (done, transaction.finish()?)
        };
        self.keep(&batch)?;
        Ok(done)
    }

    fn keep(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut changes = Batch::new();
        for (key, value) in batch.iter() {
            let mut change = Vec::with_capacity(value.map_or(0, Bytes::len) + 1);
            change.extend_from_slice(value.map_or(&[], |value| value));
            change.push(if value.is_some() { VALUE } else { DELETED });
            self.bytes += count(key.as_bytes().len() + change.len());
            changes.put(key.clone(), change);
        }
        if self.bytes > self.memory
            && let Some(scratch) = self.scratch.take()
        {
            self.move_to((scratch.0)()?)?;
        }
        write(&*self.changes, self.tenant, &changes)
    }

    fn move_to(&mut self, store: Arc<dyn Store>) -> Result<(), StoreError> {
        let all = self.changes.snapshot(self.tenant)?;
        let mut range = KeyRange::all();
        loop {
            let piece = all.scan(&range, Direction::Forward, PIECE)?;
            let Some(last) = piece.last() else { break };
            range = range.from(last.key.successor());
            let mut batch = Batch::new();
            piece.into_iter().for_each(|entry| batch.put(entry.key, entry.value));
            write(&*store, self.tenant, &batch)?;
        }
        drop(all);
        self.changes = store;
        Ok(())
    }
}

fn write(store: &dyn Store, tenant: TenantId, batch: &Batch) -> Result<(), StoreError> {
    store.write(tenant, &mut |_| Ok::<_, Abort>(batch.clone())).map(drop)
}

/// The change that a stored value is; `None` for a deletion.
fn change(mut stored: Bytes) -> Result<Option<Bytes>, StoreError> {
    match stored.split_off(stored.len().saturating_sub(1)).first() {
        Some(&VALUE) => Ok(Some(stored)),
        Some(&DELETED) => Ok(None),
        _ => Err(StoreError::Corrupt { what: "a change of a dry run".to_owned() }),
    }
}

impl Snapshot for Rehearsed<'_> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        match self.changes.get(key)? {
            Some(stored) => change(stored),
            None => self.before.get(key),
        }
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let changes = self.changes.get_many(keys)?;
        let mut values = self.before.get_many(keys)?;
        for (value, stored) in values.iter_mut().zip(changes) {
            if let Some(stored) = stored {
                *value = change(stored)?;
            }
        }
        Ok(values)
    }

    fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.before.prefetch(keys)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let (mut entries, mut rest) = (Vec::new(), range.clone());
        loop {
            let stored = self.changes.scan(&rest, direction, PIECE)?;
            let last = if stored.len() < PIECE { None } else { stored.last().map(|entry| entry.key.clone()) };
            let (part, behind) = match (&last, direction) {
                (None, _) => (rest.clone(), rest),
                (Some(last), Direction::Forward) => {
                    (rest.clone().until(last.successor()), rest.from(last.successor()))
                }
                (Some(last), Direction::Backward) => {
                    (rest.clone().from(last.clone()), rest.until(last.clone()))
                }
            };
            let read = |entry: Entry| Ok((entry.key, change(entry.value)?));
            let changes = stored.into_iter().map(read).collect::<Result<Vec<_>, StoreError>>()?;
            let missing = limit - entries.len();
            entries.extend(scan_changed(self.before, changes.into_iter(), &part, direction, missing)?);
            if last.is_none() || entries.len() >= limit {
                return Ok(entries);
            }
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::Space;

    type Changes = Vec<(u16, Option<u8>)>;

    fn key(number: u16) -> Key {
        Key::new(Space(3)).bytes(&number.to_be_bytes())
    }

    fn batch(changes: &Changes) -> Batch {
        let mut batch = Batch::new();
        for (number, value) in changes {
            match value {
                Some(value) => batch.put(key(*number), vec![*value]),
                None => batch.delete(key(*number)),
            }
        }
        batch
    }

    fn changes(most: usize) -> impl Strategy<Value = Changes> {
        prop::collection::vec((0_u16..700, prop::option::of(any::<u8>())), 0..most)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_rehearsed_state_reads_as_if_its_changes_were_applied(
            before in changes(300), first in changes(900), second in changes(900),
            from in 0_u16..700, to in 0_u16..700, limit in 0_usize..700, forward: bool, memory in 0_u64..9_000,
        ) {
            let tenant = TenantId::DIRECTORY;
            let store = MemoryStore::new();
            write(&store, tenant, &batch(&before)).unwrap();
            let scratch = Scratch::new(|| Ok(Arc::new(MemoryStore::new())));
            let mut rehearsal = Rehearsal::new(tenant, store.snapshot(tenant).unwrap(), memory, Some(scratch));
            for changes in [&first, &second] {
                rehearsal.keep(&batch(changes)).unwrap();
            }
            let real = MemoryStore::new();
            for changes in [&before, &first, &second] {
                write(&real, tenant, &batch(changes)).unwrap();
            }
            let (real, changes) = (real.snapshot(tenant).unwrap(), rehearsal.changes.snapshot(tenant).unwrap());
            let state = Rehearsed { before: &*rehearsal.before, changes: &*changes };
            let range = KeyRange::all().from(key(from)).until(key(to));
            let direction = if forward { Direction::Forward } else { Direction::Backward };
            prop_assert_eq!(
                state.scan(&range, direction, limit).unwrap(), real.scan(&range, direction, limit).unwrap()
            );
            let keys: Vec<Key> = (0..700).map(key).collect();
            prop_assert_eq!(state.get_many(&keys).unwrap(), real.get_many(&keys).unwrap());
            prop_assert_eq!(state.get(&key(from)).unwrap(), real.get(&key(from)).unwrap());
        }
    }
}

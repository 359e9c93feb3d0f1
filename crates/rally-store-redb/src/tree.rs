//! The tree as redb has it: the keys of all tenants, each under the short number of its tenant.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::RwLock;
use rally_core::{
    TenantId,
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};
use redb::{AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageError};
use smallvec::SmallVec;

use crate::{
    error::store_error,
    format::{self, DATA, TENANTS},
};

/// A key as the table has it.
pub(crate) type FullKey = SmallVec<[u8; 48]>;

/// A table of bytes.
pub(crate) type Rows = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// The number that a tenant has in the tree, from its first row on and for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) [u8; NUMBER_BYTES]);

const NUMBER_BYTES: usize = 4;

/// One tenant's part of a table.
struct View<'t, T> {
    table: &'t T,
    tenant: Number,
}

/// A cursor that moves up a table from key to key.
///
/// A step to the next entry costs about half a lookup, if that is the key wanted; a new range for each key costs more
/// than one. So it steps as long as the keys prove to be neighbours.
struct Walk<'t, T> {
    table: &'t T,
    entries: Option<Range<'t, &'static [u8], &'static [u8]>>,
    detours: usize,
}

/// The number of times that the next entry may be another than the key wanted before keys are looked up one by one.
const MOST_DETOURS: usize = 2;

/// A state of the tree, opened once for all snapshots that are taken of it.
pub(crate) struct Tree {
    table: Rows,
    tenants: Rows,
    numbers: Arc<Numbers>,
    failed: AtomicBool,
    /// The bytes of keys and values in it, if they were counted.
    pub(crate) live_bytes: Option<u64>,
}

/// The numbers of tenants that were read lately, from whichever state: none ever changes.
#[derive(Debug, Default)]
pub(crate) struct Numbers(RwLock<HashMap<TenantId, Number>>);

/// The most tenants whose numbers are remembered.
const MOST_NUMBERS: usize = 1 << 16;

/// One tenant's part of a state of the tree.
#[derive(Clone)]
pub(crate) struct Part {
    tree: Arc<Tree>,
    tenant: TenantId,
}

/// The most entries that memory is reserved for before a page is read.
const MOST_RESERVED: usize = 128;

type Found<'a> = (AccessGuard<'a, &'static [u8]>, AccessGuard<'a, &'static [u8]>);

/// The key as the table has it: the tenant leads.
pub(crate) fn full_key(tenant: Number, key: &Key) -> FullKey {
    let mut full = FullKey::from_slice(&tenant.0);
    full.extend_from_slice(key.as_bytes());
    full
}

impl<'t, T: ReadableTable<&'static [u8], &'static [u8]>> View<'t, T> {
    fn find(&self, key: &Key) -> Result<Option<Bytes>, StorageError> {
        let found = self.table.get(full_key(self.tenant, key).as_slice())?;
        Ok(found.map(|value| Bytes::copy_from_slice(value.value())))
    }

    /// Visits keys in their order, so that neighbours are looked for in pages just read.
    fn find_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StorageError> {
        let mut answers = vec![None; keys.len()];
        let mut wanted: Vec<(&Key, &mut Option<Bytes>)> = keys.iter().zip(&mut answers).collect();
        wanted.sort_unstable_by_key(|(key, _)| *key);
        let mut walk = Walk { table: self.table, entries: None, detours: 0 };
        for (key, answer) in wanted {
            *answer = walk.find(full_key(self.tenant, key).as_slice())?;
        }
        Ok(answers)
    }

    fn page(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StorageError> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let start = full_key(self.tenant, range.start());
        let end = match range.end() {
            Some(end) => Some(full_key(self.tenant, end)),
            None => tenant_end(self.tenant),
        };
        let found = match &end {
            Some(end) => self.table.range(start.as_slice()..end.as_slice()),
            None => self.table.range(start.as_slice()..),
        }?;
        match direction {
            Direction::Forward => collect(found.take(limit), limit),
            Direction::Backward => collect(found.rev().take(limit), limit),
        }
    }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Walk<'_, T> {
    fn find(&mut self, key: &[u8]) -> Result<Option<Bytes>, StorageError> {
        if let Some(entries) = &mut self.entries {
            match entries.next().transpose()? {
                Some((next, value)) if next.value() == key => {
                    return Ok(Some(Bytes::copy_from_slice(value.value())));
                }
                _ => self.detours += 1,
            }
        }
        if self.detours >= MOST_DETOURS {
            self.entries = None;
            return Ok(self.table.get(key)?.map(|value| Bytes::copy_from_slice(value.value())));
        }
        let mut entries = self.table.range(key..)?;
        let found = entries.next().transpose()?.filter(|(next, _)| next.value() == key);
        self.entries = Some(entries);
        Ok(found.map(|(_, value)| Bytes::copy_from_slice(value.value())))
    }
}

/// The least key above all of a tenant's; `None` above those of the last tenant.
fn tenant_end(tenant: Number) -> Option<FullKey> {
    let next = u32::from_be_bytes(tenant.0).checked_add(1)?;
    Some(FullKey::from_slice(&next.to_be_bytes()))
}

/// Gathers the values of a page in one buffer, of which each value is a slice.
fn collect<'a>(
    found: impl Iterator<Item = Result<Found<'a>, StorageError>>,
    limit: usize,
) -> Result<Vec<Entry>, StorageError> {
    let reserved = limit.min(MOST_RESERVED);
    let mut buffer = Vec::new();
    let mut places = Vec::with_capacity(reserved);
    for entry in found {
        let (key, value) = entry?;
        if buffer.capacity() == 0 {
            // As if the others were as long as the first, and a quarter more.
            buffer.reserve(value.value().len().saturating_mul(reserved + reserved / 4));
        }
        let start = buffer.len();
        buffer.extend_from_slice(value.value());
        let key = key.value().get(NUMBER_BYTES..).and_then(Key::from_bytes);
        let key = key.ok_or_else(|| StorageError::Corrupted("a row without a key".to_owned()))?;
        places.push((key, start..buffer.len()));
    }
    let buffer = Bytes::from(buffer);
    Ok(places.into_iter().map(|(key, place)| Entry { key, value: buffer.slice(place) }).collect())
}

impl Numbers {
    /// The number of a tenant; `None` if it has no row yet.
    fn of(&self, tenant: TenantId, tenants: &Rows) -> Result<Option<Number>, StorageError> {
        if let Some(known) = self.0.read().get(&tenant) {
            return Ok(Some(*known));
        }
        let Some(found) = number_in(tenants, tenant)? else { return Ok(None) };
        let mut known = self.0.write();
        if known.len() >= MOST_NUMBERS {
            known.clear();
        }
        known.insert(tenant, found);
        Ok(Some(found))
    }
}

/// The number of a tenant in the table of the tenants.
pub(crate) fn number_in(
    tenants: &impl ReadableTable<&'static [u8], &'static [u8]>,
    tenant: TenantId,
) -> Result<Option<Number>, StorageError> {
    let Some(found) = tenants.get(tenant.as_uuid().as_bytes().as_slice())? else { return Ok(None) };
    let number = found.value().try_into().map(Number);
    number.map(Some).map_err(|_| StorageError::Corrupted("the number of a tenant is none".to_owned()))
}

impl Tree {
    pub(crate) fn of(db: &Database, numbers: &Arc<Numbers>) -> Result<Arc<Self>, redb::Error> {
        let reader = db.begin_read()?;
        let (table, tenants) = (reader.open_table(DATA)?, reader.open_table(TENANTS)?);
        let (numbers, failed) = (Arc::clone(numbers), AtomicBool::new(false));
        Ok(Arc::new(Self { table, tenants, numbers, failed, live_bytes: format::live(&reader)? }))
    }

    /// Sends those who come later to open the store again.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    pub(crate) fn is_sound(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }
}

impl Part {
    pub(crate) fn new(tree: Arc<Tree>, tenant: TenantId) -> Self {
        Self { tree, tenant }
    }

    /// Reads what the tenant has; `nothing` if it has no row.
    fn read<R>(
        &self,
        nothing: R,
        read: impl FnOnce(&View<'_, Rows>) -> Result<R, StorageError>,
    ) -> Result<R, StoreError> {
        let found = match self.tree.numbers.of(self.tenant, &self.tree.tenants) {
            Ok(Some(tenant)) => read(&View { table: &self.tree.table, tenant }),
            Ok(None) => Ok(nothing),
            Err(error) => Err(error),
        };
        found.map_err(store_error).inspect_err(|error| {
            // Damage is still there when the store is opened again, which would only cost every reader a repair.
            if !matches!(error, StoreError::Corrupt { .. }) {
                self.tree.fail();
            }
        })
    }
}

impl Snapshot for Part {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.read(None, |view| view.find(key))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read(vec![None; keys.len()], |view| view.find_many(keys))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(Vec::new(), |view| view.page(range, direction, limit))
    }
}

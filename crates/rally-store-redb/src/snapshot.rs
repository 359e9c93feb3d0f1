use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Direction, Entry, Key, KeyRange, Snapshot, StoreError},
};
use redb::{AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase, ReadableTable, StorageError};
use smallvec::SmallVec;

use crate::{error::store_error, format::DATA};

/// A key as the table has it.
pub(crate) type FullKey = SmallVec<[u8; 64]>;

const TENANT_BYTES: usize = 16;

/// One tenant's part of a table.
pub(crate) struct View<'t, T> {
    table: &'t T,
    tenant: TenantId,
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

/// The newest durable state, opened once for all snapshots that are taken of it.
pub(crate) struct Newest {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    failed: AtomicBool,
}

/// One tenant's part of a durable state.
pub(crate) struct Durable {
    newest: Arc<Newest>,
    tenant: TenantId,
}

/// The most entries that memory is reserved for before a page is read.
const MOST_RESERVED: usize = 128;

type Found<'a> = (AccessGuard<'a, &'static [u8]>, AccessGuard<'a, &'static [u8]>);

/// The key as the table has it: the tenant leads.
pub(crate) fn full_key(tenant: TenantId, key: &Key) -> FullKey {
    let mut full = FullKey::from_slice(tenant.as_uuid().as_bytes());
    full.extend_from_slice(key.as_bytes());
    full
}

impl<'t, T: ReadableTable<&'static [u8], &'static [u8]>> View<'t, T> {
    pub(crate) fn new(table: &'t T, tenant: TenantId) -> Self {
        Self { table, tenant }
    }

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
fn tenant_end(tenant: TenantId) -> Option<FullKey> {
    let next = tenant.as_uuid().as_u128().checked_add(1)?;
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
        let key = key.value().get(TENANT_BYTES..).and_then(Key::from_bytes);
        let key = key.ok_or_else(|| StorageError::Corrupted("a row without a key".to_owned()))?;
        places.push((key, start..buffer.len()));
    }
    let buffer = Bytes::from(buffer);
    Ok(places.into_iter().map(|(key, place)| Entry { key, value: buffer.slice(place) }).collect())
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Snapshot for View<'_, T> {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.find(key).map_err(store_error)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.find_many(keys).map_err(store_error)
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.page(range, direction, limit).map_err(store_error)
    }
}

impl Newest {
    pub(crate) fn of(db: &Database) -> Result<Arc<Self>, redb::Error> {
        let table = db.begin_read()?.open_table(DATA)?;
        Ok(Arc::new(Self { table, failed: AtomicBool::new(false) }))
    }

    /// Sends those who come later to open the store again.
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    pub(crate) fn is_sound(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }
}

impl Durable {
    pub(crate) fn new(newest: Arc<Newest>, tenant: TenantId) -> Self {
        Self { newest, tenant }
    }

    fn read<R>(
        &self,
        read: impl FnOnce(&View<'_, ReadOnlyTable<&'static [u8], &'static [u8]>>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        read(&View::new(&self.newest.table, self.tenant)).inspect_err(|error| {
            // Damage is still there when the store is opened again, which would only cost every reader a repair.
            if !matches!(error, StoreError::Corrupt { .. }) {
                self.newest.fail();
            }
        })
    }
}

impl Snapshot for Durable {
    fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.read(|view| view.get(key))
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.read(|view| view.get_many(keys))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.read(|view| view.scan(range, direction, limit))
    }
}

//! Helpers that the checks share.

use std::collections::BTreeMap;

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Direction, Key, KeyRange, Snapshot, Space, Store, StoreError},
};
use uuid::Uuid;

/// The spaces that checks write to: the first and the last, neighbours of both, and one between.
pub(super) const SPACES: [u8; 6] = [0, 1, 7, 0xFD, 0xFE, 0xFF];

/// A tenant like any other.
pub(super) const TENANT: TenantId =
    TenantId::from_uuid(Uuid::from_u128(0x0191_E3A2_9F00_7ABC_8DEF_0123_4567_89AB));

/// The tenant that follows [`TENANT`] in byte order.
pub(super) const NEIGHBOUR: TenantId =
    TenantId::from_uuid(Uuid::from_u128(0x0191_E3A2_9F00_7ABC_8DEF_0123_4567_89AC));

/// All that a tenant has in [`SPACES`].
pub(super) type Contents = BTreeMap<Key, Bytes>;

/// The most times that a write is run after conflicts before that counts as a failure.
const ATTEMPTS: usize = 10_000;

pub(super) fn key(space: u8, rest: &[u8]) -> Key {
    Key::new(Space(space)).bytes(rest)
}

pub(super) fn space(space: u8) -> KeyRange {
    KeyRange::prefix(&key(space, b""))
}

/// The batch that puts each of these.
pub(super) fn puts<V: Into<Bytes>>(entries: impl IntoIterator<Item = (Key, V)>) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in entries {
        batch.put(key, value);
    }
    batch
}

/// Applies what `build` makes, again after a conflict.
pub(super) fn write(store: &dyn Store, tenant: TenantId, mut build: impl FnMut(&dyn Snapshot) -> Batch) {
    let commit = try_write(store, tenant, |now| Ok(build(now)));
    assert_eq!(commit.expect("a healthy store takes a write"), Commit::Applied);
}

/// Runs a write again for as long as it meets a conflict.
pub(super) fn try_write(
    store: &dyn Store,
    tenant: TenantId,
    mut build: impl FnMut(&dyn Snapshot) -> Result<Batch, Abort>,
) -> Result<Commit, StoreError> {
    for _ in 0..ATTEMPTS {
        match store.write(tenant, &mut build) {
            Err(StoreError::Conflict) => {}
            outcome => return outcome,
        }
    }
    panic!("a write met {ATTEMPTS} conflicts")
}

/// Applies a batch.
pub(super) fn apply(store: &dyn Store, tenant: TenantId, batch: &Batch) {
    write(store, tenant, |_| batch.clone());
}

/// Puts one value.
pub(super) fn put(store: &dyn Store, tenant: TenantId, key: &Key, value: impl Into<Bytes>) {
    apply(store, tenant, &puts([(key.clone(), value)]));
}

pub(super) fn snapshot(store: &dyn Store, tenant: TenantId) -> Box<dyn Snapshot + '_> {
    store.snapshot(tenant).expect("a healthy store gives a snapshot")
}

/// A snapshot whose moment its first read has settled.
pub(super) fn moment(store: &dyn Store, tenant: TenantId) -> Box<dyn Snapshot + '_> {
    let settled = snapshot(store, tenant);
    get(&*settled, &key(0, b""));
    settled
}

pub(super) fn get(snapshot: &dyn Snapshot, key: &Key) -> Option<Bytes> {
    snapshot.get(key).expect("a healthy store reads a key")
}

pub(super) fn get_many(snapshot: &dyn Snapshot, keys: &[Key]) -> Vec<Option<Bytes>> {
    snapshot.get_many(keys).expect("a healthy store reads many keys")
}

pub(super) fn scan(
    snapshot: &dyn Snapshot,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Vec<(Key, Bytes)> {
    let entries = snapshot.scan(range, direction, limit).expect("a healthy store scans a range");
    entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

/// The keys of a range from the least up.
pub(super) fn keys(snapshot: &dyn Snapshot, range: &KeyRange) -> Vec<Key> {
    scan(snapshot, range, Direction::Forward, usize::MAX).into_iter().map(|(key, _)| key).collect()
}

/// All that a snapshot shows in [`SPACES`].
pub(super) fn contents(snapshot: &dyn Snapshot) -> Contents {
    SPACES.iter().flat_map(|byte| scan(snapshot, &space(*byte), Direction::Forward, usize::MAX)).collect()
}

/// All that a tenant has at present in [`SPACES`].
pub(super) fn newest(store: &dyn Store, tenant: TenantId) -> Contents {
    contents(&*snapshot(store, tenant))
}

/// The value of a key at present.
pub(super) fn value(store: &dyn Store, tenant: TenantId, key: &Key) -> Option<Bytes> {
    get(&*snapshot(store, tenant), key)
}

/// Reads a number that a check has put.
pub(super) fn number(value: Option<Bytes>) -> u64 {
    value.map_or(0, |bytes| u64::from_be_bytes(bytes.as_ref().try_into().expect("a number has 8 bytes")))
}

/// Applies a [`Batch`] to plain maps.
pub(super) fn change(contents: &mut Contents, batch: &Batch) {
    for (key, value) in batch.iter() {
        match value {
            Some(value) => contents.insert(key.clone(), value.clone()),
            None => contents.remove(key),
        };
    }
}

//! Helpers that every test uses.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Key, Space, Store, StoreError},
};
use rally_store_redb::{Folding, Options};
use uuid::Uuid;

/// Options whose journal is as small as it may be, so that it comes to its end, and is folded only when a test says so
/// or a writer finds it full.
pub(crate) fn options() -> Options {
    Options { journal_bytes: 64 << 10, cache_bytes: 16 << 20, folding: Folding::Host, ..Options::default() }
}

pub(crate) fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(Space(1)).bytes(name.as_bytes())
}

pub(crate) fn batch(changes: &[(&Key, Option<&[u8]>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put((*key).clone(), Bytes::copy_from_slice(value)),
            None => batch.delete((*key).clone()),
        }
    }
    batch
}

pub(crate) fn try_put(
    store: &dyn Store,
    tenant: TenantId,
    key: &Key,
    value: &[u8],
) -> Result<Commit, StoreError> {
    store.write(tenant, &mut |_| Ok(batch(&[(key, Some(value))])))
}

pub(crate) fn put(store: &dyn Store, tenant: TenantId, key: &Key, value: &[u8]) {
    assert_eq!(try_put(store, tenant, key, value).unwrap(), Commit::Applied);
}

pub(crate) fn get(store: &dyn Store, tenant: TenantId, key: &Key) -> Option<Bytes> {
    store.snapshot(tenant).unwrap().get(key).unwrap()
}

/// Adds one to a number that is stored as text, and gives the number that was made.
pub(crate) fn increment(store: &dyn Store, tenant: TenantId, key: &Key) -> Result<u64, StoreError> {
    let made = AtomicU64::new(0);
    let commit = store.write(tenant, &mut |state| {
        let next = state.get(key)?.map_or(0, |value| number(&value)) + 1;
        made.store(next, Ordering::Relaxed);
        Ok::<_, Abort>(batch(&[(key, Some(next.to_string().as_bytes()))]))
    })?;
    assert_eq!(commit, Commit::Applied);
    Ok(made.into_inner())
}

pub(crate) fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).unwrap().parse().unwrap()
}

/// A small generator, so that a seed repeats a run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed << 32 | 0x9E37_79B9)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

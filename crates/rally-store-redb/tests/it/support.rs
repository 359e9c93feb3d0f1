//! Helpers that every test uses.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Key, Space, Store, StoreError},
};
use uuid::Uuid;

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

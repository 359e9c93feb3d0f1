//! Sizes that are honoured, and sizes beyond them.

use std::sync::Arc;

use bytes::Bytes;
use rally_core::store::{Batch, Direction, Key, Limits, Store, StoreError};

use super::{
    Property,
    given::{
        Contents, TENANT, apply, get, get_many, key, newest, put, puts, scan, snapshot, space, try_write,
        value,
    },
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(the_limits_are_at_least_what_every_backend_honours),
        Property::of(the_longest_key_is_applied_and_a_longer_one_is_refused),
        Property::of(the_longest_value_is_applied_and_a_longer_one_is_refused),
        Property::of(a_batch_within_the_limits_is_applied),
        Property::of(a_batch_one_byte_beyond_the_limit_is_refused),
        Property::of(deleting_a_key_beyond_the_limit_is_refused),
        Property::of(a_batch_that_is_refused_changes_nothing),
    ]
}

/// No check reserves more than this for one value or batch, even if the backend takes more.
const MOST: usize = 300 << 20;

fn longest_key(store: &dyn Store) -> Key {
    key(7, &vec![b'k'; store.limits().key_bytes.min(MOST) - 1])
}

/// Checks that a batch is refused for the size of this, and that nothing has changed.
fn check_refused(store: &dyn Store, batch: &Batch, expected: &str, expected_limit: usize) {
    let before = newest(store, TENANT);
    let outcome = try_write(store, TENANT, |_| Ok(batch.clone()));
    let Err(StoreError::TooLarge { what, bytes, limit }) = outcome else {
        panic!("a {expected} beyond the limit is too large, not {outcome:?}")
    };
    assert_eq!((what, limit), (expected, expected_limit));
    assert!(bytes > limit, "{bytes} bytes are not beyond {limit}");
    assert!(newest(store, TENANT) == before, "a batch that is too large has changed something");
}

fn the_limits_are_at_least_what_every_backend_honours(store: &Arc<dyn Store>) {
    let (limits, least) = (store.limits(), Limits::LEAST);
    assert!(limits.key_bytes >= least.key_bytes, "{limits:?}");
    assert!(limits.value_bytes >= least.value_bytes, "{limits:?}");
    assert!(limits.batch_bytes >= least.batch_bytes, "{limits:?}");
    assert_eq!(store.limits(), limits, "limits do not change");
}

fn the_longest_key_is_applied_and_a_longer_one_is_refused(store: &Arc<dyn Store>) {
    let longest = longest_key(&**store);
    // Two keys that differ in their last byte only, and no compression that would make them short.
    let noise = crate::Random::new(3).bytes(Limits::LEAST.key_bytes - 1);
    let (noise, other) =
        (key(8, &noise), key(8, &[&noise[..noise.len() - 1], &[!noise[noise.len() - 1]]].concat()));
    let all = [&longest, &noise, &other];
    apply(&**store, TENANT, &puts(all.map(|key| (key.clone(), "1"))));
    let view = snapshot(&**store, TENANT);
    assert_eq!(
        get_many(&*view, &all.map(Key::clone)),
        [Some("1".into()), Some("1".into()), Some("1".into())]
    );
    assert_eq!(get(&*view, &longest), Some("1".into()));
    let found = scan(&*view, &space(7).from(longest.clone()), Direction::Forward, 2);
    assert_eq!(found, [(longest.clone(), Bytes::from("1"))]);
    if longest.as_bytes().len() == store.limits().key_bytes {
        let batch = puts([(key(7, b"a"), "1"), (longest.successor(), "1")]);
        check_refused(&**store, &batch, "key", store.limits().key_bytes);
    }
}

fn the_longest_value_is_applied_and_a_longer_one_is_refused(store: &Arc<dyn Store>) {
    let limit = store.limits().value_bytes;
    let name = key(7, b"value");
    for length in [Limits::LEAST.value_bytes, limit.min(32 << 20)] {
        let long = Bytes::from(crate::Random::new(4).bytes(length));
        put(&**store, TENANT, &name, long.clone());
        assert!(value(&**store, TENANT, &name) == Some(long), "{length} bytes are read as written");
    }
    if limit < MOST {
        let batch = puts([(key(7, b"a"), Bytes::from("1")), (name, vec![0; limit + 1].into())]);
        check_refused(&**store, &batch, "value", limit);
    }
}

/// A batch of exactly `bytes`. Its values share one allocation.
pub(super) fn batch_of(bytes: usize) -> Batch {
    let full = Bytes::from(crate::Random::new(5).bytes(Limits::LEAST.value_bytes));
    let mut batch = Batch::new();
    let (mut left, mut number) = (bytes, 0u64);
    while left > 0 {
        let key = key(7, b"").number(number);
        let length = left.saturating_sub(key.as_bytes().len()).min(full.len());
        // The rest must be long enough for a key, or nothing at all.
        let rest = left - key.as_bytes().len() - length;
        let length = if rest > 0 && rest < 64 { length - 64 } else { length };
        left -= key.as_bytes().len() + length;
        batch.put(key, full.slice(..length));
        number += 1;
    }
    batch
}

fn bytes_of(batch: &Batch) -> usize {
    batch.iter().map(|(key, value)| key.as_bytes().len() + value.map_or(0, Bytes::len)).sum()
}

fn a_batch_within_the_limits_is_applied(store: &Arc<dyn Store>) {
    let batch = batch_of(Limits::LEAST.batch_bytes);
    assert_eq!(bytes_of(&batch), Limits::LEAST.batch_bytes);
    apply(&**store, TENANT, &batch);
    let view = snapshot(&**store, TENANT);
    for (key, value) in batch.iter() {
        assert!(get(&*view, key).as_ref() == value, "{key:?} is read as written");
    }
    assert_eq!(scan(&*view, &space(7), Direction::Forward, usize::MAX).len(), batch.len());
}

fn a_batch_one_byte_beyond_the_limit_is_refused(store: &Arc<dyn Store>) {
    put(&**store, TENANT, &key(7, b"before"), "1");
    let limit = store.limits().batch_bytes;
    if limit <= 1 << 40 {
        let batch = batch_of(limit + 1);
        assert_eq!(bytes_of(&batch), limit + 1);
        check_refused(&**store, &batch, "batch", limit);
    }
    assert_eq!(newest(&**store, TENANT), Contents::from([(key(7, b"before"), "1".into())]));
}

fn deleting_a_key_beyond_the_limit_is_refused(store: &Arc<dyn Store>) {
    put(&**store, TENANT, &key(7, b"before"), "1");
    let longest = longest_key(&**store);
    let mut batch = Batch::new();
    batch.delete(longest.clone());
    apply(&**store, TENANT, &batch);
    if longest.as_bytes().len() == store.limits().key_bytes {
        batch.delete(longest.successor());
        batch.delete(key(7, b"before"));
        check_refused(&**store, &batch, "key", store.limits().key_bytes);
    }
}

fn a_batch_that_is_refused_changes_nothing(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &puts([(key(7, b"changed"), "1"), (key(7, b"deleted"), "1")]));
    let before = newest(&**store, TENANT);
    let too_long = longest_key(&**store).successor();
    // Last in order, so that a store which applies as it checks has applied all else before.
    for last in [key(0xFE, &too_long.as_bytes()[1..]), too_long] {
        let mut batch = puts((0..50u8).map(|number| (key(0, &[number]), "1")));
        batch.put(key(7, b"changed"), "2");
        batch.delete(key(7, b"deleted"));
        batch.put(last, "1");
        check_refused(&**store, &batch, "key", store.limits().key_bytes);
    }
    put(&**store, TENANT, &key(7, b"after"), "1");
    assert_eq!(newest(&**store, TENANT).len(), before.len() + 1, "the next write is applied, and alone");
}

//! Batches and the keys that they change.

use std::sync::Arc;

use rally_core::store::{Batch, Limits, Store};

use super::{
    Property,
    given::{
        Contents, SPACES, TENANT, apply, change, contents, get, get_many, key, newest, put, puts, snapshot,
        value,
    },
};
use crate::Random;

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_value_that_was_put_is_read_back),
        Property::of(a_later_value_replaces_an_earlier_one),
        Property::of(a_deleted_key_is_gone_and_can_be_put_again),
        Property::of(deleting_a_key_that_is_not_there_is_no_fault),
        Property::of(the_last_word_of_a_batch_on_a_key_counts),
        Property::of(an_empty_value_is_a_value),
        Property::of(values_are_kept_byte_for_byte),
        Property::of(keys_are_kept_byte_for_byte),
        Property::of(keys_that_begin_with_one_another_are_different_keys),
        Property::of(a_batch_is_applied_wholly),
        Property::of(an_empty_batch_is_applied_and_changes_nothing),
    ]
}

fn a_value_that_was_put_is_read_back(store: &Arc<dyn Store>) {
    let key = key(7, b"name");
    assert_eq!(value(&**store, TENANT, &key), None, "a fresh store has no value");
    put(&**store, TENANT, &key, "Ada");
    assert_eq!(value(&**store, TENANT, &key).as_deref(), Some(b"Ada".as_slice()));
}

fn a_later_value_replaces_an_earlier_one(store: &Arc<dyn Store>) {
    let key = key(7, b"name");
    for text in ["a longer name", "short", "", "the last name of all"] {
        put(&**store, TENANT, &key, text);
        assert_eq!(newest(&**store, TENANT), Contents::from([(key.clone(), text.into())]));
    }
}

fn a_deleted_key_is_gone_and_can_be_put_again(store: &Arc<dyn Store>) {
    let (deleted, kept) = (key(7, b"deleted"), key(7, b"kept"));
    apply(&**store, TENANT, &puts([(deleted.clone(), "1"), (kept.clone(), "2")]));
    let mut batch = Batch::new();
    batch.delete(deleted.clone());
    apply(&**store, TENANT, &batch);
    assert_eq!(value(&**store, TENANT, &deleted), None);
    assert_eq!(newest(&**store, TENANT), Contents::from([(kept.clone(), "2".into())]));
    put(&**store, TENANT, &deleted, "3");
    assert_eq!(newest(&**store, TENANT), Contents::from([(deleted, "3".into()), (kept, "2".into())]));
}

fn deleting_a_key_that_is_not_there_is_no_fault(store: &Arc<dyn Store>) {
    let kept = key(7, b"kept");
    let mut batch = Batch::new();
    for space in SPACES {
        batch.delete(key(space, b""));
        batch.delete(key(space, b"missing"));
    }
    apply(&**store, TENANT, &batch);
    assert!(newest(&**store, TENANT).is_empty());
    batch.put(kept.clone(), "1");
    apply(&**store, TENANT, &batch);
    assert_eq!(newest(&**store, TENANT), Contents::from([(kept, "1".into())]));
}

fn the_last_word_of_a_batch_on_a_key_counts(store: &Arc<dyn Store>) {
    let (put_last, deleted_last, new) = (key(7, b"put"), key(7, b"deleted"), key(7, b"new"));
    apply(&**store, TENANT, &puts([(put_last.clone(), "old"), (deleted_last.clone(), "old")]));
    let mut batch = Batch::new();
    batch.delete(put_last.clone());
    batch.put(put_last.clone(), "first");
    batch.put(put_last.clone(), "last");
    batch.put(deleted_last.clone(), "first");
    batch.delete(deleted_last);
    batch.put(new.clone(), "first");
    batch.delete(new);
    apply(&**store, TENANT, &batch);
    assert_eq!(newest(&**store, TENANT), Contents::from([(put_last, "last".into())]));
}

fn an_empty_value_is_a_value(store: &Arc<dyn Store>) {
    let (empty, missing) = (key(7, b"empty"), key(7, b"missing"));
    put(&**store, TENANT, &empty, "");
    let view = snapshot(&**store, TENANT);
    assert_eq!(get(&*view, &empty).as_deref(), Some(b"".as_slice()));
    assert_eq!(get_many(&*view, &[missing, empty.clone()]), [None, Some("".into())]);
    assert_eq!(contents(&*view), Contents::from([(empty, "".into())]));
}

fn values_are_kept_byte_for_byte(store: &Arc<dyn Store>) {
    let mut random = Random::new(1);
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let mut values = vec![vec![0; 3], vec![0xFF; 3], b"\x00\xFF\\x00'\"\r\n\x80".to_vec(), every_byte];
    let lengths = [1, 7, 8, 255, 256, 2_000, 4_095, 4_096, 4_097, 65_535, 65_536, Limits::LEAST.value_bytes];
    values.extend(lengths.map(|length| random.bytes(length)));
    let expected: Contents =
        (0u64..).zip(values).map(|(number, value)| (key(7, &number.to_be_bytes()), value.into())).collect();
    apply(&**store, TENANT, &puts(expected.clone()));
    let view = snapshot(&**store, TENANT);
    for (key, value) in &expected {
        assert!(
            get(&*view, key).as_ref() == Some(value),
            "{key:?} of {} bytes is read as written",
            value.len()
        );
    }
    assert!(contents(&*view) == expected, "a scan reads what was written");
}

/// Parts of keys that are hard on a store which escapes, terminates, trims or orders them by anything but their bytes.
fn hard_keys() -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    parts.push(Vec::new());
    let texts: [&[u8]; 10] = [
        b"\0\0",
        b"\0\xFF",
        b"\xFF\0",
        b"\xFF\xFF",
        b"\xFF\xFF\xFF",
        b"a\0",
        b"a\0b",
        b"a ",
        b"A",
        b"\xC3\x84",
    ];
    parts.extend(texts.map(<[u8]>::to_vec));
    parts.extend([0, b'k', 0xFF].map(|byte| vec![byte; 300]));
    parts
}

fn keys_are_kept_byte_for_byte(store: &Arc<dyn Store>) {
    let mut expected = Contents::new();
    for space in SPACES {
        expected.extend(hard_keys().into_iter().map(|part| (key(space, &part), part.into())));
    }
    apply(&**store, TENANT, &puts(expected.clone()));
    let view = snapshot(&**store, TENANT);
    let keys: Vec<_> = expected.keys().cloned().collect();
    let values: Vec<_> = expected.values().cloned().map(Some).collect();
    assert_eq!(get_many(&*view, &keys), values);
    assert_eq!(contents(&*view), expected);
}

fn keys_that_begin_with_one_another_are_different_keys(store: &Arc<dyn Store>) {
    let chain: Vec<_> = (0..=40).map(|length| key(0xFF, &vec![0xFF; length])).collect();
    apply(&**store, TENANT, &puts(chain.iter().map(|key| (key.clone(), key.as_bytes().to_vec()))));
    let mut batch = Batch::new();
    for key in chain.iter().step_by(2) {
        batch.delete(key.clone());
    }
    apply(&**store, TENANT, &batch);
    for (key, deleted) in chain.iter().zip([true, false].into_iter().cycle()) {
        let expected = (!deleted).then(|| key.as_bytes().to_vec().into());
        assert_eq!(value(&**store, TENANT, key), expected, "{key:?}");
    }
}

fn a_batch_is_applied_wholly(store: &Arc<dyn Store>) {
    let numbered = |number: usize| key(SPACES[number % SPACES.len()], &number.to_string().into_bytes());
    let before = puts((0..3_000).map(|number| (numbered(number), "before")));
    apply(&**store, TENANT, &before);
    let mut batch = puts((2_000..5_000).map(|number| (numbered(number), "after")));
    for number in 0..1_000 {
        batch.delete(numbered(number));
    }
    apply(&**store, TENANT, &batch);
    let mut expected = Contents::new();
    change(&mut expected, &before);
    change(&mut expected, &batch);
    assert_eq!(expected.len(), 4_000);
    assert!(newest(&**store, TENANT) == expected, "each of the 4000 changes is there, and nothing else");
}

fn an_empty_batch_is_applied_and_changes_nothing(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &Batch::new());
    assert!(newest(&**store, TENANT).is_empty());
    put(&**store, TENANT, &key(7, b"kept"), "1");
    let before = newest(&**store, TENANT);
    apply(&**store, TENANT, &Batch::new());
    assert_eq!(newest(&**store, TENANT), before);
}

//! The parts of the store contract that this backend could get wrong in a way of its own.

use std::panic::{self, AssertUnwindSafe};

use bytes::Bytes;
use proptest::prelude::*;
use rally_core::{
    TenantId,
    store::{Abort, Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store, StoreError},
};
use rally_store_redb::{Options, RedbStore};

use crate::support::{batch, get, key, put, tenant, try_put};

/// Tenants whose keys lie side by side, the first and the last there is among them.
const TENANTS: [u128; 6] = [0, 1, 0xFF, 0x100, u128::MAX - 1, u128::MAX];

fn store() -> RedbStore {
    RedbStore::in_memory(Options { cache_bytes: 1 << 20, ..Options::default() }).unwrap()
}

fn keys(store: &dyn Store, tenant: TenantId, range: &KeyRange, direction: Direction) -> Vec<Key> {
    let page = store.snapshot(tenant).unwrap().scan(range, direction, usize::MAX).unwrap();
    page.into_iter().map(|entry| entry.key).collect()
}

#[test]
fn the_last_space_ends_where_the_tenant_does() {
    let store = store();
    let last = [Key::new(Space(0xFF)), Key::new(Space(0xFF)).bytes(&[0xFF; 20])];
    for number in TENANTS {
        put(&store, tenant(number), &Key::new(Space(0)), b"first");
        for key in &last {
            put(&store, tenant(number), key, b"last");
        }
    }
    let range = KeyRange::prefix(&Key::new(Space(0xFF)));
    assert_eq!(range.end(), None);
    for number in TENANTS {
        assert_eq!(keys(&store, tenant(number), &range, Direction::Forward), last);
        let backward: Vec<_> = last.iter().rev().cloned().collect();
        assert_eq!(keys(&store, tenant(number), &range, Direction::Backward), backward);
    }
}

#[test]
fn the_largest_sizes_are_kept_and_one_byte_more_is_refused() {
    let store = store();
    let limits = store.limits();
    let longest = |bytes: usize| Key::new(Space(1)).bytes(&vec![b'k'; bytes - 1]);
    let value = Bytes::from(vec![b'v'; limits.value_bytes]);
    put(&store, tenant(1), &longest(limits.key_bytes), &value);
    assert_eq!(get(&store, tenant(1), &longest(limits.key_bytes)), Some(value));

    let refused = try_put(&store, tenant(1), &longest(limits.key_bytes + 1), b"");
    assert!(matches!(refused, Err(StoreError::TooLarge { what: "key", .. })), "{refused:?}");
    let refused = try_put(&store, tenant(1), &key("a"), &vec![0; limits.value_bytes + 1]);
    assert!(matches!(refused, Err(StoreError::TooLarge { what: "value", .. })), "{refused:?}");
    assert_eq!(get(&store, tenant(1), &key("a")), None);
}

#[test]
fn a_batch_of_64_mib_is_applied() {
    let store = store();
    let value = Bytes::from(vec![7; 8 << 20]);
    let mut large = Batch::new();
    (0..8).for_each(|number: u8| large.put(Key::new(Space(1)).byte(number), value.slice(64..)));
    assert_eq!(store.write(tenant(1), &mut |_| Ok(large.clone())).unwrap(), Commit::Applied);
    assert_eq!(keys(&store, tenant(1), &KeyRange::prefix(&Key::new(Space(1))), Direction::Forward).len(), 8);
}

#[test]
fn a_panic_in_build_changes_nothing_and_wedges_nobody() {
    let store = store();
    put(&store, tenant(1), &key("a"), b"1");
    let payload = panic::catch_unwind(AssertUnwindSafe(|| {
        store.write(tenant(1), &mut |state| {
            state.get(&key("a"))?;
            panic!("on purpose")
        })
    }));
    assert_eq!(payload.unwrap_err().downcast_ref::<&str>(), Some(&"on purpose"));
    put(&store, tenant(1), &key("b"), b"2");
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"1"[..]));
}

#[test]
fn an_error_of_the_build_is_handed_back_as_it_is() {
    let store = store();
    let answer =
        store.write(tenant(1), &mut |_| Err(StoreError::Corrupt { what: "a record".to_owned() }.into()));
    assert!(matches!(answer, Err(StoreError::Corrupt { what }) if what == "a record"));
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let store = store();
    put(&store, tenant(1), &key("a"), b"1");
    let before = store.snapshot(tenant(1)).unwrap();
    for number in 2..200 {
        put(&store, tenant(1), &key("a"), number.to_string().as_bytes());
    }
    assert_eq!(before.get(&key("a")).unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&store, tenant(1), &key("a")).as_deref(), Some(&b"199"[..]));
}

#[derive(Clone, Debug)]
struct Step {
    tenant: usize,
    puts: Vec<(Key, Vec<u8>)>,
    deletes: Vec<Key>,
    outcome: u8,
}

fn any_key() -> impl Strategy<Value = Key> {
    let byte = || prop_oneof![Just(0u8), Just(1), Just(0xFE), Just(0xFF)];
    (byte(), prop::collection::vec(byte(), 0..4))
        .prop_map(|(space, rest)| Key::new(Space(space)).bytes(&rest))
}

fn any_step() -> impl Strategy<Value = Step> {
    let value = prop::collection::vec(any::<u8>(), 0..40);
    let puts = prop::collection::vec((any_key(), value), 0..6);
    (0..TENANTS.len(), puts, prop::collection::vec(any_key(), 0..3), 0..8u8)
        .prop_map(|(tenant, puts, deletes, outcome)| Step { tenant, puts, deletes, outcome })
}

fn run(store: &dyn Store, step: &Step) -> Commit {
    let mut changes = batch(&[]);
    step.deletes.iter().for_each(|key| changes.delete(key.clone()));
    step.puts.iter().for_each(|(key, value)| changes.put(key.clone(), value.clone()));
    let abort = step.outcome == 0;
    let run = store.write(tenant(TENANTS[step.tenant]), &mut |_| {
        if abort { Err(Abort::Refused) } else { Ok(changes.clone()) }
    });
    run.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn it_answers_as_the_store_in_memory_does(
        steps in prop::collection::vec(any_step(), 1..24),
        asked in prop::collection::vec(any_key(), 0..12),
        bounds in prop::collection::vec((any_key(), prop::option::of(any_key()), prop::option::of(any_key())), 1..6),
        limit in 0..12usize,
    ) {
        let (ours, model) = (store(), MemoryStore::new());
        for step in &steps {
            prop_assert_eq!(run(&ours, step), run(&model, step));
        }
        for number in TENANTS {
            let (left, right) = (ours.snapshot(tenant(number)).unwrap(), model.snapshot(tenant(number)).unwrap());
            prop_assert_eq!(left.get_many(&asked).unwrap(), right.get_many(&asked).unwrap());
            for (prefix, from, until) in &bounds {
                let mut range = KeyRange::prefix(prefix);
                range = from.iter().fold(range, |range, key| range.from(key.clone()));
                range = until.iter().fold(range, |range, key| range.until(key.clone()));
                for direction in [Direction::Forward, Direction::Backward] {
                    let page = left.scan(&range, direction, limit).unwrap();
                    prop_assert_eq!(page, right.scan(&range, direction, limit).unwrap());
                }
            }
        }
    }
}

//! Reading by key.

use std::sync::Arc;

use bytes::Bytes;
use rally_core::store::{Batch, Direction, Key, Snapshot, Store};

use super::{
    Property,
    given::{
        Contents, SPACES, TENANT, apply, contents, get, get_many, key, keys, newest, puts, scan, snapshot,
        space, value, write,
    },
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_store_that_can_be_read_is_ready),
        Property::of(a_tenant_that_was_never_written_is_empty),
        Property::of(get_many_answers_what_get_does_repeated_and_missing_keys_too),
        Property::of(get_many_answers_in_the_order_of_the_keys_asked_for),
        Property::of(get_many_of_no_key_is_no_value),
        Property::of(get_many_takes_thousands_of_keys),
        Property::of(a_prefetch_changes_no_answer),
        Property::of(a_key_is_looked_for_in_its_own_space_only),
        Property::of(a_key_beyond_the_limit_is_a_missing_key),
    ]
}

fn a_store_that_can_be_read_is_ready(store: &Arc<dyn Store>) {
    for _ in 0..3 {
        assert!(newest(&**store, TENANT).len() < 2);
        store.ready().expect("a store that is read is ready");
        apply(&**store, TENANT, &puts([(key(7, b"there"), "1")]));
    }
}

fn a_tenant_that_was_never_written_is_empty(store: &Arc<dyn Store>) {
    assert!(newest(&**store, TENANT).is_empty());
    let (view, key) = (snapshot(&**store, TENANT), key(0, b""));
    assert_eq!(get(&*view, &key), None);
    assert_eq!(get_many(&*view, &[key.clone(), key]), [None, None]);
}

fn get_many_answers_what_get_does_repeated_and_missing_keys_too(store: &Arc<dyn Store>) {
    let [there, empty, missing] = ["there", "empty", "missing"].map(|name| key(7, name.as_bytes()));
    apply(&**store, TENANT, &puts([(there.clone(), "1"), (empty.clone(), "")]));
    let view = snapshot(&**store, TENANT);
    let all = [&there, &empty, &missing];
    for first in all {
        for second in all {
            for third in all {
                let asked = [first, second, third, first].map(Key::clone);
                let one_by_one: Vec<_> = asked.iter().map(|key| get(&*view, key)).collect();
                assert_eq!(get_many(&*view, &asked), one_by_one, "of {asked:?}");
            }
        }
    }
    assert_eq!(get_many(&*view, &[there, empty, missing]), [Some("1".into()), Some("".into()), None]);
}

fn get_many_answers_in_the_order_of_the_keys_asked_for(store: &Arc<dyn Store>) {
    let numbered = |number: u8| key(SPACES[usize::from(number) % SPACES.len()], &[number]);
    apply(&**store, TENANT, &puts((0..100).map(|number| (numbered(number), vec![number]))));
    let view = snapshot(&**store, TENANT);
    let check = |numbers: Vec<u8>| {
        let asked: Vec<_> = numbers.iter().map(|number| numbered(*number)).collect();
        let expected: Vec<_> = numbers.iter().map(|number| Some(Bytes::from(vec![*number]))).collect();
        assert_eq!(get_many(&*view, &asked), expected, "of the keys {numbers:?}");
    };
    check((0..100).collect());
    check((0..100).rev().collect());
    check((0..100).map(|number| number % 10 * 10 + number / 10).collect());
}

fn get_many_of_no_key_is_no_value(store: &Arc<dyn Store>) {
    assert!(get_many(&*snapshot(&**store, TENANT), &[]).is_empty());
    apply(&**store, TENANT, &puts([(key(0, b""), "1")]));
    assert!(get_many(&*snapshot(&**store, TENANT), &[]).is_empty());
}

fn get_many_takes_thousands_of_keys(store: &Arc<dyn Store>) {
    // More than a PostgreSQL statement has parameters (65535), with every third key missing.
    let asked: Vec<_> = (0..70_000u64).map(|number| key(7, b"").number(number)).collect();
    let is_there = |number: usize| number % 3 != 2;
    let there = asked.iter().enumerate().filter(|(number, _)| is_there(*number));
    apply(&**store, TENANT, &puts(there.map(|(number, key)| (key.clone(), number.to_string()))));
    let values = get_many(&*snapshot(&**store, TENANT), &asked);
    assert_eq!(values.len(), asked.len());
    for (number, value) in values.into_iter().enumerate() {
        assert_eq!(value, is_there(number).then(|| number.to_string().into()), "key {number}");
    }
}

fn a_prefetch_changes_no_answer(store: &Arc<dyn Store>) {
    let [there, empty, missing, other] =
        ["there", "empty", "missing", "other"].map(|name| key(7, name.as_bytes()));
    let expected: Contents =
        [(there.clone(), "1".into()), (empty.clone(), "".into()), (other.clone(), "2".into())].into();
    let all = [there, empty, missing, other];
    apply(&**store, TENANT, &puts(expected.clone()));
    let check = |view: &dyn Snapshot| {
        for ahead in [&all[..0], &all[..3], &[all[0].clone(), all[2].clone(), all[0].clone()], &all[1..]] {
            view.prefetch(ahead).expect("a healthy store reads many keys");
            for key in &all {
                assert_eq!(get(view, key), expected.get(key).cloned(), "{key:?} after {ahead:?}");
            }
            let values: Vec<_> = all.iter().rev().map(|key| expected.get(key).cloned()).collect();
            let asked: Vec<_> = all.iter().rev().cloned().collect();
            assert_eq!(get_many(view, &asked), values, "after {ahead:?}");
            assert_eq!(contents(view), expected, "after {ahead:?}");
        }
    };
    check(&*snapshot(&**store, TENANT));
    write(&**store, TENANT, |newest| {
        check(newest);
        Batch::new()
    });
}

fn a_key_is_looked_for_in_its_own_space_only(store: &Arc<dyn Store>) {
    for there in SPACES {
        apply(&**store, TENANT, &puts([(key(there, b"same"), vec![there])]));
        for asked in SPACES {
            let expected = (asked <= there).then(|| vec![asked].into());
            assert_eq!(value(&**store, TENANT, &key(asked, b"same")), expected, "in space {asked}");
        }
    }
    let expected: Contents = SPACES.map(|space| (key(space, b"same"), vec![space].into())).into();
    assert_eq!(newest(&**store, TENANT), expected);
}

fn a_key_beyond_the_limit_is_a_missing_key(store: &Arc<dyn Store>) {
    let short = key(7, &[b'k'; 64]);
    apply(&**store, TENANT, &puts([(short.clone(), "1")]));
    // A backend may have no limit of its own; this is beyond the one that any of them must have.
    let length = store.limits().key_bytes.min(1 << 20);
    let long = key(7, &vec![b'k'; length]);
    let view = snapshot(&**store, TENANT);
    assert_eq!(get(&*view, &long), None);
    assert_eq!(get_many(&*view, &[long.clone(), short.clone()]), [None, Some("1".into())]);
    assert_eq!(keys(&*view, &space(7).until(long.clone())), [short]);
    assert!(scan(&*view, &space(7).from(long), Direction::Forward, usize::MAX).is_empty());
}

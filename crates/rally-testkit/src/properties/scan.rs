//! Reading by range.

use std::sync::Arc;

use bytes::Bytes;
use rally_core::store::{Batch, Direction, Key, KeyRange, Store};

use super::{
    Property,
    given::{NEIGHBOUR, SPACES, TENANT, apply, key, keys, put, puts, scan, snapshot, space},
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_scan_is_ordered_by_the_bytes_of_the_keys),
        Property::of(a_backward_scan_is_a_forward_scan_turned_round),
        Property::of(a_scan_gives_each_key_with_its_value),
        Property::of(a_scan_takes_no_more_than_its_limit),
        Property::of(a_range_holds_its_start_and_not_its_end),
        Property::of(a_range_need_not_begin_or_end_at_a_key_that_is_there),
        Property::of(an_empty_or_upside_down_range_has_no_entries),
        Property::of(a_scan_of_a_prefix_has_what_begins_with_it_and_nothing_else),
        Property::of(a_scan_of_a_space_has_nothing_of_its_neighbours),
        Property::of(a_scan_without_an_end_stops_at_the_end_of_the_last_space),
        Property::of(a_scan_leaves_out_deleted_keys),
        Property::of(pages_of_scans_hold_every_entry_once),
        Property::of(a_scan_gives_thousands_of_entries),
        Property::of(a_scan_gives_large_entries),
    ]
}

const DIRECTIONS: [Direction; 2] = [Direction::Forward, Direction::Backward];

/// Keys of one space in the order of their bytes.
fn ordered(space: u8) -> Vec<Key> {
    let parts: [&[u8]; 15] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\x01",
        b"\0\xFF",
        b"\x01",
        b"A",
        b"B",
        b"a",
        b"a\0",
        b"aa",
        b"b",
        b"\x80",
        b"\xFF",
        b"\xFF\xFF",
    ];
    parts.map(|part| key(space, part)).into()
}

fn put_all(store: &dyn Store, keys: &[Key]) {
    // Turned round, so that no store has the order for free.
    for part in keys.rchunks(keys.len().div_ceil(4)) {
        apply(store, TENANT, &puts(part.iter().map(|key| (key.clone(), key.as_bytes().to_vec()))));
    }
}

/// Checks that a scan in either direction has these keys.
fn check(store: &dyn Store, range: &KeyRange, expected: &[Key]) {
    let view = snapshot(store, TENANT);
    let mut expected = expected.to_vec();
    for direction in DIRECTIONS {
        let found = scan(&*view, range, direction, usize::MAX);
        let found: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected, "{direction:?} scan of {range:?}");
        expected.reverse();
    }
}

fn a_scan_is_ordered_by_the_bytes_of_the_keys(store: &Arc<dyn Store>) {
    for byte in SPACES {
        put_all(&**store, &ordered(byte));
        assert_eq!(keys(&*snapshot(&**store, TENANT), &space(byte)), ordered(byte));
    }
}

fn a_backward_scan_is_a_forward_scan_turned_round(store: &Arc<dyn Store>) {
    for byte in SPACES {
        put_all(&**store, &ordered(byte));
        let view = snapshot(&**store, TENANT);
        let mut forward = scan(&*view, &space(byte), Direction::Forward, usize::MAX);
        forward.reverse();
        assert_eq!(forward.len(), ordered(byte).len());
        assert_eq!(scan(&*view, &space(byte), Direction::Backward, usize::MAX), forward);
    }
}

fn a_scan_gives_each_key_with_its_value(store: &Arc<dyn Store>) {
    put_all(&**store, &ordered(7));
    for direction in DIRECTIONS {
        let entries = scan(&*snapshot(&**store, TENANT), &space(7), direction, usize::MAX);
        assert_eq!(entries.len(), ordered(7).len());
        for (key, value) in entries {
            assert_eq!(key.as_bytes(), value, "{direction:?}");
        }
    }
}

fn a_scan_takes_no_more_than_its_limit(store: &Arc<dyn Store>) {
    for byte in [7, 0xFF] {
        put_all(&**store, &ordered(byte));
        let view = snapshot(&**store, TENANT);
        let mut all = ordered(byte);
        for direction in DIRECTIONS {
            for limit in [0, 1, 2, all.len() - 1, all.len(), all.len() + 1, usize::MAX] {
                let found = scan(&*view, &space(byte), direction, limit);
                let found: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
                assert_eq!(found, all[..limit.min(all.len())], "{direction:?} with a limit of {limit}");
            }
            all.reverse();
        }
    }
}

fn a_range_holds_its_start_and_not_its_end(store: &Arc<dyn Store>) {
    for byte in SPACES {
        let all = ordered(byte);
        put_all(&**store, &all);
        for (first, start) in all.iter().enumerate() {
            check(&**store, &space(byte).from(start.clone()), &all[first..]);
            check(&**store, &space(byte).until(start.clone()), &all[..first]);
            check(&**store, &space(byte).from(start.successor()), &all[after(&all, &start.successor())..]);
        }
        check(&**store, &space(byte).from(all[3].clone()).until(all[9].clone()), &all[3..9]);
        check(&**store, &space(byte).from(all[3].clone()).until(all[3].successor()), &all[3..4]);
    }
}

/// The number of keys before this one.
fn after(all: &[Key], key: &Key) -> usize {
    all.partition_point(|other| other < key)
}

fn a_range_need_not_begin_or_end_at_a_key_that_is_there(store: &Arc<dyn Store>) {
    let all: Vec<_> = ["b", "d", "f"].map(|part| key(7, part.as_bytes())).into();
    put_all(&**store, &all);
    let range =
        |start: &str, end: &str| space(7).from(key(7, start.as_bytes())).until(key(7, end.as_bytes()));
    check(&**store, &range("a", "z"), &all);
    check(&**store, &range("a", "c"), &all[..1]);
    check(&**store, &range("c", "e"), &all[1..2]);
    check(&**store, &range("e", "z"), &all[2..]);
    check(&**store, &range("bb", "cc"), &[]);
    check(&**store, &range("g", "z"), &[]);
    check(&**store, &range("", "a"), &[]);
}

fn an_empty_or_upside_down_range_has_no_entries(store: &Arc<dyn Store>) {
    for byte in SPACES {
        let all = ordered(byte);
        put_all(&**store, &all);
        let (low, high) = (&all[3], &all[9]);
        check(&**store, &space(byte).from(low.clone()).until(low.clone()), &[]);
        check(&**store, &space(byte).from(high.clone()).until(low.clone()), &[]);
        check(&**store, &space(byte).until(key(byte, b"")), &[]);
        check(&**store, &space(byte).until(key(0, b"")), &[]);
    }
    check(&**store, &space(7).from(key(0xFF, b"\xFF")), &[]);
    check(&**store, &space(1).from(key(7, b"a")), &[]);
}

fn a_scan_of_a_prefix_has_what_begins_with_it_and_nothing_else(store: &Arc<dyn Store>) {
    let all: Vec<_> = SPACES.into_iter().flat_map(ordered).collect();
    put_all(&**store, &all);
    for prefix in &all {
        let inside = all.iter().filter(|key| key.as_bytes().starts_with(prefix.as_bytes()));
        check(&**store, &KeyRange::prefix(prefix), &inside.cloned().collect::<Vec<_>>());
    }
}

fn a_scan_of_a_space_has_nothing_of_its_neighbours(store: &Arc<dyn Store>) {
    let spaces: Vec<u8> = (0..=u8::MAX).collect();
    let of = |byte: u8| [key(byte, b""), key(byte, b"\0"), key(byte, b"\xFF\xFF\xFF")];
    put_all(&**store, &spaces.iter().flat_map(|byte| of(*byte)).collect::<Vec<_>>());
    for byte in spaces {
        check(&**store, &space(byte), &of(byte));
    }
}

fn a_scan_without_an_end_stops_at_the_end_of_the_last_space(store: &Arc<dyn Store>) {
    let last: Vec<_> = ["", "\0", "a"].map(|part| key(0xFF, part.as_bytes())).into();
    let ones: Vec<_> = (1..5).map(|length| key(0xFF, &vec![0xFF; length])).collect();
    put_all(&**store, &[last.clone(), ones.clone()].concat());
    for tenant in [NEIGHBOUR, super::isolation::BEFORE] {
        for byte in SPACES {
            put(&**store, tenant, &key(byte, b""), "another's");
            put(&**store, tenant, &key(byte, b"\xFF\xFF\xFF"), "another's");
        }
    }
    check(&**store, &space(0xFF), &[last, ones.clone()].concat());
    assert_eq!(KeyRange::prefix(&ones[1]).end(), None, "this range has no end");
    check(&**store, &KeyRange::prefix(&ones[1]), &ones[1..]);
    check(&**store, &space(0xFF).from(ones[2].clone()), &ones[2..]);
    check(&**store, &space(0xFF).from(key(0xFF, &[0xFF; 9])), &[]);
}

fn a_scan_leaves_out_deleted_keys(store: &Arc<dyn Store>) {
    let all = ordered(0xFF);
    put_all(&**store, &all);
    let mut batch = Batch::new();
    for key in all.iter().step_by(2) {
        batch.delete(key.clone());
    }
    apply(&**store, TENANT, &batch);
    let kept: Vec<_> = all.iter().skip(1).step_by(2).cloned().collect();
    check(&**store, &space(0xFF), &kept);
    let view = snapshot(&**store, TENANT);
    let found = scan(&*view, &space(0xFF), Direction::Forward, 3);
    let found: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, kept[..3], "deleted keys do not count towards the limit");
}

fn pages_of_scans_hold_every_entry_once(store: &Arc<dyn Store>) {
    let mut all: Vec<_> = (0..500u64).map(|number| key(7, b"").number(number * number)).collect();
    put_all(&**store, &all);
    for direction in DIRECTIONS {
        assert_eq!(paged(&**store, direction, 33, all.len()), all, "{direction:?}");
        all.reverse();
    }
}

/// Reads a space page by page, each behind the last key of the one before, but no more pages than that.
fn paged(store: &dyn Store, direction: Direction, limit: usize, most: usize) -> Vec<Key> {
    let view = snapshot(store, TENANT);
    let (mut found, mut range) = (Vec::new(), space(7));
    for _ in 0..most {
        let page = scan(&*view, &range, direction, limit);
        let Some((last, _)) = page.last() else { break };
        range = match direction {
            Direction::Forward => space(7).from(last.successor()),
            Direction::Backward => space(7).until(last.clone()),
        };
        found.extend(page.into_iter().map(|(key, _)| key));
    }
    found
}

fn a_scan_gives_thousands_of_entries(store: &Arc<dyn Store>) {
    let all: Vec<_> = (0..20_000u64).map(|number| key(7, b"").number(number)).collect();
    apply(&**store, TENANT, &puts(all.iter().map(|key| (key.clone(), "1"))));
    check(&**store, &space(7), &all);
    check(&**store, &space(7).from(all[9_999].clone()).until(all[10_001].clone()), &all[9_999..10_001]);
}

fn a_scan_gives_large_entries(store: &Arc<dyn Store>) {
    let all: Vec<_> =
        (0..100u8).map(|number| (key(7, &[number]), Bytes::from(vec![number; 60_000]))).collect();
    apply(&**store, TENANT, &puts(all.clone()));
    let view = snapshot(&**store, TENANT);
    let found = scan(&*view, &space(7), Direction::Forward, 100);
    assert!(found == all, "{} entries of 60000 bytes are read as written", found.len());
    let found = scan(&*view, &space(7), Direction::Backward, 1);
    assert!(found == all[99..], "the last of them is read as written");
}

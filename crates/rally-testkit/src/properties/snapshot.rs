//! Snapshots: their contents, and that nobody waits for them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use rally_core::store::{Batch, Commit, Key, Snapshot, Store};

use super::{
    Property,
    given::{
        Contents, NEIGHBOUR, SPACES, TENANT, apply, change, contents, get, get_many, key, moment, newest,
        number, put, puts, snapshot, write,
    },
    threads::{Task, as_long_as, wait_for, while_building, without_waiting},
};

pub(super) fn properties() -> Vec<Property<Arc<dyn Store>>> {
    vec![
        Property::of(a_snapshot_shows_every_write_that_has_returned),
        Property::of(a_snapshot_shows_a_write_that_returned_on_another_thread),
        Property::of(a_snapshot_shows_a_batch_wholly_or_not_at_all),
        Property::of(a_snapshot_shows_nothing_of_a_write_in_progress),
        Property::of(later_writes_do_not_change_a_snapshot),
        Property::of(each_snapshot_shows_its_own_moment),
        Property::of(a_batch_all_over_a_large_state_changes_no_snapshot),
        Property::of(taking_a_snapshot_never_waits_for_a_writer),
        Property::of(reading_a_snapshot_never_waits_for_a_writer),
        Property::of(a_snapshot_can_be_taken_within_build),
        Property::of(a_writer_never_waits_for_a_snapshot),
        Property::of(all_states_are_of_one_incarnation_while_nothing_takes_the_stores_place),
    ]
}

fn a_snapshot_shows_every_write_that_has_returned(store: &Arc<dyn Store>) {
    let mut expected = Contents::new();
    for (count, space) in (0u8..).zip(SPACES.iter().cycle().take(40)) {
        let key = key(*space, &[count]);
        put(&**store, TENANT, &key, vec![count]);
        expected.insert(key, vec![count].into());
        assert_eq!(newest(&**store, TENANT), expected);
    }
}

fn a_batch_all_over_a_large_state_changes_no_snapshot(store: &Arc<dyn Store>) {
    let numbered = |number: u16| key(7, &number.to_be_bytes());
    let mut model = Contents::new();
    for step in [1, 4_000, 20, 1, 15] {
        let before = moment(&**store, TENANT);
        let mut batch = Batch::new();
        for number in (0..4_000).step_by(step) {
            match (number + u16::try_from(step).expect("a short step")) % 7 {
                0 => batch.delete(numbered(number)),
                _ => batch.put(numbered(number), format!("{step} {number}")),
            }
        }
        apply(&**store, TENANT, &batch);
        assert_eq!(contents(&*before), model, "of the state before a batch at each {step}");
        change(&mut model, &batch);
        assert_eq!(newest(&**store, TENANT), model);
    }
}

fn all_states_are_of_one_incarnation_while_nothing_takes_the_stores_place(store: &Arc<dyn Store>) {
    let told = |snapshot: &dyn Snapshot| snapshot.incarnation().expect("the store answers");
    let first = told(&*snapshot(&**store, TENANT));
    for count in 0..3 {
        let written = store.write(TENANT, &mut |newest| {
            assert_eq!(told(newest), first);
            Ok(puts([(key(7, &[count]), vec![count])]))
        });
        assert_eq!(written.expect("the store answers"), Commit::Applied);
        let later = snapshot(&**store, NEIGHBOUR);
        get(&*later, &key(7, &[count]));
        assert_eq!(told(&*later), first);
    }
}

fn a_snapshot_shows_a_write_that_returned_on_another_thread(store: &Arc<dyn Store>) {
    let counter = key(7, b"counter");
    let returned = Arc::new(AtomicU64::new(0));
    let writes = {
        let (store, counter, returned) = (Arc::clone(store), counter.clone(), Arc::clone(&returned));
        move || {
            for count in 1..=100u64 {
                put(&*store, TENANT, &counter, count.to_be_bytes().to_vec());
                returned.store(count, Ordering::SeqCst);
            }
        }
    };
    as_long_as(writes, || {
        let least = returned.load(Ordering::SeqCst);
        let shown = number(get(&*snapshot(&**store, TENANT), &counter));
        assert!(shown >= least, "write {least} has returned, and the snapshot shows {shown}");
    });
    assert_eq!(number(get(&*snapshot(&**store, TENANT), &counter)), 100);
}

/// The same number under many keys of all spaces.
fn generation(number: u64) -> Batch {
    let keys = SPACES.into_iter().flat_map(|space| (0..30u8).map(move |part| key(space, &[part])));
    puts(keys.map(|key| (key, number.to_be_bytes().to_vec())))
}

fn a_snapshot_shows_a_batch_wholly_or_not_at_all(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &generation(0));
    let keys: Vec<Key> = generation(0).into_changes().map(|(key, _)| key).collect();
    let writer = Arc::clone(store);
    let writes = move || (1..=60).for_each(|number| apply(&*writer, TENANT, &generation(number)));
    let mut newest_seen = 0;
    as_long_as(writes, || {
        let view = snapshot(&**store, TENANT);
        let shown = number(get(&*view, &keys[0]));
        assert!(shown >= newest_seen, "a snapshot shows {shown} after an earlier one showed {newest_seen}");
        newest_seen = shown;
        for value in get_many(&*view, &keys).into_iter().chain(contents(&*view).into_values().map(Some)) {
            assert_eq!(number(value), shown, "one snapshot shows two generations");
        }
    });
    assert_eq!(newest_seen, 60);
}

fn a_snapshot_shows_nothing_of_a_write_in_progress(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &generation(1));
    let before = newest(&**store, TENANT);
    let reader = Arc::clone(store);
    let seen = while_building(store, TENANT, &generation(2), || {
        without_waiting("a snapshot while another thread builds", move || newest(&*reader, TENANT))
    });
    assert_eq!(seen, before);
    assert_ne!(newest(&**store, TENANT), before, "the write was applied afterwards");
}

fn later_writes_do_not_change_a_snapshot(store: &Arc<dyn Store>) {
    let [changed, deleted, kept, later] =
        ["changed", "deleted", "kept", "later"].map(|name| key(7, name.as_bytes()));
    apply(&**store, TENANT, &puts([&changed, &deleted, &kept].map(|key| (key.clone(), "before"))));
    let view = snapshot(&**store, TENANT);
    let before = contents(&*view);
    let mut batch = puts([(changed.clone(), "after"), (later.clone(), "after")]);
    batch.delete(deleted.clone());
    apply(&**store, TENANT, &batch);
    put(&**store, NEIGHBOUR, &kept, "another's");
    for round in 0..20u8 {
        apply(&**store, TENANT, &generation(round.into()));
    }
    assert_eq!(contents(&*view), before, "a scan shows what it showed before");
    let shown = [Some("before".into()), Some("before".into()), Some("before".into()), None];
    let keys = [changed, deleted, kept, later];
    assert_eq!(get_many(&*view, &keys), shown);
    assert_eq!(keys.map(|key| get(&*view, &key)), shown);
}

fn each_snapshot_shows_its_own_moment(store: &Arc<dyn Store>) {
    let counter = key(0xFF, b"counter");
    let mut held = Vec::new();
    for count in 1..=30u64 {
        put(&**store, TENANT, &counter, count.to_be_bytes().to_vec());
        held.push((count, moment(&**store, TENANT)));
    }
    for (count, view) in held.iter().rev() {
        assert_eq!(number(get(&**view, &counter)), *count);
    }
}

fn taking_a_snapshot_never_waits_for_a_writer(store: &Arc<dyn Store>) {
    put(&**store, NEIGHBOUR, &key(7, b"name"), "another's");
    let reader = Arc::clone(store);
    let (own, other) = while_building(store, TENANT, &generation(1), || {
        without_waiting("taking a snapshot while another thread builds", move || {
            (newest(&*reader, TENANT), newest(&*reader, NEIGHBOUR))
        })
    });
    assert!(own.is_empty());
    assert_eq!(other, Contents::from([(key(7, b"name"), "another's".into())]));
}

fn reading_a_snapshot_never_waits_for_a_writer(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &generation(1));
    let before = newest(&**store, TENANT);
    let (taken, is_taken) = mpsc::channel();
    let (go, may_read) = mpsc::channel::<()>();
    let reader = Arc::clone(store);
    let task = Task::start(move || {
        let view = snapshot(&*reader, TENANT);
        let _ = taken.send(());
        wait_for(&may_read);
        let first = key(SPACES[0], &[0]);
        (contents(&*view), get(&*view, &first), get_many(&*view, &[first]))
    });
    wait_for(&is_taken);
    let seen = while_building(store, TENANT, &generation(2), || {
        drop(go);
        task.finish("reading a snapshot while another thread builds")
    });
    let first = before.values().next().cloned();
    assert_eq!(seen, (before, first.clone(), vec![first]));
}

fn a_snapshot_can_be_taken_within_build(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &generation(1));
    let writer = Arc::clone(store);
    without_waiting("a snapshot within build", move || {
        write(&*writer, TENANT, |now| {
            assert_eq!(newest(&*writer, TENANT), contents(now));
            assert!(newest(&*writer, NEIGHBOUR).is_empty());
            generation(2)
        });
    });
    assert_eq!(number(get(&*snapshot(&**store, TENANT), &key(7, &[0]))), 2);
}

fn a_writer_never_waits_for_a_snapshot(store: &Arc<dyn Store>) {
    apply(&**store, TENANT, &generation(1));
    let writer = Arc::clone(store);
    without_waiting("a write while a snapshot is held", move || {
        let view = moment(&*writer, TENANT);
        apply(&*writer, TENANT, &generation(2));
        apply(&*writer, NEIGHBOUR, &generation(2));
        assert_eq!(number(get(&*view, &key(7, &[0]))), 1);
    });
    assert_eq!(number(get(&*snapshot(&**store, TENANT), &key(7, &[0]))), 2);
}

//! Files that are opened again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rally_core::store::{Abort, Batch, Store, StoreError};
use tempfile::TempDir;

use super::{
    Property,
    at_random::random_batch,
    given::{
        Contents, NEIGHBOUR, SPACES, TENANT, apply, change, key, newest, number, put, puts, try_write, value,
        write,
    },
    threads::all_at_once,
};
use crate::Random;

pub(super) fn properties() -> Vec<Property<Place>> {
    vec![
        Property::of(everything_written_is_there_after_reopening),
        Property::of(a_deletion_is_there_after_reopening),
        Property::of(nothing_refused_is_there_after_reopening),
        Property::of(tenants_stay_apart_after_reopening),
        Property::of(a_store_that_was_reopened_takes_writes),
        Property::of(random_batches_are_there_after_each_reopening),
        Property::of(writes_of_many_threads_are_there_after_reopening),
        Property::of(everything_written_is_there_after_the_process_was_lost),
        Property::of(opening_a_file_that_was_only_read_finds_the_same),
        Property::of(an_empty_batch_leaves_the_file_as_it_is),
        Property::of(a_refused_write_leaves_the_file_as_it_is),
    ]
}

/// Opens the store that is kept at a path, and makes it where there is none.
pub type Open = dyn Fn(&Path) -> Arc<dyn Store> + Send + Sync;

/// A path in a directory of its own, and how a store is opened there. Both are gone when it is dropped.
pub struct Place {
    directory: TempDir,
    open: Arc<Open>,
}

impl Place {
    /// A path at which nothing is yet.
    ///
    /// # Panics
    /// If no directory can be made.
    #[must_use]
    pub fn new(open: Arc<Open>) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        Self { directory, open }
    }

    /// Opens the store that is kept here.
    #[must_use]
    pub fn open(&self) -> Arc<dyn Store> {
        (self.open)(&self.path())
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// The bytes that are kept here, and would be if the process were lost now.
    fn bytes(&self) -> Vec<u8> {
        fs::read(self.path()).expect("the store keeps a file at its path")
    }

    /// Another place with the same bytes.
    fn copy(&self) -> Place {
        let copy = Place::new(Arc::clone(&self.open));
        fs::write(copy.path(), self.bytes()).expect("a copy can be written");
        copy
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Place").field(&self.path()).finish()
    }
}

fn some_contents() -> Contents {
    let parts: [&[u8]; 4] = [b"", b"\0", b"name", b"\xFF\xFF"];
    let mut random = Random::new(6);
    let mut contents = Contents::new();
    for byte in SPACES {
        contents.extend(parts.map(|part| (key(byte, part), random.bytes(part.len() * 1_000).into())));
    }
    contents
}

fn everything_written_is_there_after_reopening(place: &Place) {
    assert!(newest(&*place.open(), TENANT).is_empty(), "a fresh file has nothing");
    apply(&*place.open(), TENANT, &puts(some_contents()));
    for _ in 0..3 {
        assert!(newest(&*place.open(), TENANT) == some_contents(), "what was written is read again");
    }
}

fn a_deletion_is_there_after_reopening(place: &Place) {
    let (deleted, replaced) = (key(7, b"name"), key(0xFF, b""));
    apply(&*place.open(), TENANT, &puts(some_contents()));
    let mut batch = puts([(replaced, "2")]);
    batch.delete(deleted);
    apply(&*place.open(), TENANT, &batch);
    let mut expected = some_contents();
    change(&mut expected, &batch);
    assert!(newest(&*place.open(), TENANT) == expected, "the deletion and the new value are read again");
}

fn nothing_refused_is_there_after_reopening(place: &Place) {
    let before = Contents::from([(key(7, b"before"), "1".into())]);
    let store = place.open();
    apply(&*store, TENANT, &puts(before.clone()));
    refuse(&*store);
    let error = || StoreError::Unavailable { reason: "on purpose".to_owned() };
    assert!(try_write(&*store, TENANT, |_| Err(error().into())).is_err());
    let too_long = key(7, &vec![0; store.limits().key_bytes]);
    let batch = puts([(key(0, b"small"), "1"), (too_long, "1")]);
    assert!(try_write(&*store, TENANT, |_| Ok(batch.clone())).is_err(), "a key beyond the limit is refused");
    drop(store);
    assert_eq!(newest(&*place.open(), TENANT), before);
    assert!(newest(&*place.open(), NEIGHBOUR).is_empty());
}

fn refuse(store: &dyn Store) {
    for tenant in [TENANT, NEIGHBOUR] {
        assert!(try_write(store, tenant, |_| Err(Abort::Refused)).is_ok(), "a refusal is no error");
    }
}

fn tenants_stay_apart_after_reopening(place: &Place) {
    for tenant in [TENANT, NEIGHBOUR] {
        put(&*place.open(), tenant, &key(0xFF, b"\xFF"), tenant.to_string());
    }
    for tenant in [TENANT, NEIGHBOUR] {
        let expected = Contents::from([(key(0xFF, b"\xFF"), tenant.to_string().into())]);
        assert_eq!(newest(&*place.open(), tenant), expected);
    }
}

fn a_store_that_was_reopened_takes_writes(place: &Place) {
    let counter = key(7, b"counter");
    for count in 1..=10 {
        let store = place.open();
        write(&*store, TENANT, |now| {
            let next = number(now.get(&counter).expect("a healthy store reads a key")) + 1;
            puts([(counter.clone(), next.to_be_bytes().to_vec())])
        });
        assert_eq!(number(value(&*store, TENANT, &counter)), count);
    }
}

fn random_batches_are_there_after_each_reopening(place: &Place) {
    let mut random = Random::new(7);
    let mut models = [(TENANT, Contents::new()), (NEIGHBOUR, Contents::new())];
    for _ in 0..10 {
        let store = place.open();
        for (tenant, model) in &mut models {
            assert_eq!(newest(&*store, *tenant), *model);
            for _ in 0..random.below(6) {
                let batch = random_batch(&mut random);
                apply(&*store, *tenant, &batch);
                change(model, &batch);
            }
        }
    }
    let store = place.open();
    assert!(models.iter().all(|(tenant, model)| newest(&*store, *tenant) == *model));
}

fn writes_of_many_threads_are_there_after_reopening(place: &Place) {
    let store = place.open();
    all_at_once(8, move |thread| {
        let tenant = [TENANT, NEIGHBOUR][thread % 2];
        for count in 0..15 {
            put(&*store, tenant, &key(7, format!("{thread} {count}").as_bytes()), "1");
        }
    });
    let store = place.open();
    for tenant in [TENANT, NEIGHBOUR] {
        assert_eq!(newest(&*store, tenant).len(), 60, "keys of {tenant}");
    }
}

fn everything_written_is_there_after_the_process_was_lost(place: &Place) {
    let store = place.open();
    let mut random = Random::new(8);
    let mut expected = Contents::new();
    for step in 0..12 {
        let batch = random_batch(&mut random);
        apply(&*store, TENANT, &batch);
        change(&mut expected, &batch);
        // Another process would find what the file has now, although the store is still open.
        let copy = place.copy();
        assert_eq!(newest(&*copy.open(), TENANT), expected, "after step {step}");
    }
}

fn opening_a_file_that_was_only_read_finds_the_same(place: &Place) {
    apply(&*place.open(), TENANT, &puts(some_contents()));
    for _ in 0..5 {
        drop(place.open());
        assert!(newest(&*place.open(), TENANT) == some_contents(), "opening and reading change nothing");
    }
}

/// Checks that some work on an open store does not touch its file.
fn check_file_untouched(place: &Place, what: &str, work: impl Fn(&dyn Store)) {
    let store = place.open();
    apply(&*store, TENANT, &puts(some_contents()));
    let before = place.bytes();
    (0..3).for_each(|_| work(&*store));
    assert!(place.bytes() == before, "{what} has changed the file");
}

fn an_empty_batch_leaves_the_file_as_it_is(place: &Place) {
    check_file_untouched(place, "an empty batch", |store| {
        apply(store, TENANT, &Batch::new());
        apply(store, NEIGHBOUR, &Batch::new());
    });
}

fn a_refused_write_leaves_the_file_as_it_is(place: &Place) {
    check_file_untouched(place, "a refused write", refuse);
}

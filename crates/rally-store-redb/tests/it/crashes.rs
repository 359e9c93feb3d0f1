//! The power fails: every acknowledged write is there, every other wholly or not at all.

use rally_core::store::{Commit, Store};
use rally_store_redb::{Durability, Options, RedbStore};

use crate::{
    crash_backend::{CrashDisk, Image},
    support::{batch, get, key, number, options, tenant},
};

const WRITES: u64 = 22;
/// The spokes of a write hold its number, as its hub does; they are long enough to need pages of their own.
const SPOKES: u64 = 3;

/// The text of a spoke. Every fifth write is too large for the journal.
fn text(number: u64) -> String {
    number.to_string().repeat(if number % 5 == 4 { 6000 } else { 500 })
}

fn write(store: &dyn Store, number: u64) {
    let text = text(number);
    let mut changes = batch(&[(&key("hub"), Some(number.to_string().as_bytes()))]);
    for spoke in 0..SPOKES {
        changes.put(key(&format!("spoke {spoke}")), text.clone());
    }
    changes.put(key(&format!("mark {number}")), "set");
    let commit = store.write(tenant((number % 2).into()), &mut |_| Ok(changes.clone())).unwrap();
    assert_eq!(commit, Commit::Applied);
}

/// The number of the last write of a tenant, after making sure that all of it is there and nothing of a later one.
fn last_write(store: &dyn Store, of: u64, story: &str) -> Option<u64> {
    let hub = get(store, tenant(of.into()), &key("hub")).map(|text| number(&text));
    let text = hub.map(text);
    for spoke in 0..SPOKES {
        let found = get(store, tenant(of.into()), &key(&format!("spoke {spoke}")));
        assert_eq!(
            found.as_deref(),
            text.as_ref().map(|text| text.as_bytes()),
            "{story}: spoke {spoke} of {hub:?}"
        );
    }
    for number in (0..WRITES).filter(|number| number % 2 == of) {
        let there = get(store, tenant(of.into()), &key(&format!("mark {number}"))).is_some();
        assert_eq!(there, hub.is_some_and(|hub| number <= hub), "{story}: mark {number} beside {hub:?}");
    }
    hub
}

fn check(image: &Image, options: &Options) {
    let disk = CrashDisk::from_image(&image.bytes);
    let store = RedbStore::with_backend(disk.backend(), options.clone())
        .unwrap_or_else(|error| panic!("{}: {error}: {error:?}", image.story));
    for of in 0..2 {
        let last = last_write(&store, of, &image.story);
        let owed = image.acknowledged.iter().filter(|mark| *mark % 2 == of).max();
        assert!(last.as_ref() >= owed, "{}: {owed:?} was acknowledged, {last:?} is there", image.story);
    }
    write(&store, WRITES);
}

fn crash_everywhere(durability: Durability) {
    let options = Options { durability, ..options() };
    let fresh = CrashDisk::new();
    drop(RedbStore::with_backend(fresh.backend(), options.clone()).unwrap());
    let disk = CrashDisk::from_image(&fresh.synced_image());
    let store = RedbStore::with_backend(disk.backend(), options.clone()).unwrap();
    for number in 0..WRITES {
        write(&store, number);
        disk.acknowledge(number);
        if number % 3 == 1 {
            store.fold().unwrap();
        }
    }
    drop(store);

    let mut images = 0;
    for seed in [3, 5, 7] {
        disk.visit_images(seed, |image| {
            images += 1;
            check(&image, &options);
        });
    }
    assert!(images > 500, "only {images} images");
}

#[test]
fn no_crash_loses_or_tears_a_write() {
    crash_everywhere(Durability::Standard);
}

#[test]
fn no_crash_loses_or_tears_a_strict_write() {
    crash_everywhere(Durability::Strict);
}

#[test]
fn a_crash_while_the_store_is_made_leaves_it_new_or_not_a_store() {
    let fresh = CrashDisk::new();
    drop(RedbStore::with_backend(fresh.backend(), options()).unwrap());
    let (mut made, mut unmade) = (0, 0);
    fresh.visit_images(11, |image| {
        let disk = CrashDisk::from_image(&image.bytes);
        match RedbStore::with_backend(disk.backend(), options()) {
            Ok(store) => {
                assert_eq!(last_write(&store, 0, &image.story), None);
                made += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error, rally_store_redb::OpenError::NotRally { .. }),
                    "{}: {error}",
                    image.story
                );
                unmade += 1;
            }
        }
    });
    assert!(made > 0 && unmade > 0, "{made} made, {unmade} unmade");
}

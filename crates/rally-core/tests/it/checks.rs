//! The check of a store, which finds each row that is missing or wrong.

use std::{collections::BTreeMap, sync::Arc};

use rally_core::{
    StoreCheck, TenantId, limits,
    store::{Batch, Commit, Entry, Key, MemoryStore, Space, Store},
};

use crate::{
    formats,
    support::{World, ada},
};

/// A world with rows of every sort, and the store below it.
fn history() -> (Arc<dyn Store>, World) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    (Arc::clone(&store), formats::history(store))
}

fn checked(world: &World) -> StoreCheck {
    world.engine.check_store(&mut |_, _| ()).unwrap()
}

/// Puts a value in the place of another, or deletes it.
fn put(store: &dyn Store, tenant: TenantId, entry: &Entry, value: Option<&[u8]>) {
    let mut batch = Batch::new();
    match value {
        Some(value) => batch.put(entry.key.clone(), value.to_vec()),
        None => batch.delete(entry.key.clone()),
    }
    assert_eq!(store.write(tenant, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
}

#[test]
fn a_store_that_is_well_has_no_damage() {
    let (_, world) = history();
    let mut told = Vec::new();
    let checked = world.engine.check_store(&mut |slug, rows| told.push((slug.to_owned(), rows))).unwrap();
    assert_eq!((checked.damages, checked.damaged, checked.tenants), (Vec::new(), 0, 1));
    assert!(checked.rows > 500, "{}", checked.rows);
    assert!(told.iter().any(|(slug, rows)| slug.is_empty() && *rows > 0));
    assert!(told.iter().any(|(slug, rows)| slug == "acme" && *rows > 500));
}

/// Families of rows whose rows follow from others, and those that only a backup has and others tell of.
const DERIVED: [u8; 11] = [0x02, 0x03, 0x08, 0x09, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x31];
const TOLD_OF: [u8; 4] = [0x01, 0x20, 0x21, 0x30];

/// Rows of a family that are all tried; of more, one in as many.
const FIRST: usize = 8;

#[test]
fn each_row_that_is_missing_is_found() {
    let (store, world) = history();
    let acme = world.acme.tenant().id;
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    for entry in world.stored(acme) {
        let family = entry.key.space().0;
        let is_derived = DERIVED.contains(&family);
        if !is_derived && !TOLD_OF.contains(&family) {
            continue;
        }
        let place = seen.entry(family).or_default();
        *place += 1;
        // The first of each family, and some of the others.
        if *place > FIRST && !place.is_multiple_of(FIRST) {
            continue;
        }
        put(&*store, acme, &entry, None);
        let found = checked(&world);
        assert!(found.damaged > 0, "{entry:?} is not missed");
        assert!(
            !is_derived || found.damages.iter().any(|damage| damage.can_be_rebuilt),
            "{entry:?} {found:?}"
        );
        assert!(found.damages.iter().all(|damage| damage.slug == "acme"));
        put(&*store, acme, &entry, Some(&entry.value));
    }
    assert_eq!(checked(&world).damaged, 0, "all is as it was");
    assert_eq!(seen.len(), DERIVED.len() + TOLD_OF.len(), "{seen:?}");
}

#[test]
fn each_derived_row_that_is_too_many_is_found() {
    let (store, world) = history();
    let acme = world.acme.tenant().id;
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    for entry in world.stored(acme) {
        let family = entry.key.space().0;
        let place = seen.entry(family).or_default();
        *place += 1;
        if ![0x11, 0x12, 0x13, 0x14].contains(&family) || *place > 2 * FIRST {
            continue;
        }
        // The same row under a key that no record makes.
        let mut bytes = entry.key.as_bytes().to_vec();
        let place = bytes.len() - 6;
        bytes[place] ^= 0x40;
        let key = Key::from_bytes(&bytes).unwrap();
        if world.stored(acme).iter().any(|known| known.key == key) {
            continue;
        }
        let more = Entry { key, value: entry.value.clone() };
        put(&*store, acme, &more, Some(&entry.value));
        assert!(checked(&world).damaged > 0, "{more:?} is not found");
        put(&*store, acme, &more, None);
    }
    assert_eq!(checked(&world).damaged, 0);
}

#[test]
fn bytes_that_cannot_be_read_are_a_damage_and_no_failure() {
    let (store, world) = history();
    let acme = world.acme.tenant().id;
    let mut seen: BTreeMap<u8, usize> = BTreeMap::new();
    for entry in world.stored(acme).iter().filter(|entry| (0x01..0x22).contains(&entry.key.space().0)) {
        // Some rows say all by their key, and the lease of the rate limit is no matter of this.
        let place = seen.entry(entry.key.space().0).or_default();
        *place += 1;
        if entry.value.is_empty() || [0x05, 0x12, 0x04].contains(&entry.key.space().0) || *place > FIRST {
            continue;
        }
        let cut = entry.value.get(..entry.value.len() - 1).unwrap();
        put(&*store, acme, entry, Some(cut));
        assert!(checked(&world).damaged > 0, "{entry:?} cut short is not found");
        put(&*store, acme, entry, Some(&entry.value));
    }
}

#[test]
fn a_check_tells_the_first_damages_and_counts_all() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let world = World::on(Arc::clone(&store));
    let acme = world.acme.tenant().id;
    for number in 0..2 * limits::DAMAGES_TOLD {
        world.acme.contacts().create(&ada(&format!("c{number}@x.example"))).unwrap();
    }
    let unique = 0x11;
    for entry in world.stored(acme).iter().filter(|entry| entry.key.space().0 == unique) {
        put(&*store, acme, entry, None);
    }
    let found = checked(&world);
    assert_eq!(found.damages.len(), limits::DAMAGES_TOLD);
    assert!(found.damaged > 2 * u64::try_from(limits::DAMAGES_TOLD).unwrap() - 1);
    assert!(found.damages.iter().all(|damage| damage.can_be_rebuilt));
}

#[test]
fn rows_of_a_kind_that_there_is_not_are_found() {
    let (store, world) = history();
    let acme = world.acme.tenant().id;
    for (family, kind) in [(0x10, 0), (0x10, 99), (0x13, 255), (0x20, 11)] {
        let key = Key::new(Space(family)).byte(kind).bytes(&[1; 12]);
        let row = Entry { key, value: vec![1].into() };
        put(&*store, acme, &row, Some(&row.value));
        let found = checked(&world);
        assert_eq!(found.damaged, 1, "{found:?}");
        assert!(found.damages[0].what.contains("that there is not"), "{found:?}");
        put(&*store, acme, &row, None);
    }
}

//! The power fails under an engine: records, lists, totals, natural keys and feed still tell the same story, and no
//! acknowledged write is missing from it.

use std::sync::Arc;

use rally_core::{
    Atomicity, Config, ContactDraft, ContactUpdate, Engine, Session, TenantDraft, store::Store,
};
use rally_store_redb::{Options, RedbStore};
use rally_testkit::check_consistency;

use crate::{
    crash_backend::{CrashDisk, Image},
    support::options,
};

fn open(disk: &CrashDisk, options: &Options) -> (Engine, Arc<RedbStore>) {
    let store = Arc::new(RedbStore::with_backend(disk.backend(), options.clone()).unwrap());
    let (environment, _) = rally_testkit::environment(7);
    let shared: Arc<dyn Store> = store.clone();
    (Engine::with(shared, environment, Config::default()), store)
}

fn email(number: usize) -> String {
    format!("c{number}@x.example")
}

fn contact(number: usize) -> ContactDraft {
    ContactDraft::new("A", "B", email(number)).notes("x".repeat(1_500))
}

/// Creates, updates and deletes contacts, and closes a block of their list, noting each answer on the disk.
fn work(session: &Session, disk: &CrashDisk, store: &RedbStore) {
    let contacts = session.contacts();
    let acknowledge = || disk.acknowledge(session.last_change().unwrap().0);
    let many: Vec<ContactDraft> = (100..162).map(contact).collect();
    contacts.create_many(&many, Atomicity::AllOrNothing).unwrap();
    acknowledge();
    for number in 0..5 {
        if number % 2 == 1 {
            store.fold().unwrap();
        }
        let id = contacts.create(&contact(number)).unwrap().id;
        acknowledge();
        contacts.update(id, &ContactUpdate::new().email("other@x.example")).unwrap();
        acknowledge();
        if number % 2 == 0 {
            contacts.delete(id).unwrap();
        } else {
            contacts.update(id, &ContactUpdate::new().email(email(number))).unwrap();
        }
        acknowledge();
    }
}

fn check(image: &Image, options: &Options) {
    let (engine, _store) = open(&CrashDisk::from_image(&image.bytes), options);
    let session = engine.tenant("acme").unwrap().trusted_session("host").unwrap();
    let owed = image.acknowledged.last().copied().unwrap_or_default();
    let (last, _) = session.last_change().unwrap();
    assert!(last >= owed, "{}: change {owed} was acknowledged, {last} is the last", image.story);
    check_consistency(&session);
    session.contacts().create(&contact(7)).unwrap();
    check_consistency(&session);
}

#[test]
fn no_crash_loses_a_write_or_parts_records_from_their_lists_and_feed() {
    let options = options();
    let fresh = CrashDisk::new();
    let (engine, store) = open(&fresh, &options);
    engine.create_tenant(&TenantDraft::new("acme")).unwrap();
    drop((engine, store));
    let disk = CrashDisk::from_image(&fresh.synced_image());
    let (engine, store) = open(&disk, &options);
    work(&engine.tenant("acme").unwrap().trusted_session("host").unwrap(), &disk, &store);
    drop((engine, store));

    let mut images = 0;
    disk.visit_images(3, |image| {
        images += 1;
        check(&image, &options);
    });
    assert!(images > 100, "only {images} images");
}

//! Copies of a store, as it is and made anew.

use std::sync::Arc;

use rally_core::{
    Code, Config, CopyMode, Engine, Query, TenantParts,
    store::{Batch, Commit, MemoryStore, Store},
};
use rally_testkit::check_consistency;

use crate::{formats, support::World};

fn history() -> (Arc<dyn Store>, World) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    (Arc::clone(&store), formats::history(store))
}

fn anew() -> Engine {
    let (environment, clock) = rally_testkit::environment(9);
    clock.advance(3_600_000_000);
    Engine::with(Arc::new(MemoryStore::new()), environment, Config::default())
}

fn digest(engine: &Engine) -> String {
    engine.export_tenant("acme", std::io::sink(), TenantParts::ALL).unwrap().digest
}

#[test]
fn an_exact_copy_has_the_same_rows() {
    let (_, world) = history();
    let copy = anew();
    let mut told = Vec::new();
    assert_eq!(
        world.engine.copy_to(&copy, CopyMode::Exact, &mut |slug| told.push(slug.to_owned())).unwrap(),
        1
    );
    assert_eq!(told, ["acme"]);
    assert_eq!(digest(&copy), digest(&world.engine));
    assert!(copy.signing_secrets().unwrap() == world.engine.signing_secrets().unwrap());
    assert_eq!(copy.check_store(&mut |_, _| ()).unwrap().damages, []);
    let error = world.engine.copy_to(&copy, CopyMode::Exact, &mut |_| ()).unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "it is never put over tenants");
}

#[test]
fn all_that_is_derived_is_made_anew_whatever_of_it_is_missing() {
    let derived = [0x02, 0x03, 0x04, 0x08, 0x09, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x31];
    for missing in derived.map(|family| vec![family]).into_iter().chain([derived.to_vec(), Vec::new()]) {
        let (store, world) = history();
        let acme = world.acme.tenant().id;
        let contacts = world.acme.contacts().list(Query::all()).unwrap().records;
        let deals = world.acme.deals().list(Query::all()).unwrap().records;
        let mut batch = Batch::new();
        for entry in world.stored(acme).iter().filter(|entry| missing.contains(&entry.key.space().0)) {
            batch.delete(entry.key.clone());
        }
        assert_eq!(store.write(acme, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
        let repaired = anew();
        world.engine.copy_to(&repaired, CopyMode::Rebuilt, &mut |_| ()).unwrap();
        assert_eq!(repaired.check_store(&mut |_, _| ()).unwrap().damages, [], "{missing:?}");
        let acme = repaired.tenant("acme").unwrap().trusted_session("test").unwrap();
        assert_eq!(acme.contacts().list(Query::all().counted()).unwrap().records, contacts);
        assert_eq!(acme.deals().list(Query::all()).unwrap().records, deals);
        let last = acme.last_change().unwrap();
        let again = acme.contacts().create(&crate::support::ada("new@x.example")).unwrap();
        assert!(!contacts.iter().any(|contact| contact.id == again.id));
        assert_eq!(acme.last_change().unwrap().0, last.0 + 1);
        acme.contacts().delete(contacts[5].id).unwrap();
        assert_eq!(repaired.check_store(&mut |_, _| ()).unwrap().damages, [], "{missing:?}");
    }
}

#[test]
fn what_is_derived_from_nothing_must_be_readable() {
    let (store, world) = history();
    let acme = world.acme.tenant().id;
    let record = 0x10;
    let entry = world.stored(acme).into_iter().find(|entry| entry.key.space().0 == record).unwrap();
    let mut batch = Batch::new();
    batch.put(entry.key, vec![5, 1, 9]);
    assert_eq!(store.write(acme, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    let repaired = anew();
    let error = world.engine.copy_to(&repaired, CopyMode::Rebuilt, &mut |_| ()).unwrap_err();
    assert_eq!(error.code(), Code::Internal);
    assert!(repaired.tenants().unwrap().is_empty());
}

#[test]
fn a_store_without_deletions_is_rebuilt_row_by_row_as_it_was() {
    let world = World::new();
    for number in 0..200 {
        world.add(&format!("c{number}@x.example"));
    }
    let repaired = anew();
    world.engine.copy_to(&repaired, CopyMode::Rebuilt, &mut |_| ()).unwrap();
    assert_eq!(digest(&repaired), digest(&world.engine));
    let acme = repaired.tenant("acme").unwrap().trusted_session("test").unwrap();
    check_consistency(&acme);
}

//! The cost of each verb, counted in what the store is asked and in the keys that it changes, never in time.

use std::sync::Arc;

use rally_core::{
    ActivityDraft, ActivityType, Atomicity, CompanyDraft, Contact, ContactDraft, ContactUpdate, Deal, Id,
    LifecycleStage, UserDraft, store::MemoryStore,
};
use rally_testkit::CountingStore;

use crate::support::World;

/// A tenant in the middle of its work: records of every kind, so that no verb is the first of anything.
struct Busy {
    store: Arc<CountingStore>,
    world: World,
    contacts: Vec<Id<Contact>>,
    deal: Id<Deal>,
}

impl Busy {
    fn new() -> Self {
        let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        let contacts = (0..70).map(|number| world.acme.contacts().create(&full(&world, number)).unwrap().id);
        let contacts = contacts.collect();
        let deal = world.acme.deals().create(&world.lead("Loom")).unwrap().id;
        world.acme.activities().create(&ActivityDraft::new(ActivityType::Note, "Ask").deal_id(deal)).unwrap();
        Self { store, world, contacts, deal }
    }

    /// The reads of the store's, scans and their entries apart, and the keys changed.
    fn cost(&self, work: impl FnOnce(&World)) -> String {
        self.store.reset();
        work(&self.world);
        let counts = self.store.counts();
        let reads = counts.gets + counts.keys_asked;
        format!("{reads} read, {} scans of {}, {} changed", counts.scans, counts.entries, counts.changes)
    }
}

/// A contact with a value in every index.
fn full(world: &World, number: usize) -> ContactDraft {
    let companies = world.acme.companies();
    let company = companies.find("looms.example").unwrap().map(|company| company.id);
    let company = company
        .unwrap_or_else(|| companies.create(&CompanyDraft::new("Looms").domain("looms.example")).unwrap().id);
    let users = world.acme.users();
    let owner = users.find("o@x.example").unwrap().map(|user| user.id);
    let owner = owner.unwrap_or_else(|| users.create(&UserDraft::new("o@x.example", "Olga")).unwrap().id);
    ContactDraft::new("Ada", "Lovelace", format!("c{number}@x.example"))
        .company_id(company)
        .owner_id(owner)
        .lead_source("web")
        .tags(["a", "b"])
}

#[test]
fn each_verb_asks_and_changes_as_much_as_it_must() {
    let busy = Busy::new();
    let some: Vec<ContactDraft> = (100..200).map(|number| full(&busy.world, number)).collect();
    let one = full(&busy.world, 99);
    let (id, loom, qualified) = (busy.contacts[69], busy.world.lead("Loom"), busy.world.stage("Qualified"));
    let told = [
        ("create", busy.cost(|world| drop(world.acme.contacts().create(&one).unwrap()))),
        (
            "bulk of 100",
            busy.cost(|world| {
                drop(world.acme.contacts().create_many(&some, Atomicity::AllOrNothing).unwrap());
            }),
        ),
        (
            "update",
            busy.cost(|world| {
                drop(world.acme.contacts().update(id, &ContactUpdate::new().phone("1")).unwrap());
            }),
        ),
        (
            "update of an index",
            busy.cost(|world| {
                let customer = ContactUpdate::new().lifecycle_stage(LifecycleStage::Customer);
                drop(world.acme.contacts().update(id, &customer).unwrap());
            }),
        ),
        ("upsert", busy.cost(|world| drop(world.acme.contacts().upsert(&one.clone().phone("2")).unwrap()))),
        (
            "no change",
            busy.cost(|world| drop(world.acme.contacts().upsert(&one.clone().phone("2")).unwrap())),
        ),
        ("delete", busy.cost(|world| world.acme.contacts().delete(id).unwrap())),
        ("deal", busy.cost(|world| drop(world.acme.deals().create(&loom).unwrap()))),
        ("move", busy.cost(|world| drop(world.acme.deals().move_to(busy.deal, qualified).unwrap()))),
        (
            "activity",
            busy.cost(|world| {
                let note = ActivityDraft::new(ActivityType::Note, "Ask").deal_id(busy.deal);
                drop(world.acme.activities().create(&note).unwrap());
            }),
        ),
    ];
    let told: Vec<String> = told.iter().map(|(verb, cost)| format!("{verb}: {cost}")).collect();
    insta::assert_snapshot!(told.join("\n"), @"
    create: 11 read, 0 scans of 0, 14 changed
    bulk of 100: 308 read, 0 scans of 0, 610 changed
    update: 3 read, 1 scans of 1, 8 changed
    update of an index: 5 read, 0 scans of 0, 9 changed
    upsert: 5 read, 1 scans of 1, 8 changed
    no change: 4 read, 0 scans of 0, 0 changed
    delete: 12 read, 2 scans of 0, 18 changed
    deal: 10 read, 0 scans of 0, 11 changed
    move: 10 read, 0 scans of 0, 10 changed
    activity: 7 read, 0 scans of 0, 10 changed
    ");
}

//! The number of a record stands in its id, and an id that only looks like one of the tenant's leads nowhere.

use rally_core::{
    ActivityDraft, ActivityType, CompanyDraft, Contact, ContactUpdate, DealDraft, Id, Query, TenantDraft,
};
use uuid::Uuid;

use crate::support::{World, ada};

/// Ids that differ from one in a bit of the instant, or of what is drawn at random, but not in the number.
fn lookalikes(id: Uuid) -> Vec<Uuid> {
    [0, 21, 64, 80, 127].map(|bit| Uuid::from_u128(id.as_u128() ^ 1 << bit)).to_vec()
}

#[test]
fn an_id_that_has_anothers_number_is_no_ones() {
    let world = World::new();
    let acme = &world.acme;
    let company = acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    let contact = acme.contacts().create(&ada("a@x.example").company_id(company)).unwrap().id;
    for id in lookalikes(contact.as_uuid()).into_iter().map(Id::from_uuid) {
        assert!(acme.contacts().get(id).unwrap_err().is_not_found());
        let update = ContactUpdate::new().phone("1");
        assert!(world.refused(|| acme.contacts().update(id, &update)).is_not_found());
        assert!(world.refused(|| acme.contacts().delete(id)).is_not_found());
        let note = ActivityDraft::new(ActivityType::Note, "Ask").contact_id(id);
        assert!(world.refused(|| acme.activities().create(&note)).is_invalid());
    }
    for id in lookalikes(company.as_uuid()).into_iter().map(Id::from_uuid) {
        assert_eq!(acme.contacts().count(Contact::COMPANY_ID.is(id)).unwrap(), 0);
        let draft = ada("b@x.example").company_id(id);
        assert!(world.refused(|| acme.contacts().create(&draft)).is_invalid());
        let deal = DealDraft::new(world.pipeline().id, world.stage("Lead"), "Loom").company_id(id);
        assert!(world.refused(|| acme.deals().create(&deal)).is_invalid());
    }
}

#[test]
fn numbers_count_the_records_of_a_kind_and_are_not_given_again() {
    let world = World::new();
    let number = |id: Id<Contact>| id.as_uuid().as_u128() >> 22 & ((1 << 40) - 1);
    let first: Vec<_> = ["a", "b", "c"].map(|name| world.add(&format!("{name}@x.example"))).to_vec();
    assert_eq!(first.iter().map(|id| number(*id)).collect::<Vec<_>>(), [0, 1, 2]);
    world.acme.contacts().delete(first[2]).unwrap();
    world.refused(|| world.acme.contacts().create(&ada("a@x.example")));
    assert_eq!(number(world.add("d@x.example")), 3);
    let other =
        world.engine.create_tenant(&TenantDraft::new("looms")).unwrap().trusted_session("host").unwrap();
    assert_eq!(number(other.contacts().create(&ada("a@x.example")).unwrap().id), 0);
}

#[test]
fn a_list_goes_on_behind_any_id_there_is() {
    let world = World::new();
    let mut ids = Vec::new();
    for number in 0..40 {
        world.clock.advance(1_000_000);
        ids.push(world.add(&format!("c{number}@x.example")));
    }
    let gone = [0, 7, 8, 20, 38, 39];
    for number in gone {
        world.acme.contacts().delete(ids[number]).unwrap();
    }
    let mut anchors: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
    // Ids of other tenants and of no version 7, with numbers of their own, and those that nearly are this tenant's.
    anchors.extend(ids.iter().flat_map(|id| lookalikes(id.as_uuid())));
    anchors.extend(ids.iter().map(|id| Uuid::from_u128(id.as_u128_with_number(3))));
    anchors.extend([Uuid::nil(), Uuid::max(), Uuid::from_u128(7 << 100)]);
    let left =
        || ids.iter().copied().enumerate().filter(|(number, _)| !gone.contains(number)).map(|(_, id)| id);
    for anchor in anchors {
        let behind: Vec<Id<Contact>> = left().filter(|id| id.as_uuid() > anchor).collect();
        for (offset, counted) in [(0, false), (0, true), (1, false), (5, true)] {
            let query = Query::all().after(Id::from_uuid(anchor)).offset(offset).limit(10);
            let query = if counted { query.counted() } else { query };
            let found = world.acme.contacts().list(query).unwrap().records;
            let found: Vec<Id<Contact>> = found.iter().map(|contact| contact.id).collect();
            let skipped = usize::try_from(offset).unwrap();
            let expected: Vec<_> = behind.iter().copied().skip(skipped).take(10).collect();
            assert_eq!(found, expected, "{anchor} {offset}");
            let filter = Query::from(Contact::LIFECYCLE_STAGE.is(rally_core::LifecycleStage::Lead));
            let filtered = filter.after(Id::from_uuid(anchor)).offset(offset).limit(10);
            let filtered = if counted { filtered.counted() } else { filtered };
            let found = world.acme.contacts().list(filtered).unwrap().records;
            assert_eq!(
                found.iter().map(|contact| contact.id).collect::<Vec<_>>(),
                expected,
                "{anchor} {offset}"
            );
        }
    }
}

trait WithNumber {
    fn as_u128_with_number(&self, number: u128) -> u128;
}

impl WithNumber for Id<Contact> {
    fn as_u128_with_number(&self, number: u128) -> u128 {
        self.as_uuid().as_u128() & !(((1 << 40) - 1) << 22) | number << 22
    }
}

//! Views: everything read through one is of one moment, and a walk over a list needs no more than a page at a time.

use std::{fmt::Debug, sync::Arc};

use rally_core::{
    ApiKeyDraft, Atomicity, AuditEntry, Code, CompanyDraft, CompanyUpdate, Contact, ContactDraft,
    ContactUpdate, Deal, DealDraft, DealStatus, Error, FeedPosition, Id, LifecycleStage, Query, Scope,
    Timestamp, View, store::MemoryStore,
};
use rally_testkit::{CountingStore, FaultyStore, ReadFault};

use crate::support::{World, changes_after, tenant};

const MANY: usize = 1_050;
const PAGE: usize = 100;

/// Walks a list to its end.
fn whole<T>(walk: impl Iterator<Item = Result<T, Error>>) -> Vec<T> {
    walk.map(Result::unwrap).collect()
}

/// Adds so many contacts, every seventh a customer, and changes every third, the newest first.
fn fill(world: &World, count: usize) -> Vec<Id<Contact>> {
    let contacts = world.acme.contacts();
    let draft = |number: usize| {
        let is_customer = number.is_multiple_of(7);
        let stage = if is_customer { LifecycleStage::Customer } else { LifecycleStage::Lead };
        let first_name = if number.is_multiple_of(5) { "Bea" } else { "Ada" };
        ContactDraft::new(first_name, "Lovelace", format!("c{number}@x.example")).lifecycle_stage(stage)
    };
    let drafts: Vec<ContactDraft> = (0..count).map(draft).collect();
    let create = |some| contacts.create_many(some, Atomicity::AllOrNothing).unwrap().items;
    let ids: Vec<_> = drafts.chunks(100).flat_map(create).map(Result::unwrap).collect();
    for id in ids.iter().rev().step_by(3) {
        world.clock.advance(10);
        contacts.update(*id, &ContactUpdate::new().phone("1")).unwrap();
    }
    ids
}

/// The customers among contacts.
fn customers() -> Query<Contact> {
    Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer).into()
}

/// The answers of each way of reading at a moment, under the name of the way.
fn told(view: &View<'_>, ada: Id<Contact>, deal: Id<Deal>, since: Timestamp) -> Vec<(&'static str, String)> {
    let contacts = view.contacts();
    let deals = |query: Query<Deal>| whole(view.deals().all(query).unwrap());
    vec![
        ("get", format!("{:?}", contacts.get(ada))),
        ("find", format!("{:?}", contacts.find("ADA@x.example"))),
        ("get with what is joined", format!("{:?}", view.deals().get(deal))),
        ("page", format!("{:?}", contacts.page(Query::all().limit(2).offset(1).counted()))),
        ("filtered page", format!("{:?}", contacts.page(customers().counted()))),
        ("count", format!("{:?}", contacts.count(Query::all()))),
        ("filtered count", format!("{:?}", contacts.count(customers()))),
        ("all", format!("{:?}", whole(contacts.all(Query::all()).unwrap()))),
        ("filtered all", format!("{:?}", whole(contacts.all(customers()).unwrap()))),
        (
            "all by last change",
            format!("{:?}", whole(contacts.all(Query::all().updated_since(since)).unwrap())),
        ),
        ("search", format!("{:?}", whole(contacts.all(Query::all().search("ada")).unwrap()))),
        ("all deals", format!("{:?}", deals(Query::all()))),
        ("won deals", format!("{:?}", deals(Deal::STATUS.is(DealStatus::Won).into()))),
        ("changes", format!("{:?}", whole(view.changes(FeedPosition::START).unwrap()))),
        ("last change", format!("{:?}", view.last_change())),
    ]
}

#[test]
fn everything_read_through_a_view_is_of_one_moment_while_writes_go_on() {
    let world = World::new();
    let acme = &world.acme;
    let (first, other) = (world.add("ada@x.example"), world.add("bob@x.example"));
    let company = acme.companies().create(&CompanyDraft::new("Looms")).unwrap().id;
    let deal = acme.deals().create(&world.lead("Deal").company_id(company)).unwrap().id;
    let since = acme.last_change().unwrap().1;
    acme.contacts().update(other, &ContactUpdate::new().phone("1")).unwrap();
    let view = acme.view().unwrap();
    let before = told(&view, first, deal, since);
    let update = ContactUpdate::new().email("eda@x.example").lifecycle_stage(LifecycleStage::Customer);
    acme.contacts().update(first, &update.first_name("Eda")).unwrap();
    acme.contacts().delete(other).unwrap();
    world.add("late@x.example");
    world.add("later@x.example");
    acme.companies().update(company, &CompanyUpdate::new().name("Mills")).unwrap();
    acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    assert_eq!(told(&view, first, deal, since), before);
    let after = told(&acme.view().unwrap(), first, deal, since);
    for ((way, before), (_, after)) in before.iter().zip(&after) {
        assert_ne!(before, after, "{way}");
    }
}

#[test]
fn a_walk_that_has_begun_goes_on_as_if_nothing_had_changed() {
    let world = World::new();
    let ids = fill(&world, 250);
    let view = world.acme.view().unwrap();
    let (contacts, everyone) = (view.contacts(), || Query::all().updated_since(Timestamp::MIN));
    let expected: [Vec<Contact>; 3] =
        [Query::all(), customers(), everyone()].map(|query| whole(contacts.all(query).unwrap()));
    let mut walks = [Query::all(), customers(), everyone()].map(|query| contacts.all(query).unwrap());
    let mut seen: [Vec<Contact>; 3] = walks.each_mut().map(|walk| whole(walk.take(10)));
    for id in &ids {
        world.acme.contacts().delete(*id).unwrap();
    }
    world.add("late@x.example");
    for (seen, walk) in seen.iter_mut().zip(walks) {
        seen.extend(whole(walk));
    }
    assert_eq!(seen, expected);
    assert_eq!(expected.map(|contacts| contacts.len()), [250, 36, 250]);
}

#[test]
fn a_walk_answers_each_of_very_many_records_once_and_in_order() {
    let world = World::new();
    let ids = fill(&world, MANY);
    let view = world.acme.view().unwrap();
    let walk = |query| whole(view.contacts().all(query).unwrap());
    let of = |contacts: Vec<Contact>| contacts.into_iter().map(|contact| contact.id).collect::<Vec<_>>();
    let everyone = walk(Query::all());
    assert_eq!(of(everyone.clone()), ids);
    let are = |is: fn(&Contact) -> bool| of(everyone.iter().filter(|contact| is(contact)).cloned().collect());
    let is_customer = |contact: &Contact| contact.lifecycle_stage == LifecycleStage::Customer;
    assert_eq!(of(walk(customers())), are(is_customer));
    assert_eq!(of(walk(Query::all().search("BEA"))), are(|contact| contact.first_name == "Bea"));
    let both = customers().search("bea");
    let is_both = |contact: &Contact| is_customer(contact) && contact.first_name == "Bea";
    assert_eq!(of(walk(both)), of(everyone.iter().filter(|contact| is_both(contact)).cloned().collect()));
    let rows: Vec<_> = whole(view.contacts().rows().all(Query::all()).unwrap());
    assert_eq!(rows.iter().map(|row| row.read().unwrap()).collect::<Vec<_>>(), everyone);
}

#[test]
fn a_walk_behind_an_instant_is_in_the_order_of_the_changes_filtered_or_not() {
    let world = World::new();
    fill(&world, 350);
    let view = world.acme.view().unwrap();
    let mut everyone = whole(view.contacts().all(Query::all()).unwrap());
    everyone.sort_by_key(|contact| contact.updated_at);
    for place in [0, 1, 99, 100, 233, 234, 300, 348, 349] {
        let since = everyone[place].updated_at;
        let walk = |query: Query<Contact>| whole(view.contacts().all(query.updated_since(since)).unwrap());
        assert_eq!(walk(Query::all()), everyone[place + 1..], "{place}");
        let is_customer = |contact: &&Contact| contact.lifecycle_stage == LifecycleStage::Customer;
        let expected: Vec<Contact> = everyone[place + 1..].iter().filter(is_customer).cloned().collect();
        assert_eq!(walk(customers()), expected, "{place}");
        let expected: Vec<Contact> =
            expected.into_iter().filter(|contact| contact.first_name == "Bea").collect();
        assert_eq!(walk(customers().search("bea")), expected, "{place}");
    }
}

#[test]
fn the_feed_of_a_view_has_each_change_once_and_in_order() {
    let world = World::new();
    fill(&world, MANY);
    let view = world.acme.view().unwrap();
    world.add("late@x.example");
    let changes = whole(view.changes(FeedPosition::START).unwrap());
    let numbers: Vec<u64> = changes.iter().map(|change| change.id).collect();
    let last = view.last_change().unwrap();
    assert_eq!(numbers, (1..=last.0).collect::<Vec<u64>>());
    assert!(changes.is_sorted_by(|one, next| one.changed_at < next.changed_at));
    assert_eq!(changes[changes.len() - 1].changed_at, last.1);
    let behind = whole(view.changes(FeedPosition::Since(changes[700].changed_at)).unwrap());
    assert_eq!(behind, changes[701..]);
    assert_eq!(changes_after(&world.acme, last.0).len(), 1);
}

/// Walks with a fault at each read in turn: what was walked is the beginning of the whole, then comes one error, and then
/// nothing.
fn check_faults<'v, T: PartialEq + Debug>(
    store: &FaultyStore,
    fault: ReadFault,
    code: Code,
    begin: impl Fn() -> Result<Box<dyn Iterator<Item = Result<T, Error>> + 'v>, Error>,
) {
    let expected = whole(begin().unwrap());
    for number in 0.. {
        store.fail_read(number, fault);
        let begun = begin();
        let mut seen = Vec::new();
        let error = match begun {
            Err(error) => Some(error),
            Ok(mut walk) => {
                let error = walk.by_ref().find_map(|record| record.map(|record| seen.push(record)).err());
                store.heal();
                assert!(error.is_none() || walk.by_ref().take(3).next().is_none(), "{number}");
                error
            }
        };
        store.heal();
        assert_eq!(seen, expected[..seen.len()], "{number}");
        match error {
            Some(error) => assert_eq!(error.code(), code, "{number}"),
            None => {
                assert!(number > 2 && seen.len() == expected.len(), "{number}");
                return;
            }
        }
    }
}

#[test]
fn a_walk_ends_after_an_error() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    fill(&world, 250);
    let view = world.acme.view().unwrap();
    for (fault, code) in [(ReadFault::Unavailable, Code::Unavailable), (ReadFault::Corrupt, Code::Internal)] {
        for query in [
            Query::all(),
            customers(),
            Query::all().search("bea"),
            customers().search("bea"),
            Query::all().updated_since(Timestamp::MIN),
            customers().updated_since(Timestamp::MIN),
        ] {
            check_faults(&store, fault, code, || Ok(Box::new(view.contacts().all(query.clone())?)));
        }
        check_faults(&store, fault, code, || Ok(Box::new(view.changes(FeedPosition::START)?)));
    }
}

#[test]
fn a_walk_asks_for_no_more_than_a_page_at_a_time() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    fill(&world, MANY);
    let view = world.acme.view().unwrap();
    for (query, is_by_change) in [
        (Query::all(), false),
        (customers(), false),
        (Query::all().search("ada"), false),
        (Query::all().updated_since(Timestamp::MIN), true),
        (customers().updated_since(Timestamp::MIN), true),
    ] {
        store.reset();
        let mut walk = view.contacts().all(query.clone()).unwrap();
        let (mut before, mut found) = (store.counts(), 0);
        let begun = before;
        loop {
            let next = walk.next().transpose().unwrap();
            let counts = store.counts();
            let records = counts.keys_asked - before.keys_asked;
            assert!(records <= PAGE * (counts.get_manys - before.get_manys), "{query:?} {counts:?}");
            if is_by_change {
                // A page of entries, and a part of the list that has half as many records again at most.
                assert!(counts.entries - before.entries <= 2 * PAGE + PAGE / 2, "{query:?}");
            } else {
                assert!(records <= PAGE, "{query:?} asks for {records} records at once");
            }
            before = counts;
            if next.is_none() {
                break;
            }
            found += 1;
        }
        let all = store.counts();
        assert!(found >= PAGE, "{query:?}");
        // Each record is read once, by its key or with a part of the list that has half as many others at most, and an entry
        // that leads to it once.
        let most = 2 * MANY + MANY / 2 + PAGE;
        assert!(all.keys_asked <= MANY && all.keys_asked + all.entries <= most, "{query:?} {all:?}");
        assert_eq!((all.snapshots, all.gets), (0, begun.gets), "{query:?}");
    }
}

#[test]
fn a_walk_that_is_given_up_has_read_no_more_than_a_page() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    fill(&world, MANY);
    let view = world.acme.view().unwrap();
    for (query, entries, records) in [
        (Query::all(), PAGE, 0),
        (customers(), 256, PAGE),
        (Query::all().updated_since(Timestamp::MIN), 2 * PAGE + PAGE / 2, 0),
    ] {
        store.reset();
        view.contacts().all(query.clone()).unwrap().next().unwrap().unwrap();
        let counts = store.counts();
        assert!(counts.entries <= entries && counts.keys_asked <= records, "{query:?} {counts:?}");
    }
    store.reset();
    view.changes(FeedPosition::START).unwrap().next().unwrap().unwrap();
    assert!(store.counts().entries <= 1_000, "{:?}", store.counts());
}

#[test]
fn what_a_scope_is_too_small_for_is_forbidden_however_it_is_read() {
    let world = World::new();
    let key = world.acme.api_keys().mint(&ApiKeyDraft::new("robot")).unwrap().model.id;
    let entry = world.acme.audit().list(Query::all()).unwrap().records[0].id;
    let writer = world.acme.clone().limited_to(Scope::Write);
    let view = writer.view().unwrap();
    let (keys, audit) = (view.api_keys(), view.audit());
    let refused = [
        keys.get(key).unwrap_err(),
        keys.page(Query::all()).unwrap_err(),
        keys.count(Query::all()).unwrap_err(),
        keys.all(Query::all()).unwrap_err(),
        keys.rows().get(key).unwrap_err(),
        keys.rows().page(&Query::all().into()).unwrap_err(),
        keys.rows().all(Query::all()).unwrap_err(),
        audit.get(entry).unwrap_err(),
        audit.page(Query::all()).unwrap_err(),
        audit.count(AuditEntry::ACTOR.is("host")).unwrap_err(),
        audit.all(Query::all()).unwrap_err(),
    ];
    for error in refused {
        assert_eq!((error.code(), error.required_scope()), (Code::Forbidden, Some(Scope::Admin)));
    }
    let reader = world.acme.clone().limited_to(Scope::Read);
    let view = reader.view().unwrap();
    assert_eq!(whole(view.users().all(Query::all()).unwrap()), []);
    assert_eq!(whole(view.changes(FeedPosition::START).unwrap()), []);
    assert!(view.contacts().find("ada@x.example").unwrap().is_none());
}

#[test]
fn a_view_is_of_its_tenant_alone() {
    let world = World::new();
    let other = tenant(&world.engine, "other");
    let id = world.add("ada@x.example");
    let view = other.view().unwrap();
    assert_eq!(view.tenant(), other.tenant());
    assert!(view.contacts().get(id).unwrap_err().is_not_found());
    assert!(view.contacts().find("ada@x.example").unwrap().is_none());
    assert_eq!(view.contacts().count(Query::all()).unwrap(), 0);
    assert_eq!(whole(view.contacts().all(Query::all()).unwrap()), []);
    assert_eq!(whole(view.changes(FeedPosition::START).unwrap()), []);
    let pipeline = view.pipelines().default().unwrap();
    let deal = DealDraft::new(pipeline.id, pipeline.stages[0].id, "Deal").contact_id(id);
    assert_eq!(other.deals().create(&deal).unwrap_err().code(), Code::BadReference);
}

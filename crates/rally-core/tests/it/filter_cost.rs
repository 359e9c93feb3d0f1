//! The cost of a filtered list is counted in what the store is asked for, never in time.

use std::sync::Arc;

use rally_core::{
    Atomicity, CompanyDraft, Contact, ContactDraft, ContactUpdate, LifecycleStage, ListQuery, Query,
    Timestamp, store::MemoryStore,
};
use rally_testkit::CountingStore;

use crate::support::World;

/// Entries that the store reads for a list of few, at the most.
const MOST: usize = 500;
const CONTACTS: usize = 5_000;
/// The number of contacts with one of the values that few have.
const FEW: usize = 5;

/// A world of many contacts, the values that only a few of them have spread over all of them.
fn world_of_many() -> (Arc<CountingStore>, World) {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let company = world.acme.companies().create(&CompanyDraft::new("Rare")).unwrap().id;
    let contact = |number: usize| {
        let is_rare = number % (CONTACTS / FEW) == 500;
        let last_name = if is_rare { "Rare" } else { "Lovelace" };
        ContactDraft::new("Ada", last_name, format!("c{number}@x.example"))
            .lead_source(if is_rare { "rare" } else { "web" })
            .tags(if is_rare { vec!["common", "rare"] } else { vec!["common"] })
            .company_id(if is_rare { Some(company) } else { None })
    };
    for start in (0..CONTACTS).step_by(100) {
        let drafts: Vec<ContactDraft> = (start..start + 100).map(contact).collect();
        world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
    (store, world)
}

/// The store's reads for a list, and the number of records that it finds in all.
fn cost(store: &CountingStore, world: &World, query: &ListQuery<Contact>) -> (usize, usize) {
    store.reset();
    let page = world.acme.contacts().list(query.clone()).unwrap();
    let counts = store.counts();
    (counts.entries + counts.keys_asked + counts.gets, page.records.len())
}

type Part = fn(Query<Contact>) -> ListQuery<Contact>;

/// Ways to ask for a page of a list that few records are in, and how many of five each gives.
const PAGES: [(Part, usize); 5] = [
    (|query| query.into(), 5),
    (|query| query.limit(1), 1),
    (|query| query.limit(100).counted(), 5),
    (|query| query.offset(3), 2),
    (|query| query.offset(1_000_000).limit(1).counted(), 0),
];

/// A question of which most records are an answer.
type Common = fn(Query<Contact>) -> Query<Contact>;

const COMMON: [Common; 4] = [
    |query| query,
    |query| query.filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)),
    |query| query.updated_since(Timestamp::MIN),
    |query| query.updated_since(Timestamp::MIN).filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)),
];

/// The same with a search; none of the rare contacts is found by the last one.
const SEARCHED: [(Common, bool); 3] = [
    (|query| query.search("ada"), true),
    (|query| query.filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead)).search("ada"), true),
    (|query| query.updated_since(Timestamp::MIN).search("ada l"), false),
];

#[test]
fn a_list_of_few_among_many_reads_few_whatever_else_is_asked() {
    let (store, world) = world_of_many();
    let company = world.acme.companies().list(Query::all()).unwrap().records[0].id;
    let filters =
        || [Contact::LEAD_SOURCE.is("rare"), Contact::TAG.is("rare"), Contact::COMPANY_ID.is(company)];
    let rare = || filters().map(Query::from);
    let searched =
        rare().into_iter().flat_map(|rare| SEARCHED.map(|(more, are_found)| (more(rare.clone()), are_found)));
    let plain = rare().into_iter().chain([Query::all().search("rare")]);
    let plain = plain.flat_map(|rare| COMMON.map(|more| (more(rare.clone()), true)));
    for (query, are_found) in plain.chain(searched) {
        for (page, found) in PAGES {
            let list = page(query.clone());
            let (read, rows) = cost(&store, &world, &list);
            assert_eq!(rows, if are_found { found } else { 0 }, "{list:?}");
            assert!(read <= MOST, "{list:?} reads {read} entries");
        }
    }
    let both = Contact::TAG.is("common").and(Contact::LEAD_SOURCE.is("rare"));
    let (read, rows) = cost(&store, &world, &both.and(Contact::EMAIL.is("c1500@x.example")).into());
    assert!(rows == 1 && read <= MOST, "{rows} rows for {read} entries");
}

#[test]
fn a_list_of_what_changed_lately_reads_what_changed_lately() {
    let (store, world) = world_of_many();
    let (_, since) = world.acme.last_change().unwrap();
    let page = world.acme.contacts().list(Query::all().offset(2_000).limit(7)).unwrap();
    for contact in &page.records {
        world.acme.contacts().update(contact.id, &ContactUpdate::new().notes("x")).unwrap();
    }
    for common in [
        Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead).into(),
        Contact::TAG.is("common").into(),
        Contact::LEAD_SOURCE.is("web").into(),
        Query::all().search("ada"),
    ] {
        for count in [true, false] {
            let list = ListQuery { count, ..common.clone().updated_since(since).into() };
            let (read, rows) = cost(&store, &world, &list);
            assert_eq!(rows, 7, "{list:?}");
            assert!(read <= MOST, "{list:?} reads {read} entries");
        }
    }
}

#[test]
fn a_page_of_many_reads_no_more_than_it_shows() {
    let (store, world) = world_of_many();
    let lead = || Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead);
    for list in [
        lead().into(),
        lead().and(Contact::TAG.is("common")).into(),
        Query::from(Contact::TAG.is("common")).limit(1),
    ] {
        let (read, _) = cost(&store, &world, &list);
        assert!(read <= MOST, "{list:?} reads {read} entries");
    }
    let first = world.acme.contacts().list(Query::all()).unwrap();
    assert_eq!(first.records[0].tags.join(","), "common");
}

#[test]
fn a_name_that_very_many_have_leads_to_the_same_page_whether_it_is_counted_or_not() {
    let world = World::new();
    for first in (0..12_000).step_by(100) {
        let contact = |number| {
            let first_name = if number % 50 == 3 { "Bea" } else { "Ada" };
            let is_customer = number % 7 == 0;
            let stage = if is_customer { LifecycleStage::Customer } else { LifecycleStage::Lead };
            ContactDraft::new(first_name, "Lovelace", format!("c{number}@x.example")).lifecycle_stage(stage)
        };
        let drafts: Vec<ContactDraft> = (first..first + 100).map(contact).collect();
        world.acme.contacts().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
    let ids = |query: ListQuery<Contact>| {
        let page = world.acme.contacts().list(query).unwrap();
        (page.records.iter().map(|contact| contact.id).collect::<Vec<_>>(), page.has_more)
    };
    let (all, view) = (Query::all().search("ADA"), world.acme.view().unwrap());
    for query in [all.clone(), all.filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer))] {
        let walked: Vec<Contact> = view.contacts().all(query.clone()).unwrap().map(Result::unwrap).collect();
        let is_found = walked.iter().all(|contact| contact.first_name == "Ada");
        let count = world.acme.contacts().count(query.clone()).unwrap();
        assert!(is_found && walked.is_sorted_by(|one, next| one.id < next.id));
        assert_eq!(u64::try_from(walked.len()).unwrap(), count);
        for offset in [0, 7, 150] {
            let page = query.clone().limit(10).offset(offset);
            let (found, has_more) = ids(page.clone());
            assert_eq!((found.len(), has_more), (10, true), "{offset}");
            assert_eq!((found, has_more), ids(page.counted()), "{offset}");
        }
    }
}

//! References to a record that is deleted.

use std::sync::Arc;

use rally_core::{
    Activity, ActivityDraft, ActivityType, Atomicity, Code, Collection, Company, CompanyDraft, Config,
    Contact, ContactUpdate, Deal, DealUpdate, FeedPosition, FeedQuery, Id, Kind, Query, Session, User,
    UserDraft, WriteOptions, limits,
    schema::{Creatable, Resource},
    store::MemoryStore,
};
use rally_testkit::{CountingStore, FaultyStore, WriteFault};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, ada, changes_after, once, report, tenant, value};

fn note() -> ActivityDraft {
    ActivityDraft::new(ActivityType::Note, "Hello")
}

/// A company, a user, a contact, a deal and an activity, each naming all that it can.
struct Web {
    world: World,
    company: Id<Company>,
    user: Id<User>,
    contact: Id<Contact>,
    deal: Id<Deal>,
    activity: Id<Activity>,
}

impl Web {
    fn new() -> Self {
        Self::in_a(World::new())
    }

    fn in_a(world: World) -> Self {
        let acme = &world.acme;
        let user = acme.users().create(&UserDraft::new("o@x.example", "Olga")).unwrap().id;
        let company = acme.companies().create(&CompanyDraft::new("Acme").owner_id(user)).unwrap().id;
        let draft = ada("a@x.example").company_id(company).owner_id(user);
        let contact = acme.contacts().create(&draft).unwrap().id;
        let draft = world.lead("Deal").company_id(company).contact_id(contact).owner_id(user);
        let deal = acme.deals().create(&draft).unwrap().id;
        let draft = note().company_id(company).contact_id(contact).deal_id(deal).owner_id(user);
        let activity = acme.activities().create(&draft).unwrap().id;
        Self { world, company, user, contact, deal, activity }
    }

    /// The records that can name others, each by the noun of its kind.
    fn records(&self) -> Vec<(&'static str, Uuid, Option<Value>)> {
        let acme = &self.world.acme;
        vec![
            record("contact", acme.contacts(), self.contact),
            record("company", acme.companies(), self.company),
            record("deal", acme.deals(), self.deal),
            record("activity", acme.activities(), self.activity),
        ]
    }
}

fn record<R: Resource>(
    noun: &'static str,
    all: Collection<'_, R>,
    id: Id<R>,
) -> (&'static str, Uuid, Option<Value>) {
    (noun, id.as_uuid(), all.json().get(id).ok().map(|row| value(&row)))
}

/// Deletes a record of a web; what named it by `member` must name nothing and be told of before it, and nothing else may
/// be another than before.
#[track_caller]
fn check(
    web: &Web,
    (noun, id, member): (&str, Uuid, &str),
    named_by: &[&str],
    delete: impl FnOnce(&Session),
) {
    let (acme, before) = (&web.world.acme, web.records());
    let (last, _) = acme.last_change().unwrap();
    web.world.clock.advance(1_000_000);
    delete(acme);
    let mut expected: Vec<(String, String)> = named_by
        .iter()
        .map(|noun| {
            let (_, id, _) = before.iter().find(|(known, ..)| known == noun).unwrap();
            (format!("{noun} updated"), id.to_string())
        })
        .collect();
    if noun != "user" {
        expected.push((format!("{noun} deleted"), id.to_string()));
    }
    assert_eq!(changes_after(acme, last), expected);
    let computed = format!("{}Name", member.trim_end_matches("Id"));
    for ((kind, key, was), (.., is)) in before.into_iter().zip(web.records()) {
        let Some(is) = is.filter(|_| key != id) else { continue };
        let mut was = was.unwrap();
        if named_by.contains(&kind) {
            assert_eq!((&was[member], &is[member]), (&json!(id), &Value::Null), "{kind}");
            was[member] = Value::Null;
            was["updatedAt"] = is["updatedAt"].clone();
            assert!(is["updatedAt"].as_str() > was["createdAt"].as_str());
            if was.get(&computed).is_some() {
                was[&computed] = Value::Null;
            }
        }
        if noun == "activity" && kind == "deal" {
            was["lastActivityAt"] = Value::Null;
        }
        assert_eq!(is, was, "{kind}");
    }
}

#[test]
fn whoever_names_a_deleted_record_names_nothing_and_is_told_of_first() {
    let web = Web::new();
    let id = web.contact;
    check(&web, ("contact", id.as_uuid(), "contactId"), &["deal", "activity"], |acme| {
        acme.contacts().delete(id).unwrap();
    });
    let web = Web::new();
    let id = web.company;
    check(&web, ("company", id.as_uuid(), "companyId"), &["contact", "deal", "activity"], |acme| {
        acme.companies().delete(id).unwrap();
    });
    let web = Web::new();
    let id = web.deal;
    check(&web, ("deal", id.as_uuid(), "dealId"), &["activity"], |acme| {
        acme.deals().delete(id).unwrap();
    });
    let web = Web::new();
    let id = web.user;
    check(&web, ("user", id.as_uuid(), "ownerId"), &["contact", "company", "deal", "activity"], |acme| {
        acme.users().delete(id).unwrap();
    });
    let web = Web::new();
    let id = web.activity;
    check(&web, ("activity", id.as_uuid(), "activityId"), &[], |acme| {
        acme.activities().delete(id).unwrap();
    });
}

#[test]
fn a_deletion_is_one_transaction_and_its_entries_have_the_records_own_instants() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let web = Web::in_a(World::on(store.clone()));
    store.reset();
    web.world.acme.users().delete(web.user).unwrap();
    assert_eq!(store.counts().writes, 1);
    let from = FeedPosition::After(4);
    let query = FeedQuery { from, kinds: Kind::IN_FEED.to_vec(), limit: 10, epoch: None };
    for change in web.world.acme.changes(&query).unwrap() {
        let records = web.records();
        let (.., record) = records.iter().find(|(_, id, _)| *id == change.entity_id).unwrap();
        assert_eq!(record.as_ref().unwrap()["updatedAt"], json!(change.changed_at));
    }
}

#[test]
fn a_record_that_named_a_deleted_one_is_found_by_it_no_longer() {
    let web = Web::new();
    let acme = &web.world.acme;
    let count = || {
        [
            acme.contacts().count(Contact::COMPANY_ID.is(web.company)).unwrap(),
            acme.deals().count(Deal::COMPANY_ID.is(web.company)).unwrap(),
            acme.activities().count(Activity::COMPANY_ID.is(web.company)).unwrap(),
            acme.activities().count(Activity::DEAL_ID.is(web.deal)).unwrap(),
        ]
    };
    let listed = || {
        [
            acme.contacts().list(Contact::COMPANY_ID.is(web.company)).unwrap().records.len(),
            acme.deals().list(Deal::COMPANY_ID.is(web.company)).unwrap().records.len(),
            acme.activities().list(Activity::COMPANY_ID.is(web.company)).unwrap().records.len(),
            acme.activities().list(Activity::DEAL_ID.is(web.deal)).unwrap().records.len(),
        ]
    };
    assert_eq!((count(), listed()), ([1; 4], [1; 4]));
    acme.companies().delete(web.company).unwrap();
    acme.deals().delete(web.deal).unwrap();
    assert_eq!((count(), listed()), ([0; 4], [0; 4]));
    let update = ContactUpdate::new().company_id(web.company);
    let error = web.world.refused(|| acme.contacts().update(web.contact, &update));
    assert_eq!(report(&error), "bad_reference\ncompanyId names no company");
}

#[test]
fn a_record_that_named_another_before_is_left_alone() {
    let web = Web::new();
    let acme = &web.world.acme;
    let other = acme.companies().create(&CompanyDraft::new("Bolt")).unwrap().id;
    acme.contacts().update(web.contact, &ContactUpdate::new().company_id(other)).unwrap();
    acme.deals().update(web.deal, &DealUpdate::new().company_id(None)).unwrap();
    acme.activities().delete(web.activity).unwrap();
    let (last, _) = acme.last_change().unwrap();
    acme.companies().delete(web.company).unwrap();
    assert_eq!(changes_after(acme, last), [("company deleted".to_owned(), web.company.to_string())]);
    assert_eq!(web.world.get(web.contact).company_id, Some(other));
}

#[test]
fn a_refused_or_repeated_deletion_detaches_nothing() {
    let web = Web::new();
    let acme = &web.world.acme;
    let stale = WriteOptions::default().if_version("2020-01-01".parse().unwrap());
    let error = web.world.refused(|| acme.companies().delete_with(web.company, &stale));
    assert_eq!(error.code(), Code::PreconditionFailed);
    acme.companies().delete_with(web.company, &once("k", b"")).unwrap();
    let again = web.world.without_trace(|| acme.companies().delete_with(web.company, &once("k", b"")));
    assert!(again.unwrap().replayed);
    assert!(web.world.refused(|| acme.companies().delete(web.company)).is_not_found());
}

/// Adds so many activities.
fn add_many(world: &World, count: usize, draft: &ActivityDraft) {
    let drafts = vec![draft.clone(); limits::BULK_ITEMS];
    for _ in 0..count / limits::BULK_ITEMS {
        world.acme.activities().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    }
}

#[test]
fn a_record_that_more_than_50_000_name_stays_in_a_transaction_and_goes_step_by_step_without() {
    let world = World::new();
    let contact = world.add("a@x.example");
    add_many(&world, limits::LINKS, &note().contact_id(contact));
    let deal = world.acme.deals().create(&world.lead("Deal").contact_id(contact)).unwrap().id;
    let error = world.refused(|| world.acme.write(|tx| tx.contacts().delete(contact)));
    assert_eq!(
        (error.code(), error.detail()),
        (
            Code::LimitExceeded,
            "more than 50000 records name this contact; delete it in a call of its own, which clears them step by step"
        )
    );
    world.acme.contacts().delete(contact).unwrap();
    assert_eq!(world.acme.deals().get(deal).unwrap().contact_id, None);
    let with_contact = Activity::CONTACT_ID.is(contact);
    assert_eq!(world.acme.activities().count(with_contact.clone()).unwrap(), 0);
    assert!(world.acme.activities().list(with_contact).unwrap().records.is_empty());
}

/// A world that changes at most so many references in one transaction.
fn in_steps(links_at_once: usize) -> (World, Arc<CountingStore>) {
    in_steps_of(links_at_once, links_at_once)
}

fn in_steps_of(links_at_once: usize, links_per_step: usize) -> (World, Arc<CountingStore>) {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    (World::with(store.clone(), Config { links_at_once, links_per_step, ..Config::default() }), store)
}

#[test]
fn more_references_than_are_cleared_at_once_are_cleared_step_by_step_before_the_record_goes() {
    for (links, writes) in [(0, 1), (9, 1), (10, 1), (11, 4), (19, 4), (20, 4), (21, 5)] {
        let (world, store) = in_steps(10);
        let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap().id;
        let drafts = (0..links).map(|number| ada(&format!("c{number}@x.example")).company_id(company));
        let contacts: Vec<_> =
            drafts.map(|draft| world.acme.contacts().create(&draft).unwrap().id.to_string()).collect();
        let (last, _) = world.acme.last_change().unwrap();
        store.reset();
        world.acme.companies().delete(company).unwrap();
        assert_eq!(store.counts().writes, writes, "{links}: an attempt, the steps, and the deletion");
        let mut expected: Vec<_> =
            contacts.into_iter().map(|id| ("contact updated".to_owned(), id)).collect();
        expected.push(("company deleted".to_owned(), company.to_string()));
        assert_eq!(changes_after(&world.acme, last), expected);
        assert_eq!(world.acme.contacts().count(Contact::COMPANY_ID.is(company)).unwrap(), 0);
    }
}

#[test]
fn a_step_may_clear_fewer_references_than_a_deletion_does() {
    for (links_per_step, writes) in [(0, 102), (1, 102), (30, 6), (90, 4), (91, 4)] {
        let (world, store) = in_steps_of(90, links_per_step);
        let contact = world.add("a@x.example");
        add_many(&world, 100, &note().contact_id(contact));
        store.reset();
        world.acme.contacts().delete(contact).unwrap();
        assert_eq!(
            store.counts().writes,
            writes,
            "an attempt, 100 in steps of {links_per_step}, and the deletion"
        );
    }
}

#[test]
fn references_of_large_records_are_cleared_fewer_at_once() {
    let config = Config { link_bytes_at_once: 1 << 20, ..Config::default() };
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::with(store.clone(), config);
    let contact = world.add("a@x.example");
    add_many(&world, 1_000, &note().contact_id(contact).body("x".repeat(5_000)));
    store.reset();
    world.acme.contacts().delete(contact).unwrap();
    assert_eq!(store.counts().writes, 7, "an attempt, five times 200, and the deletion");
    assert_eq!(world.acme.activities().count(Activity::CONTACT_ID.is(contact)).unwrap(), 0);
}

#[test]
fn a_deletion_that_is_interrupted_leaves_the_record_with_fewer_references_and_is_done_again() {
    let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
    let world = World::with(store.clone(), Config { links_at_once: 10, ..Config::default() });
    let contact = world.add("a@x.example");
    add_many(&world, 100, &note().contact_id(contact));
    // The attempt, and three steps.
    store.fail_write(4, WriteFault::Unavailable);
    let options = once("k", b"");
    let error = world.acme.contacts().delete_with(contact, &options).unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    store.heal();
    assert_eq!(world.get(contact).email, "a@x.example");
    let count = || world.acme.activities().count(Activity::CONTACT_ID.is(contact)).unwrap();
    assert_eq!(count(), 70);
    assert!(!world.acme.contacts().delete_with(contact, &options).unwrap().replayed);
    assert_eq!(count(), 0);
    assert!(world.acme.contacts().delete_with(contact, &options).unwrap().replayed);
}

#[test]
fn a_deletion_gives_up_when_its_steps_are_used_up() {
    let world = World::with(
        Arc::new(MemoryStore::new()),
        Config { links_at_once: 10, deletion_steps: 5, ..Config::default() },
    );
    let contact = world.add("a@x.example");
    add_many(&world, 100, &note().contact_id(contact));
    let error = world.acme.contacts().delete(contact).unwrap_err();
    assert_eq!(report(&error), "limit_exceeded", "{}", error.detail());
    assert_eq!(world.acme.activities().count(Activity::CONTACT_ID.is(contact)).unwrap(), 50);
    world.acme.contacts().delete(contact).unwrap_err();
    world.acme.contacts().delete(contact).unwrap();
}

#[test]
fn a_precondition_holds_for_every_step() {
    let (world, store) = in_steps(10);
    let company = world.acme.companies().create(&CompanyDraft::new("Acme")).unwrap();
    for number in 0..30 {
        world.acme.contacts().create(&ada(&format!("c{number}@x.example")).company_id(company.id)).unwrap();
    }
    let stale = WriteOptions::default().if_version("2020-01-01".parse().unwrap());
    let error = world.refused(|| world.acme.companies().delete_with(company.id, &stale));
    assert_eq!(error.code(), Code::PreconditionFailed);
    store.reset();
    let fresh = WriteOptions::default().if_version(company.updated_at);
    world.acme.companies().delete_with(company.id, &fresh).unwrap();
    assert_eq!(store.counts().writes, 5);
}

#[test]
fn a_users_records_are_handed_to_another_user() {
    for links_at_once in [1, 2, 1_000] {
        let web = Web::in_a(in_steps(links_at_once).0);
        let acme = &web.world.acme;
        let heir = acme.users().create(&UserDraft::new("h@x.example", "Heir")).unwrap().id;
        acme.activities().create(&note().owner_id(heir)).unwrap();
        let (last, _) = acme.last_change().unwrap();
        let options = once("k", b"");
        assert!(!acme.users().delete_for_with(web.user, heir, &options).unwrap().replayed);
        let nouns = ["contact updated", "company updated", "deal updated", "activity updated"];
        let told = changes_after(acme, last).into_iter().map(|(change, _)| change);
        assert!(told.eq(nouns));
        for (.., record) in web.records() {
            assert_eq!(record.unwrap()["ownerId"], json!(heir));
        }
        assert_eq!(acme.deals().get(web.deal).unwrap().owner_name.as_deref(), Some("Heir"));
        assert_eq!(acme.activities().count(Activity::OWNER_ID.is(heir)).unwrap(), 2);
        assert_eq!(acme.activities().count(Activity::OWNER_ID.is(web.user)).unwrap(), 0);
        assert!(acme.users().delete_for_with(web.user, heir, &options).unwrap().replayed);
        let mismatch = acme.users().delete_with(web.user, &options).unwrap_err();
        assert_eq!(mismatch.code(), Code::IdempotencyMismatch);
    }
}

#[test]
fn an_heir_must_be_another_user_of_the_tenant() {
    let web = Web::new();
    let acme = &web.world.acme;
    let other = tenant(&web.world.engine, "other");
    let foreign = other.users().create(&UserDraft::new("h@x.example", "Heir")).unwrap().id;
    let nobody: Id<User> = Id::from_uuid(web.contact.as_uuid());
    for heir in [foreign, nobody] {
        let error = web.world.refused(|| acme.users().delete_for(web.user, heir));
        assert_eq!(report(&error), "bad_reference\nreassignTo names no user");
    }
    let error = web.world.refused(|| acme.users().delete_for(web.user, web.user));
    assert_eq!(report(&error), "validation\nreassignTo must name another user");
    assert!(acme.users().delete_for(nobody, web.user).unwrap_err().is_not_found());
}

/// The number of entries that the store reads while a record is deleted that so many activities refer to.
fn cost<R: Creatable>(
    count: usize,
    naming: impl Fn(Id<R>) -> ActivityDraft,
    make: impl Fn(&World) -> Id<R>,
    of: impl Fn(&Session) -> Collection<'_, R>,
) -> usize {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let id = make(&world);
    add_many(&world, count, &naming(id));
    store.reset();
    of(&world.acme).delete(id).unwrap();
    let counts = store.counts();
    counts.entries + counts.keys_asked + counts.gets
}

#[test]
fn a_deletion_costs_what_names_the_record_and_not_its_square() {
    let contact =
        |count| cost(count, |id| note().contact_id(id), |world| world.add("a@x.example"), Session::contacts);
    let deal = |count| cost(count, |id| note().deal_id(id), |world| world.deal("Deal"), Session::deals);
    let costs: [&dyn Fn(usize) -> usize; 2] = [&contact, &deal];
    for cost in costs {
        let (some, more) = (cost(1_000), cost(4_000));
        assert!(more <= 5 * some, "{some} entries for 1,000 and {more} for 4,000");
        assert!(more <= 10 * 4_000, "{more} entries for 4,000");
    }
}

#[test]
fn a_deletion_reads_the_records_that_name_the_deleted_one_many_at_once() {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let contact = world.add("a@x.example");
    add_many(&world, 4_000, &note().contact_id(contact));
    let other = world.add("b@x.example");
    // Blocks of the list by last change then hold records of both.
    add_many(&world, 4_000, &note().contact_id(other));
    store.reset();
    world.acme.contacts().delete(contact).unwrap();
    let scans = store.counts().scans;
    let steps = 4_000 / limits::LINKS_PER_STEP;
    assert!(
        scans <= 11 * steps,
        "{scans} scans in {steps} steps, which are as many round trips on a store behind a network"
    );
    assert_eq!(world.acme.activities().count(Activity::CONTACT_ID.is(other)).unwrap(), 4_000);
    assert_eq!(world.acme.activities().count(Query::all()).unwrap(), 8_000);
    let newest = world.acme.activities().list(Query::all().offset(7_999)).unwrap().records;
    assert_eq!(newest.len(), 1);
}

//! What becomes of records that name one which is deleted.

use std::sync::Arc;

use rally_core::{
    Code, Collection, Creatable, Id, Json, Resource, Session, WriteOptions, limits, store::MemoryStore,
};
use rally_testkit::CountingStore;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{World, add, bytes, changes_after, listed, once, read, report, update, value, with};

/// A company, a user, a contact, a deal and an activity, each naming all that it can.
struct Web {
    world: World,
    company: Id<rally_core::Company>,
    user: Id<rally_core::User>,
    contact: Id<rally_core::Contact>,
    deal: Id<rally_core::Deal>,
    activity: Id<rally_core::Activity>,
}

impl Web {
    fn new() -> Self {
        Self::in_a(World::new())
    }

    fn in_a(world: World) -> Self {
        let user = add(world.acme.users(), &json!({"email": "o@x.example", "name": "Olga"}));
        let company = add(world.acme.companies(), &json!({"name": "Acme", "ownerId": user}));
        let body = json!({"firstName": "Ada", "lastName": "L", "email": "a@x.example", "companyId": company, "ownerId": user});
        let contact = add(world.acme.contacts(), &body);
        let deal = world.deal(json!({"companyId": company, "contactId": contact, "ownerId": user}));
        let body = json!({
            "activityType": "note", "subject": "Hello", "companyId": company, "contactId": contact, "dealId": deal, "ownerId": user,
        });
        let activity = add(world.acme.activities(), &body);
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
    (noun, id.as_uuid(), all.get(id).ok().map(|row| value(&row)))
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
    let query = rally_core::FeedQuery {
        from: rally_core::FeedFrom::After(4),
        kinds: rally_core::Kind::IN_FEED.to_vec(),
        limit: 10,
    };
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
    let (company, deal) = (web.company.to_string(), web.deal.to_string());
    let count = || {
        [
            listed(acme.contacts(), &[("companyId", &company)]).unwrap().rows.len(),
            listed(acme.deals(), &[("companyId", &company)]).unwrap().rows.len(),
            listed(acme.activities(), &[("companyId", &company)]).unwrap().rows.len(),
            listed(acme.activities(), &[("dealId", &deal)]).unwrap().rows.len(),
        ]
    };
    assert_eq!(count(), [1; 4]);
    acme.companies().delete(web.company).unwrap();
    acme.deals().delete(web.deal).unwrap();
    assert_eq!(count(), [0; 4]);
    let error = web.world.refused(|| update(acme.contacts(), web.contact, &json!({"companyId": company})));
    assert_eq!(report(&error), "bad_reference\ncompanyId names no company");
}

#[test]
fn a_record_that_named_another_before_is_left_alone() {
    let web = Web::new();
    let acme = &web.world.acme;
    let other = add(acme.companies(), &json!({"name": "Bolt"}));
    update(acme.contacts(), web.contact, &json!({"companyId": other})).unwrap();
    update(acme.deals(), web.deal, &json!({"companyId": null})).unwrap();
    acme.activities().delete(web.activity).unwrap();
    let (last, _) = acme.last_change().unwrap();
    acme.companies().delete(web.company).unwrap();
    assert_eq!(changes_after(acme, last), [("company deleted".to_owned(), web.company.to_string())]);
    assert_eq!(read(acme.contacts(), web.contact).company_id, Some(other));
}

#[test]
fn a_refused_or_repeated_deletion_detaches_nothing() {
    let web = Web::new();
    let acme = &web.world.acme;
    let stale = WriteOptions { if_version: Some("2020-01-01".parse().unwrap()), ..WriteOptions::default() };
    let error = web.world.refused(|| acme.companies().delete_with(web.company, &stale));
    assert_eq!(error.code(), Code::PreconditionFailed);
    acme.companies().delete_with(web.company, &once("k", b"")).unwrap();
    let again = web.world.without_trace(|| acme.companies().delete_with(web.company, &once("k", b"")));
    assert!(again.unwrap().replayed);
    assert!(web.world.refused(|| acme.companies().delete(web.company)).is_not_found());
}

/// Adds so many activities that name something.
fn add_many(world: &World, count: usize, members: &Value) {
    let item = with(json!({"activityType": "note", "subject": "x"}), members);
    let body = bytes(&json!(vec![item; limits::BULK_ITEMS]));
    for _ in 0..count / limits::BULK_ITEMS {
        world.acme.activities().create_many(&Json(&body), true, &WriteOptions::default()).unwrap();
    }
}

#[test]
fn a_record_that_more_than_50_000_name_stays_and_nothing_changes() {
    let world = World::new();
    let contact = world.add("a@x.example");
    add_many(&world, limits::LINKS, &json!({"contactId": contact}));
    let deal = world.deal(json!({"contactId": contact}));
    let error = world.refused(|| world.acme.contacts().delete(contact));
    assert_eq!(
        (error.code(), error.detail()),
        (Code::LimitExceeded, "more than 50000 records name this contact; change some of them first")
    );
    update(world.acme.deals(), deal, &json!({"contactId": null})).unwrap();
    world.acme.contacts().delete(contact).unwrap();
    let contact = contact.to_string();
    assert!(listed(world.acme.activities(), &[("contactId", &contact)]).unwrap().rows.is_empty());
}

/// What the store reads while a record is deleted that so many name.
fn cost<R: Creatable>(
    count: usize,
    member: &str,
    make: impl Fn(&World) -> Id<R>,
    of: impl Fn(&Session) -> Collection<'_, R>,
) -> usize {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let id = make(&world);
    add_many(&world, count, &json!({member: id}));
    store.reset();
    of(&world.acme).delete(id).unwrap();
    let counts = store.counts();
    counts.entries + counts.keys_asked + counts.gets
}

#[test]
fn a_deletion_costs_what_names_the_record_and_not_its_square() {
    let contact = |count| cost(count, "contactId", |world| world.add("a@x.example"), Session::contacts);
    let deal = |count| cost(count, "dealId", |world| world.deal(json!({})), Session::deals);
    let costs: [&dyn Fn(usize) -> usize; 2] = [&contact, &deal];
    for cost in costs {
        let (some, more) = (cost(1_000), cost(4_000));
        assert!(more <= 5 * some, "{some} entries for 1,000 and {more} for 4,000");
        assert!(more <= 10 * 4_000, "{more} entries for 4,000");
    }
}

use rally_core::{
    Atomicity,
    Atomicity::{AllOrNothing, EachByItself},
    Bulk, Code, Contact, ContactDraft, DealDraft, Error, Query, WriteOptions, limits,
};
use serde_json::{Value, json};

use crate::support::{World, ada, bytes, once, report, told};

fn json_contact(email: &str) -> Value {
    json!({"firstName": "Ada", "lastName": "Lovelace", "email": email})
}

fn bulk_json(world: &World, items: &[Value], atomicity: Atomicity) -> Result<Bulk<Contact>, Error> {
    let body = bytes(&Value::from(items.to_vec()));
    world.acme.contacts().json().create_many(&body, atomicity, &WriteOptions::default())
}

fn bulk(world: &World, drafts: &[ContactDraft], atomicity: Atomicity) -> Result<Bulk<Contact>, Error> {
    world.acme.contacts().create_many(drafts, atomicity)
}

fn total(world: &World) -> u64 {
    world.acme.contacts().count(Query::all()).unwrap()
}

/// The fate of each item: what became of it is not told of a good one.
pub(crate) fn fates<R>(bulk: &Bulk<R>) -> Vec<Result<(), String>> {
    bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(report)).collect()
}

#[test]
fn good_items_are_created_and_bad_ones_say_why() {
    let world = World::new();
    world.add("taken@x.example");
    let items = [
        json_contact("a@x.example"),
        json!({"firstName": 1}),
        json_contact("TAKEN@x.example"),
        json_contact("b@x.example"),
        json_contact("A@X.example"),
        json!("no object"),
    ];
    let bulk = bulk_json(&world, &items, EachByItself).unwrap();
    let answers: Vec<_> = bulk.items.iter().map(|item| item.as_ref().map(|_| ()).map_err(told)).collect();
    insta::assert_debug_snapshot!(answers, @r#"
    [
        Ok(
            (),
        ),
        Err(
            (
                "validation",
                [
                    "email is required",
                    "firstName must be a string",
                    "lastName is required",
                ],
            ),
        ),
        Err(
            (
                "duplicate",
                [
                    "email is taken by another contact",
                ],
            ),
        ),
        Ok(
            (),
        ),
        Err(
            (
                "duplicate",
                [
                    "email is taken by another contact",
                ],
            ),
        ),
        Err(
            (
                "validation",
                [],
            ),
        ),
    ]
    "#);
    assert_eq!(total(&world), 3);
    let first = *bulk.items[0].as_ref().unwrap();
    assert_eq!(bulk.items[4].as_ref().unwrap_err().existing_id(), Some(first.as_uuid()));
}

#[test]
fn items_are_created_in_their_order() {
    let world = World::new();
    let emails: Vec<String> = (0..100).map(|n| format!("c{n}@x.example")).collect();
    let drafts: Vec<ContactDraft> = emails.iter().map(|email| ada(email)).collect();
    let bulk = bulk(&world, &drafts, EachByItself).unwrap();
    let page = world.acme.contacts().list(Query::all()).unwrap();
    let ids: Vec<_> = bulk.items.into_iter().map(Result::unwrap).collect();
    assert!(page.records.iter().map(|contact| contact.id).eq(ids));
    let listed: Vec<String> = page.records.into_iter().map(|contact| contact.email).collect();
    assert_eq!(listed, emails);
}

#[test]
fn an_atomic_bulk_with_a_bad_item_creates_nothing_and_names_all_faults() {
    let world = World::new();
    let items = [json_contact("a@x.example"), json!({"firstName": 1}), json_contact("a@x.example"), json!(7)];
    let error = world.refused(|| bulk_json(&world, &items, AllOrNothing));
    insta::assert_debug_snapshot!((error.detail(), told(&error)), @r#"
    (
        "3 of 4 items are invalid, so none was created",
        (
            "validation",
            [
                "items[1].email is required",
                "items[1].firstName must be a string",
                "items[1].lastName is required",
                "items[2].email is taken by another contact",
                "items[3] the item must be a JSON object",
            ],
        ),
    )
    "#);
    assert_eq!(total(&world), 0);
    assert_eq!(world.acme.last_change().unwrap().0, 0);
    assert_eq!(bulk_json(&world, &items[..1], AllOrNothing).unwrap().items.len(), 1);
}

#[test]
fn a_bulk_has_1_to_100_items_in_an_array() {
    let world = World::new();
    let many: Vec<ContactDraft> = (0..101).map(|n| ada(&format!("c{n}@x.example"))).collect();
    let values: Vec<Value> = (0..101).map(|n| json_contact(&format!("c{n}@x.example"))).collect();
    for count in [0, 101] {
        for error in [
            bulk(&world, &many[..count], EachByItself).unwrap_err(),
            bulk(&world, &many[..count], AllOrNothing).unwrap_err(),
            world.acme.contacts().upsert_many(&many[..count], EachByItself).unwrap_err(),
            bulk_json(&world, &values[..count], EachByItself).unwrap_err(),
        ] {
            assert_eq!(told(&error), ("validation", vec!["items must be 1 to 100".to_owned()]));
        }
    }
    let send =
        |body: &[u8]| world.acme.contacts().json().create_many(body, EachByItself, &WriteOptions::default());
    assert_eq!(send(b"{}").unwrap_err().code(), Code::Validation);
    assert_eq!(send(b"[{},").unwrap_err().code(), Code::MalformedJson);
    assert_eq!(total(&world), 0);
    assert_eq!(bulk(&world, &many[..limits::BULK_ITEMS], EachByItself).unwrap().items.len(), 100);
}

/// Drafts of which the first and the fourth are good.
fn mixed() -> [ContactDraft; 5] {
    [
        ada("a@x.example"),
        ada("no at").lead_score(101),
        ada("TAKEN@x.example"),
        ada("b@x.example"),
        ada("A@X.example"),
    ]
}

#[test]
fn good_drafts_are_created_and_bad_ones_say_why() {
    let world = World::new();
    let taken = world.add("taken@x.example");
    let bulk = bulk(&world, &mixed(), EachByItself).unwrap();
    let duplicate = Err("duplicate\nemail is taken by another contact".to_owned());
    let invalid = Err("validation\nemail is not an e-mail address\nleadScore must be 0 to 100".to_owned());
    assert_eq!(fates(&bulk), [Ok(()), invalid, duplicate.clone(), Ok(()), duplicate]);
    let first = *bulk.items[0].as_ref().unwrap();
    let existing = |place: usize| bulk.items[place].as_ref().unwrap_err().existing_id();
    assert_eq!((existing(2), existing(4)), (Some(taken.as_uuid()), Some(first.as_uuid())));
    assert_eq!((world.get(first).email.as_str(), total(&world)), ("a@x.example", 3));
}

#[test]
fn all_drafts_are_created_or_none_is() {
    let world = World::new();
    world.add("taken@x.example");
    let error = world.refused(|| bulk(&world, &mixed(), AllOrNothing));
    assert_eq!(error.detail(), "3 of 5 items are invalid, so none was created");
    assert_eq!(
        report(&error),
        "validation
items[1].email is not an e-mail address
items[1].leadScore must be 0 to 100
items[2].email is taken by another contact
items[4].email is taken by another contact"
    );
    let [first, .., fourth, _] = mixed();
    let bulk = bulk(&world, &[first, fourth], AllOrNothing).unwrap();
    assert_eq!((fates(&bulk), total(&world)), (vec![Ok(()), Ok(())], 3));
}

#[test]
fn many_are_upserted_each_after_the_ones_before_it() {
    let world = World::new();
    let known = world.add("known@x.example");
    let drafts = [
        ada("new@x.example").city("London"),
        ada("KNOWN@x.example").city("Paris"),
        ada("no at"),
        ada("NEW@x.example").phone("1"),
    ];
    let bulk = world.acme.contacts().upsert_many(&drafts, EachByItself).unwrap();
    let invalid = Err("validation\nemail is not an e-mail address".to_owned());
    assert_eq!(fates(&bulk), [Ok(()), Ok(()), invalid, Ok(())]);
    let id = |place: usize| *bulk.items[place].as_ref().unwrap();
    assert_eq!((id(1), id(3), total(&world)), (known, id(0), 2));
    let (new, known) = (world.get(id(0)), world.get(known));
    assert_eq!((new.city.as_deref(), new.phone.as_deref()), (Some("London"), Some("1")));
    assert_eq!((known.city.as_deref(), known.email.as_str()), (Some("Paris"), "KNOWN@x.example"));
}

#[test]
fn all_are_upserted_or_none_is() {
    let world = World::new();
    let known = world.add("known@x.example");
    let drafts = [ada("new@x.example"), ada("KNOWN@x.example").city("Paris"), ada("no at")];
    let upsert = |drafts: &[ContactDraft]| world.acme.contacts().upsert_many(drafts, AllOrNothing);
    let error = world.refused(|| upsert(&drafts));
    assert_eq!(report(&error), "validation\nitems[2].email is not an e-mail address");
    assert_eq!(error.detail(), "1 of 3 items are invalid, so none was written");
    assert_eq!(fates(&upsert(&drafts[..2]).unwrap()), [Ok(()), Ok(())]);
    assert_eq!((world.get(known).city.as_deref(), total(&world)), (Some("Paris"), 2));
    let again = world.without_trace(|| upsert(&drafts[..2])).unwrap();
    assert_eq!(*again.items[1].as_ref().unwrap(), known);
}

#[test]
fn deals_that_several_match_are_ambiguous_among_many() {
    let world = World::new();
    let (first, second) = (world.deal("Twice"), world.deal("Twice"));
    let drafts: Vec<DealDraft> =
        ["Once", "Twice"].map(|name| world.lead(name).notes("x")).into_iter().collect();
    let error = world.refused(|| world.acme.deals().upsert_many(&drafts, AllOrNothing));
    assert_eq!(error.code(), Code::Ambiguous);
    let bulk = world.acme.deals().upsert_many(&drafts, EachByItself).unwrap();
    let error = bulk.items[1].as_ref().unwrap_err();
    assert_eq!(error.matching_ids(), [first.as_uuid(), second.as_uuid()]);
    let once = *bulk.items[0].as_ref().unwrap();
    assert_eq!(world.acme.deals().get(once).unwrap().notes.as_deref(), Some("x"));
}

#[test]
fn a_bulk_of_drafts_happens_once_for_a_key() {
    let world = World::new();
    let drafts = [ada("a@x.example"), ada("no at")];
    let send = || world.acme.contacts().create_many_with(&drafts, EachByItself, &once("k", b"x")).unwrap();
    let (first, again) = (send(), send());
    assert!(!first.replayed && again.replayed);
    assert_eq!(fates(&again), fates(&first));
    assert_eq!((again.items[0].as_ref().unwrap(), total(&world)), (first.items[0].as_ref().unwrap(), 1));
    let other = world.acme.contacts().create_many_with(&drafts, AllOrNothing, &once("k", b"x"));
    assert_eq!(other.unwrap_err().code(), Code::IdempotencyMismatch);
}

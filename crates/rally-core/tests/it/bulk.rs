use rally_core::{Bulk, Code, Contact, Error, Json, ListQuery, WriteOptions};
use serde_json::{Value, json};

use crate::support::{World, bytes, told};

fn contact(email: &str) -> Value {
    json!({"firstName": "Ada", "lastName": "Lovelace", "email": email})
}

fn bulk(world: &World, items: &[Value], atomic: bool) -> Result<Bulk<Contact>, Error> {
    let body = bytes(&Value::from(items.to_vec()));
    world.acme.contacts().create_many(&Json(&body), atomic, &WriteOptions::default())
}

fn total(world: &World) -> Option<u64> {
    world.acme.contacts().list(&ListQuery { count: true, ..ListQuery::default() }).unwrap().total
}

#[test]
fn good_items_are_created_and_bad_ones_say_why() {
    let world = World::new();
    world.add("taken@x.example");
    let items = [
        contact("a@x.example"),
        json!({"firstName": 1}),
        contact("TAKEN@x.example"),
        contact("b@x.example"),
        contact("A@X.example"),
        json!("no object"),
    ];
    let bulk = bulk(&world, &items, false).unwrap();
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
    assert_eq!(total(&world), Some(3));
    let first = *bulk.items[0].as_ref().unwrap();
    assert_eq!(bulk.items[4].as_ref().unwrap_err().existing_id(), Some(first.as_uuid()));
}

#[test]
fn items_are_created_in_their_order() {
    let world = World::new();
    let emails: Vec<String> = (0..100).map(|n| format!("c{n}@x.example")).collect();
    bulk(&world, &emails.iter().map(|email| contact(email)).collect::<Vec<_>>(), false).unwrap();
    let page = world.acme.contacts().list(&ListQuery::default()).unwrap();
    let listed: Vec<String> = page.rows.iter().map(|row| row.read().unwrap().email).collect();
    assert_eq!(listed, emails);
}

#[test]
fn an_atomic_bulk_with_a_bad_item_creates_nothing_and_names_all_faults() {
    let world = World::new();
    let items = [contact("a@x.example"), json!({"firstName": 1}), contact("a@x.example"), json!(7)];
    let error = bulk(&world, &items, true).unwrap_err();
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
    assert_eq!(total(&world), Some(0));
    assert_eq!(world.acme.last_change().unwrap().0, 0);
    assert_eq!(bulk(&world, &items[..1], true).unwrap().items.len(), 1);
}

#[test]
fn a_bulk_has_1_to_100_items_in_an_array() {
    let world = World::new();
    let many: Vec<Value> = (0..101).map(|n| contact(&format!("c{n}@x.example"))).collect();
    for items in [&many[..0], &many[..]] {
        let error = bulk(&world, items, false).unwrap_err();
        assert_eq!(told(&error), ("validation", vec!["items must be 1 to 100".to_owned()]));
    }
    let send = |body: &[u8]| world.acme.contacts().create_many(&Json(body), false, &WriteOptions::default());
    assert_eq!(send(b"{}").unwrap_err().code(), Code::Validation);
    assert_eq!(send(b"[{},").unwrap_err().code(), Code::MalformedJson);
    assert_eq!(total(&world), Some(0));
    assert_eq!(bulk(&world, &many[..100], false).unwrap().items.len(), 100);
}

//! What a narrowed list costs is counted in what the store is asked for, never in time.

use std::sync::Arc;

use rally_core::{Json, ListQuery, Profile, WriteOptions, store::MemoryStore};
use rally_testkit::CountingStore;
use serde_json::{Value, json};

use crate::support::{World, add, bytes, pairs, value};

/// Entries that the store reads for a list of few, at the most.
const MOST: usize = 500;
const CONTACTS: usize = 5_000;
/// How many contacts have one of the values that few have.
const FEW: usize = 5;

/// A world of many contacts, the values that only a few of them have spread over all of them.
fn world_of_many() -> (Arc<CountingStore>, World) {
    let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
    let world = World::on(store.clone());
    let company = add(world.acme.companies(), &json!({"name": "Rare"}));
    let contact = |number: usize| {
        let is_rare = number % (CONTACTS / FEW) == 500;
        json!({
            "firstName": "Ada", "lastName": if is_rare { "Rare" } else { "Lovelace" }, "email": format!("c{number}@x.example"),
            "leadSource": if is_rare { "rare" } else { "web" }, "tags": if is_rare { "common,rare" } else { "common" },
            "companyId": is_rare.then_some(company),
        })
    };
    for start in (0..CONTACTS).step_by(100) {
        let items: Vec<Value> = (start..start + 100).map(contact).collect();
        world
            .acme
            .contacts()
            .create_many(&Json(&bytes(&json!(items))), true, &WriteOptions::default())
            .unwrap();
    }
    (store, world)
}

/// What the store reads for a list, and how many records that finds in all.
fn cost(store: &CountingStore, world: &World, parameters: &[(&str, &str)]) -> (usize, usize) {
    let (query, _) = ListQuery::parse::<rally_core::Contact>(&pairs(parameters), Profile::Strict).unwrap();
    store.reset();
    let page = world.acme.contacts().list(&query).unwrap();
    let counts = store.counts();
    (counts.entries + counts.keys_asked + counts.gets, page.rows.len())
}

/// Ways to ask for a page of a list that few records are in, and how many of five each gives.
const PAGES: [(&[(&str, &str)], usize); 5] = [
    (&[], 5),
    (&[("limit", "1")], 1),
    (&[("limit", "100"), ("count", "true")], 5),
    (&[("offset", "3")], 2),
    (&[("offset", "1000000"), ("limit", "1"), ("count", "true")], 0),
];

#[test]
fn a_list_of_few_among_many_reads_few_whatever_else_is_asked() {
    let (store, world) = world_of_many();
    let company = world.acme.companies().list(&ListQuery::default()).unwrap().rows[0].id().to_string();
    let rare = [("leadSource", "rare"), ("tag", "rare"), ("companyId", &*company), ("q", "rare")];
    let common: [&[(&str, &str)]; 7] = [
        &[],
        &[("lifecycleStage", "lead")],
        &[("q", "ada")],
        &[("lifecycleStage", "lead"), ("q", "ada")],
        &[("updatedSince", "0001-01-01")],
        &[("updatedSince", "0001-01-01"), ("lifecycleStage", "lead")],
        &[("updatedSince", "0001-01-01"), ("q", "ada l")],
    ];
    for (name, value) in rare {
        for more in common.iter().filter(|more| more.iter().all(|(also, _)| *also != name)) {
            for (page, found) in PAGES {
                let parameters = [&[(name, value)], *more, page].concat();
                let (read, rows) = cost(&store, &world, &parameters);
                let is_none = more.contains(&("q", "ada l"));
                assert_eq!(rows, if is_none { 0 } else { found }, "{parameters:?}");
                assert!(read <= MOST, "{parameters:?} reads {read} entries");
            }
        }
    }
    let both = [("tag", "common"), ("leadSource", "rare"), ("email", "c1500@x.example")];
    let (read, rows) = cost(&store, &world, &both);
    assert!(rows == 1 && read <= MOST, "{rows} rows for {read} entries");
}

#[test]
fn a_list_of_what_changed_lately_reads_what_changed_lately() {
    let (store, world) = world_of_many();
    let (_, since) = world.acme.last_change().unwrap();
    let page =
        world.acme.contacts().list(&ListQuery { offset: 2_000, limit: 7, ..ListQuery::default() }).unwrap();
    for row in &page.rows {
        world.update(row.id(), json!({"notes": "x"})).unwrap();
    }
    let since = since.to_string();
    for (name, common) in [("lifecycleStage", "lead"), ("tag", "common"), ("leadSource", "web"), ("q", "ada")]
    {
        for count in ["true", "false"] {
            let parameters = [(name, common), ("updatedSince", &since), ("count", count)];
            let (read, rows) = cost(&store, &world, &parameters);
            assert_eq!(rows, 7, "{parameters:?}");
            assert!(read <= MOST, "{parameters:?} reads {read} entries");
        }
    }
}

#[test]
fn a_page_of_many_reads_no_more_than_it_shows() {
    let (store, world) = world_of_many();
    for parameters in [
        &[("lifecycleStage", "lead")][..],
        &[("lifecycleStage", "lead"), ("tag", "common")],
        &[("tag", "common"), ("limit", "1")],
    ] {
        let (read, _) = cost(&store, &world, parameters);
        assert!(read <= MOST, "{parameters:?} reads {read} entries");
    }
    let first = world.acme.contacts().list(&ListQuery::default()).unwrap();
    assert_eq!(value(&first.rows[0])["tags"], "common");
}

#[test]
fn a_name_that_very_many_have_leads_to_the_same_page_whether_it_is_counted_or_not() {
    let world = World::new();
    for first in (0..12_000).step_by(100) {
        let contact = |number| {
            let stage = if number % 7 == 0 { "customer" } else { "lead" };
            json!({
                "firstName": if number % 50 == 3 { "Bea" } else { "Ada" }, "lastName": "Lovelace",
                "email": format!("c{number}@x.example"), "lifecycleStage": stage,
            })
        };
        let items: Vec<Value> = (first..first + 100).map(contact).collect();
        let items = Value::from(items).to_string();
        world.acme.contacts().create_many(&Json(items.as_bytes()), true, &WriteOptions::default()).unwrap();
    }
    let ids = |query: &ListQuery| {
        let page = world.acme.contacts().list(query).unwrap();
        (page.rows.iter().map(rally_core::Row::id).collect::<Vec<_>>(), page.has_more)
    };
    let all = ListQuery { search: Some("ADA".to_owned()), limit: 10, ..ListQuery::default() };
    for query in [all.clone(), all.with("lifecycleStage", "customer")] {
        for offset in [0, 7, 150] {
            let counted = ListQuery { offset, count: true, ..query.clone() };
            let (found, has_more) = ids(&ListQuery { offset, ..query.clone() });
            assert_eq!((found.len(), has_more), (10, true), "{offset}");
            assert_eq!((found, has_more), ids(&counted), "{offset}");
        }
    }
}

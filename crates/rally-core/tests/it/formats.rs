//! Stores written by released versions are read by every later one. `golden/v1.txt` holds every key and value that
//! version 0.1 writes for a known history, in hexadecimal.

use std::{fmt::Write, sync::Arc};

use rally_core::{
    Collection, Contact, FeedFrom, FeedQuery, Id, IdempotencyKey, Json, Kind, ListQuery, Resource, Row,
    TenantId, WriteOptions,
    store::{Batch, Commit, Direction, Key, KeyRange, MemoryStore, Space, Store},
};
use rally_testkit::SharedStore;
use serde_json::{Value, json};

use crate::support::World;

const V1: &str = include_str!("golden/v1.txt");

/// A history that uses every kind of row: enough changes to close blocks and to mark the feed, on a store whose servers
/// share the rate limit.
fn history(store: Arc<dyn Store>) -> World {
    let world = World::on(Arc::new(SharedStore::new(store)));
    world.engine.take_request(&world.acme).unwrap();
    world.engine.signing_secrets().unwrap();
    for number in 0..70 {
        world.clock.advance(1_000);
        world.add(&format!("c{number}@x.example"));
    }
    let page = world.acme.contacts().list(&ListQuery::default()).unwrap();
    world.acme.contacts().delete(page.rows[1].id()).unwrap();
    world.update(page.rows[2].id(), json!({"notes": "line\nbreak", "tags": "a,b", "leadScore": 7})).unwrap();
    let key = IdempotencyKey::new("once", &[b"content"]).unwrap();
    let options = WriteOptions { idempotency_key: Some(key), ..WriteOptions::default() };
    let items = br#"[{"firstName":"A","lastName":"B","email":"z@x.example"},{"firstName":7}]"#;
    world.acme.contacts().create_many(&Json(items), false, &options).unwrap();
    world.acme.trim_changes(page.rows[3].updated_at().unwrap()).unwrap();
    sell(&world, page.rows[4].id());
    world
}

/// Records that name others, in every index there is, and an answer that was kept with the names in it.
fn sell(world: &World, contact: Id<Contact>) {
    let acme = &world.acme;
    let json = |value: Value| value.to_string().into_bytes();
    let pipeline = acme.pipelines().list(&ListQuery::default()).unwrap().rows[0].read().unwrap();
    let owner = acme.users().create(&Json(&json(json!({"email": "o@x.example", "name": "Olga"})))).unwrap();
    let company = json(json!({"name": "Looms", "domain": "looms.example", "tags": ["a", "b"]}));
    let company = acme.companies().create(&Json(&company)).unwrap().row.id();
    let deal = json(json!({
        "pipelineId": pipeline.id, "stageId": pipeline.stages[0].id, "name": "Loom", "value": 10, "companyId": company,
        "contactId": contact, "ownerId": owner.row.id(),
    }));
    let key = IdempotencyKey::new("deal", &[b"content"]).unwrap();
    let options = WriteOptions { idempotency_key: Some(key), ..WriteOptions::default() };
    let deal = acme.deals().create_with(&Json(&deal), &options).unwrap().row.id();
    acme.bant().update(deal.into(), &Json(br#"{"budget":{"rating":2}}"#)).unwrap();
    let call = json(json!({"activityType": "call", "subject": "Ask", "dealId": deal, "status": "completed"}));
    acme.activities().create(&Json(&call)).unwrap();
    acme.companies().delete(company).unwrap();
}

/// A list as text, and its length.
fn read<R: Resource>(records: Collection<'_, R>, query: &ListQuery) -> (Vec<String>, Option<u64>) {
    let page = records.list(query).unwrap();
    let text = |row: &Row<R>| {
        let mut json = Vec::new();
        row.write_json(R::model().whole(), &mut json).unwrap();
        String::from_utf8(json).unwrap()
    };
    (page.rows.iter().map(text).collect(), page.total)
}

fn dump(store: &dyn Store, tenants: &[TenantId]) -> String {
    let mut text = String::new();
    for tenant in tenants {
        let snapshot = store.snapshot(*tenant).unwrap();
        for space in 0..=u8::MAX {
            let range = KeyRange::prefix(&Key::new(Space(space)));
            for entry in snapshot.scan(&range, Direction::Forward, usize::MAX).unwrap() {
                writeln!(text, "{tenant} {} {}", hex(entry.key.as_bytes()), hex(&entry.value)).unwrap();
            }
        }
    }
    text
}

fn load(text: &str) -> Arc<MemoryStore> {
    let store = MemoryStore::new();
    for line in text.lines() {
        let [tenant, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut batch = Batch::new();
        batch.put(Key::from_bytes(&unhex(key)).unwrap(), unhex(value));
        let tenant = TenantId::from_uuid(tenant.parse().unwrap());
        assert_eq!(store.write(tenant, &mut |_| Ok(batch.clone())).unwrap(), Commit::Applied);
    }
    Arc::new(store)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn this_version_writes_format_1() {
    let store = Arc::new(MemoryStore::new());
    let world = history(store.clone());
    let written = dump(&*store, &[TenantId::DIRECTORY, world.acme.tenant().id]);
    if std::env::var_os("RALLY_WRITE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/golden/v1.txt"), &written).unwrap();
    }
    assert!(written == V1, "what is stored has changed: that is a new format, beside this one");
}

#[test]
fn format_1_is_read_and_written_on() {
    let known = history(Arc::new(MemoryStore::new()));
    let (environment, _) = rally_testkit::environment(8);
    let store = Arc::new(SharedStore::new(load(V1)));
    let engine = rally_core::Engine::with(store, environment, rally_core::Config::default());
    let acme = engine.trusted_session("acme", "host").unwrap();
    let allowance = engine.take_request(&acme).unwrap().unwrap();
    assert_eq!(allowance.remaining, 949, "one portion is leased already, and this is the first of the next");
    for query in [
        ListQuery { count: true, ..ListQuery::default() },
        ListQuery { offset: 63, ..ListQuery::default() },
        ListQuery {
            updated_since: Some(rally_core::Timestamp::MIN),
            offset: 60,
            count: true,
            ..ListQuery::default()
        },
        ListQuery { search: Some("ada".to_owned()), count: true, ..ListQuery::default() },
        ListQuery { filters: [("tag".to_owned(), "b".to_owned())].into(), ..ListQuery::default() },
    ] {
        assert_eq!(read(acme.contacts(), &query), read(known.acme.contacts(), &query), "{query:?}");
    }
    let all = ListQuery::default();
    assert_eq!(read(acme.companies(), &all), read(known.acme.companies(), &all));
    assert_eq!(read(acme.deals(), &all), read(known.acme.deals(), &all));
    assert_eq!(read(acme.bant(), &all), read(known.acme.bant(), &all));
    assert_eq!(read(acme.activities(), &all), read(known.acme.activities(), &all));
    assert_eq!(read(acme.audit(), &all), read(known.acme.audit(), &all));
    assert_eq!(engine.signing_secrets().unwrap(), known.engine.signing_secrets().unwrap());
    assert_eq!(read(acme.users(), &all), read(known.acme.users(), &all));
    assert_eq!(read(acme.pipelines(), &all), read(known.acme.pipelines(), &all));
    let query = FeedQuery { from: FeedFrom::After(65), kinds: vec![Kind::Contact], limit: 100 };
    assert_eq!(acme.changes(&query).unwrap(), known.acme.changes(&query).unwrap());
    let body = br#"{"firstName":"A","lastName":"B","email":"Z@x.example"}"#;
    assert!(acme.contacts().create(&Json(body)).unwrap_err().is_duplicate());
    acme.contacts()
        .update(
            acme.contacts().list(&ListQuery::default()).unwrap().rows[0].id(),
            &Json(b"{\"phone\":\"1\"}"),
        )
        .unwrap();
}

use std::sync::Arc;

use rally_core::{
    Atomicity, Attempted, CompanyDraft, Config, ContactUpdate, DealDraft, DeliveryQuery, Event, Query,
    WebhookUpdate, limits, store::MemoryStore,
};
use rally_testkit::{CountingStore, SharedStore};

use super::{DAY, body, draft, hook, world};
use crate::support::{World, ada};

#[test]
fn a_bulk_tells_each_of_its_records() {
    let world = World::new();
    for number in 0..limits::WEBHOOKS {
        world.acme.webhooks().create(&draft(&number.to_string(), &[Event::All])).unwrap();
    }
    let (pipeline, won) = (world.pipeline().id, world.stage("Closed Won"));
    let drafts: Vec<DealDraft> =
        (0..limits::BULK_ITEMS).map(|number| DealDraft::new(pipeline, won, number.to_string())).collect();
    world.acme.deals().create_many(&drafts, Atomicity::AllOrNothing).unwrap();
    let rows = |space| {
        let rows = world.stored(world.acme.tenant().id);
        rows.iter().filter(|entry| entry.key.space().0 == space).count()
    };
    // Two events a deal: more than one transaction makes for all of them at once.
    let all = limits::BULK_ITEMS * 2 * limits::WEBHOOKS;
    assert!(rows(0x42) < limits::EVENT_ROWS_AT_ONCE && rows(0x42) < all && rows(0x46) == limits::WEBHOOKS);
    while rows(0x46) > 0 {
        drop(world.claims());
    }
    assert_eq!(rows(0x42), all);
    for webhook in world.acme.webhooks().list(Query::all()).unwrap().records {
        let query = DeliveryQuery { limit: 4, count: true, ..DeliveryQuery::default() };
        let page = world.acme.webhooks().deliveries(webhook.id).list(&query).unwrap();
        assert_eq!(page.total, Some(200));
        assert_eq!(page.records.iter().map(|told| told.sequence).collect::<Vec<_>>(), [100, 100, 99, 99]);
    }
}

#[test]
fn a_deletion_with_many_links_leaves_what_it_tells_for_later() {
    // In one transaction, whatever the bytes of the records that it changes.
    let config = Config { link_bytes_at_once: usize::MAX, ..Config::default() };
    let world = World::with(Arc::new(MemoryStore::new()), config);
    let id = hook(&world.acme, &[Event::All]);
    let company = world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap();
    let count = 300;
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(false)).unwrap();
    let mut last = None;
    for number in 0..count {
        let draft = ada(&format!("c{number}@x.example")).company_id(company.id).notes("x".repeat(40_000));
        last = Some(world.acme.contacts().create(&draft).unwrap().id);
    }
    while !world.claims().is_empty() {}
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(true)).unwrap();
    world.acme.companies().delete(company.id).unwrap();
    let rows = world.stored(world.acme.tenant().id);
    let deliveries = rows.iter().filter(|entry| entry.key.space().0 == 0x42).count();
    assert!(deliveries <= limits::EVENT_BYTES_AT_ONCE / 40_000, "{deliveries} in one transaction");
    // What comes later waits until all of it is told.
    world.acme.contacts().update(last.unwrap(), &ContactUpdate::new().city("London")).unwrap();
    let mut told = Vec::new();
    for claim in world.deliver(|_| 200) {
        let body = body(&claim);
        told.push(body["sequence"].as_u64().unwrap());
        if claim.event() == Some(Event::ContactUpdated) && *told.last().unwrap() < 2 * count + 2 {
            assert_eq!(body["changedFields"], serde_json::json!(["companyId"]));
            assert_eq!(body["previous"]["companyId"], company.id.to_string());
        }
    }
    let first = told.iter().position(|sequence| *sequence == 2 * count + 3).unwrap();
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (count + 2..=2 * count + 3).collect::<Vec<_>>(), "each once");
    let of_last = told.iter().position(|sequence| *sequence == 2 * count + 1).unwrap();
    assert!(of_last < first, "in the order of the record's changes");
}

#[test]
fn a_tenant_without_webhooks_asks_the_store_for_nothing_more() {
    let counted = |webhooks: usize| {
        let store = Arc::new(CountingStore::new(Arc::new(MemoryStore::new())));
        let world = World::on(store.clone());
        for _ in 0..webhooks {
            hook(&world.acme, &[Event::All]);
        }
        world.add("ada@x.example");
        store.reset();
        world.add("bob@x.example");
        store.counts()
    };
    let (none, one) = (counted(0), counted(1));
    assert_eq!(one.gets - none.gets, 1, "the subscriptions are the one read more");
    assert_eq!((one.scans, one.get_manys, one.snapshots), (none.scans, none.get_manys, none.snapshots));
    // The event, and of its delivery the row, its place among those that are due, and its place in its line.
    assert_eq!(one.changes - none.changes, 4);
}

#[test]
fn on_a_shared_store_subscriptions_are_read_with_the_head() {
    let store = Arc::new(CountingStore::new(Arc::new(SharedStore::new(Arc::new(MemoryStore::new())))));
    let world = World::on(store.clone());
    hook(&world.acme, &[Event::All]);
    world.add("ada@x.example");
    store.reset();
    world.add("bob@x.example");
    let counts = store.counts();
    // The one of many keys asks for chunks of indexes, which were read ahead, too.
    assert_eq!((counts.prefetches, counts.scans, counts.get_manys), (1, 0, 1));
}

#[test]
fn on_a_shared_store_a_delivery_takes_few_round_trips() {
    let turn_of = |deliveries: usize| {
        let store = Arc::new(CountingStore::new(Arc::new(SharedStore::new(Arc::new(MemoryStore::new())))));
        let world = World::on(store.clone());
        hook(&world.acme, &[Event::All]);
        for number in 0..deliveries {
            world.add(&format!("c{number}@x.example"));
        }
        store.reset();
        let claims = world.claims();
        assert_eq!(claims.len(), deliveries);
        let claimed = store.counts().round_trips;
        store.reset();
        world.engine.deliveries().finish(&claims[0], &Attempted::answered(204, 1)).unwrap();
        (claimed, store.counts().round_trips)
    };
    for deliveries in [1, 4, 8] {
        let (claimed, finished) = turn_of(deliveries);
        // Of each delivery, the first of its line; all else is read for all of them.
        assert!(claimed <= 20 + deliveries, "{claimed} for {deliveries} deliveries");
        // The tenant, all rows that are known ahead, and the next of its line.
        assert_eq!(finished, 3);
    }
}

#[test]
fn events_and_deliveries_are_kept_for_thirty_days() {
    let (world, id) = world();
    for number in 0..20 {
        world.add(&format!("c{number}@x.example"));
    }
    world.told();
    let events = |world: &World| {
        let rows = world.stored(world.acme.tenant().id);
        rows.iter().filter(|entry| (0x41..=0x44).contains(&entry.key.space().0)).count()
    };
    assert_eq!(events(&world), 40);
    world.clock.advance(30 * DAY - 1_000);
    assert!(world.claims().is_empty());
    assert_eq!(events(&world), 40);
    assert_eq!(world.engine.deliveries().next_due().map(|at| at > world.engine.clock().now()), Some(true));
    world.clock.advance(2_000);
    assert!(world.claims().is_empty());
    assert_eq!(events(&world), 0);
    assert!(world.acme.webhooks().deliveries(id).list(&DeliveryQuery::default()).unwrap().records.is_empty());
}

#[test]
fn the_outbox_is_bounded_where_nobody_delivers() {
    let (world, _) = world();
    let gone = hook(&world.acme, &[Event::All]);
    for number in 0..200 {
        world.add(&format!("c{number}@x.example"));
    }
    world.acme.webhooks().delete(gone).unwrap();
    world.clock.advance(31 * DAY);
    for number in 200..400 {
        world.add(&format!("c{number}@x.example"));
    }
    let rows = world.stored(world.acme.tenant().id);
    let of = |space| rows.iter().filter(|entry| entry.key.space().0 == space).count();
    assert_eq!((of(0x41), of(0x42)), (200, 200), "the old ones are gone, those of the other webhook too");
}

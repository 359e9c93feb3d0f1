use std::{collections::BTreeMap, time::Duration};

use rally_core::{Claim, CourierLimits, DeliveryOrder, Event, Session, TenantId};

use super::{draft, hook};
use crate::support::{World, ada, tenant};

fn unordered(acme: &Session) {
    let hook = draft("till", &[Event::All]).ordering(DeliveryOrder::None);
    acme.webhooks().create(&hook).unwrap();
}

fn fill(acme: &Session, count: usize) {
    for number in 0..count {
        acme.contacts().create(&ada(&format!("c{number}@x.example"))).unwrap();
    }
}

fn by_tenant(claims: &[Claim]) -> BTreeMap<TenantId, usize> {
    let mut counts = BTreeMap::new();
    claims.iter().for_each(|claim| *counts.entry(claim.tenant()).or_default() += 1);
    counts
}

#[test]
fn a_webhook_has_at_most_its_places() {
    let world = World::new();
    unordered(&world.acme);
    fill(&world.acme, 50);
    let claims = world.claims();
    assert_eq!(claims.len(), CourierLimits::default().in_flight_of_webhook);
    assert!(world.claims().is_empty());
    assert_eq!(world.engine.deliveries().in_flight(), claims.len());
    world.finish(&claims[0], 200);
    assert_eq!(world.claims().len(), 1, "a place is free again");
    drop(claims);
    assert_eq!(world.engine.deliveries().in_flight(), 0, "a claim that is dropped leaves its place");
}

#[test]
fn a_tenant_and_a_process_have_at_most_their_places() {
    let world = World::new();
    for _ in 0..10 {
        unordered(&world.acme);
    }
    fill(&world.acme, 10);
    let limits = CourierLimits::default();
    let of_one = world.claims();
    assert_eq!(of_one.len(), limits.in_flight_of_tenant);
    let others: Vec<Session> = (0..10).map(|number| tenant(&world.engine, &format!("t{number}"))).collect();
    for other in &others {
        unordered(other);
        fill(other, 20);
    }
    let of_all = world.claims();
    assert_eq!(of_one.len() + of_all.len(), limits.in_flight);
    assert_eq!(world.engine.deliveries().next_due(), None, "the end of an attempt is waited for");
    assert!(world.claims().is_empty());
    drop(of_one);
    assert!(world.engine.deliveries().next_due().is_some());
    assert!(!world.claims().is_empty());
}

#[test]
fn a_receiver_that_never_answers_delays_no_other_tenant() {
    let world = World::new();
    unordered(&world.acme);
    fill(&world.acme, 2_000);
    let hanging = world.claims();
    let other = tenant(&world.engine, "other");
    hook(&other, &[Event::All]);
    fill(&other, 1);
    let claims = world.claims();
    assert_eq!(by_tenant(&claims), [(other.tenant().id, 1)].into());
    drop(hanging);
}

#[test]
fn the_webhooks_of_a_tenant_share_its_places() {
    let world = World::new();
    for _ in 0..3 {
        unordered(&world.acme);
    }
    fill(&world.acme, 100);
    let limits = CourierLimits { in_flight_of_tenant: 9, ..CourierLimits::default() };
    let claims = world.engine.deliveries().claim(&limits).unwrap();
    let mut of_webhooks = BTreeMap::new();
    claims.iter().for_each(|claim| *of_webhooks.entry(claim.webhook()).or_insert(0) += 1);
    assert_eq!(of_webhooks.into_values().collect::<Vec<_>>(), [3, 3, 3]);
}

#[test]
fn a_change_wakes_who_waits_and_so_does_the_end_of_an_attempt() {
    let world = World::new();
    let deliveries = world.engine.deliveries();
    assert!(!deliveries.wait(Duration::ZERO));
    hook(&world.acme, &[Event::ContactCreated]);
    world.add("ada@x.example");
    assert!(deliveries.wait(Duration::ZERO) && !deliveries.wait(Duration::ZERO));
    let claims = world.claims();
    assert!(!deliveries.wait(Duration::ZERO));
    drop(claims);
    assert!(deliveries.wait(Duration::ZERO));
    deliveries.wake();
    assert!(deliveries.wait(Duration::ZERO));
}

#[test]
fn what_is_due_is_found_by_another_process() {
    let store: std::sync::Arc<dyn rally_core::store::Store> =
        std::sync::Arc::new(rally_core::store::MemoryStore::new());
    let world = World::on(std::sync::Arc::clone(&store));
    hook(&world.acme, &[Event::ContactCreated]);
    world.add("ada@x.example");
    let (environment, _) = rally_testkit::environment(8);
    let other = rally_core::Engine::with(store, environment, rally_core::Config::default());
    let claims = other.deliveries().claim(&CourierLimits::default()).unwrap();
    assert_eq!(claims.len(), 1);
}

#[test]
fn a_shared_store_is_looked_at_once_a_second() {
    let store: std::sync::Arc<dyn rally_core::store::Store> = std::sync::Arc::new(
        rally_testkit::SharedStore::new(std::sync::Arc::new(rally_core::store::MemoryStore::new())),
    );
    let world = World::on(std::sync::Arc::clone(&store));
    hook(&world.acme, &[Event::ContactCreated]);
    let (environment, clock) = rally_testkit::environment(8);
    let other = rally_core::Engine::with(store, environment, rally_core::Config::default()).deliveries();
    let limits = CourierLimits::default();
    assert!(other.claim(&limits).unwrap().is_empty());
    world.add("ada@x.example");
    assert!(other.claim(&limits).unwrap().is_empty());
    clock.advance(1_000_000);
    assert_eq!(other.claim(&limits).unwrap().len(), 1);
}

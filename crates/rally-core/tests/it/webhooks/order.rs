use rally_core::{Claim, ContactUpdate, CourierLimits, DeliveryOrder, Event, Finished, WebhookUpdate};

use super::{MINUTE, body, draft, hook, world};
use crate::support::World;

fn ordered(ordering: DeliveryOrder) -> World {
    let world = World::new();
    world.acme.webhooks().create(&draft("till", &[Event::All]).ordering(ordering)).unwrap();
    world
}

/// Two contacts, of which the first is changed twice: changes 1, 3 and 4, and change 2.
fn changed(world: &World) {
    let ada = world.add("ada@x.example");
    world.add("bob@x.example");
    for city in ["London", "Paris"] {
        world.acme.contacts().update(ada, &ContactUpdate::new().city(city)).unwrap();
    }
}

fn sequences(claims: &[Claim]) -> Vec<u64> {
    claims.iter().map(|claim| body(claim)["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn an_event_waits_for_older_ones_of_its_record() {
    let world = ordered(DeliveryOrder::Record);
    changed(&world);
    let claims = world.claims();
    assert_eq!(sequences(&claims), [1, 2]);
    assert!(world.claims().is_empty());
    assert!(matches!(world.finish(&claims[0], 500), Finished::RetriedAt(_)));
    world.finish(&claims[1], 200);
    assert!(world.claims().is_empty(), "the next waits for the retry of the first");
    world.clock.advance(10_000_000);
    let retried = world.claims();
    assert_eq!(sequences(&retried), [1]);
    world.finish(&retried[0], 200);
    assert_eq!(sequences(&world.deliver(|_| 200)), [3, 4]);
}

#[test]
fn what_is_given_up_lets_the_next_have_its_turn() {
    let world = ordered(DeliveryOrder::Record);
    changed(&world);
    let mut last = 0;
    for _ in 0..200 {
        let claims = world.deliver(|claim| if body(claim)["sequence"] == 1 { 500 } else { 200 });
        last = sequences(&claims).into_iter().max().unwrap_or(last).max(last);
        world.clock.advance(60 * MINUTE);
    }
    assert_eq!(last, 4);
}

#[test]
fn strictly_ordered_events_go_one_after_the_other() {
    let world = ordered(DeliveryOrder::Strict);
    changed(&world);
    for expected in 1..=4 {
        let claims = world.claims();
        assert_eq!(sequences(&claims), [expected]);
        assert!(world.claims().is_empty(), "one at a time");
        world.finish(&claims[0], 200);
    }
}

#[test]
fn events_without_an_order_wait_for_nothing() {
    let world = ordered(DeliveryOrder::None);
    changed(&world);
    let claims = world.claims();
    assert_eq!(sequences(&claims), [1, 2, 3, 4]);
    world.finish(&claims[0], 500);
}

#[test]
fn a_lease_keeps_others_away_until_it_is_over() {
    let (world, _) = world();
    world.add("ada@x.example");
    let mut first = world.claims().remove(0);
    let deliveries = world.engine.deliveries();
    let seconds = i64::from(CourierLimits::default().lease_seconds) * 1_000_000;
    world.clock.advance(seconds - 1);
    assert!(world.claims().is_empty());
    assert!(deliveries.renew(&mut first, &CourierLimits::default()).unwrap());
    assert_eq!(first.lease_until(), world.engine.clock().now().plus_micros(seconds));
    world.clock.advance(seconds - 1);
    assert!(world.claims().is_empty());
    world.clock.advance(1);
    let second = world.claims().remove(0);
    assert_eq!((second.delivery(), second.body()), (first.delivery(), first.body()));
    assert_eq!(second.attempt(), 1, "an attempt that nobody has finished is none");
    assert!(!deliveries.renew(&mut first, &CourierLimits::default()).unwrap());
    assert_eq!(world.finish(&first, 200), Finished::Lost);
    assert_eq!(world.finish(&second, 200), Finished::Succeeded);
    assert_eq!(world.finish(&second, 200), Finished::Lost, "it is finished once");
}

#[test]
fn the_outcome_for_a_webhook_that_is_gone_is_lost() {
    let (world, id) = world();
    world.add("ada@x.example");
    let claim = world.claims().remove(0);
    world.acme.webhooks().delete(id).unwrap();
    assert_eq!(world.finish(&claim, 200), Finished::Lost);
    drop(claim);
    assert!(world.claims().is_empty());
    let left = world.stored(world.acme.tenant().id);
    let of_webhook = left.iter().filter(|entry| (0x42..=0x46).contains(&entry.key.space().0));
    assert_eq!(of_webhook.count(), 0, "its rows are cleared");
}

#[test]
fn a_change_of_the_ordering_holds_from_then_on() {
    let world = World::new();
    let id = hook(&world.acme, &[Event::All]);
    world.acme.webhooks().update(id, &WebhookUpdate::new().ordering(DeliveryOrder::None)).unwrap();
    changed(&world);
    assert_eq!(world.claims().len(), 4);
}

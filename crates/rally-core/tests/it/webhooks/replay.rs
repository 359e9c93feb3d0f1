use rally_core::{Code, ContactUpdate, DealUpdate, Event, EventFilter, WebhookUpdate};

use super::{DAY, body, draft, header, hook, world};
use crate::support::World;

fn types(world: &World) -> Vec<(String, u64)> {
    world.told()
}

fn told(event: &str, sequence: u64) -> (String, u64) {
    (event.to_owned(), sequence)
}

#[test]
fn a_replay_sends_the_same_bytes_under_the_same_ids() {
    let (world, id) = world();
    let ada = world.add("ada@x.example");
    world.acme.contacts().update(ada, &ContactUpdate::new().city("London")).unwrap();
    let first = world.deliver(|_| 200);
    world.acme.webhooks().replay(id, 1, None).unwrap();
    let again = world.deliver(|_| 200);
    assert_eq!(again.len(), 2);
    for (before, after) in first.iter().zip(&again) {
        assert_eq!(before.body(), after.body());
        assert_eq!(header(before, "webhook-id"), header(after, "webhook-id"));
        assert_ne!(before.delivery(), after.delivery(), "it is a delivery of its own");
    }
    let page = world.acme.webhooks().deliveries(id).list(&rally_core::DeliveryQuery::default()).unwrap();
    let (newest, oldest) = (&page.records[0], &page.records[3]);
    assert_eq!((newest.event_id, newest.sequence), (page.records[2].event_id, 2));
    assert_eq!(oldest.sequence, 1);
}

#[test]
fn a_replay_sends_what_was_missed_while_it_was_off() {
    let (world, id) = world();
    let ada = world.add("ada@x.example");
    world.told();
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(false)).unwrap();
    world.acme.contacts().update(ada, &ContactUpdate::new().city("London")).unwrap();
    let deal = world.deal("Two looms");
    world.acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    let error = world.refused(|| world.acme.webhooks().replay(id, 2, None));
    assert_eq!(error.code(), Code::Conflict);
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(true)).unwrap();
    world.acme.webhooks().replay(id, 2, None).unwrap();
    let claims = world.deliver(|_| 200);
    assert_eq!(body(&claims[0])["previous"], serde_json::json!({"city": null}));
    let sent: Vec<_> = claims.iter().map(|claim| body(claim)["type"].as_str().unwrap().to_owned()).collect();
    let expected = ["contact.updated", "deal.created", "deal.updated", "deal.stage_changed", "deal.won"];
    assert_eq!(sent, expected);
}

#[test]
fn a_past_that_the_outbox_does_not_hold_is_told_from_the_history() {
    let world = World::new();
    let ada = world.add("ada@x.example");
    world.acme.contacts().update(ada, &ContactUpdate::new().city("London")).unwrap();
    let bob = world.add("bob@x.example");
    world.acme.contacts().delete(bob).unwrap();
    let id = hook(&world.acme, &[Event::ContactCreated, Event::ContactDeleted]);
    world.acme.webhooks().replay(id, 1, Some(4)).unwrap();
    let claims = world.deliver(|_| 200);
    let sent: Vec<_> =
        claims.iter().map(|claim| (body(claim)["type"].clone(), body(claim)["sequence"].clone())).collect();
    let expected = [("contact.created", 1), ("contact.created", 3), ("contact.deleted", 4)];
    assert_eq!(sent, expected.map(|(event, number)| (event.into(), number.into())));
    assert_eq!(body(&claims[0])["data"]["city"], "London", "as it is now");
    assert!(body(&claims[1]).get("data").is_none() && body(&claims[1])["dataUrl"].is_string());
}

#[test]
fn a_replay_of_a_month_ago_tells_the_same_events() {
    let (world, id) = world();
    let deal = world.deal("Two looms");
    world.acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    assert_eq!(types(&world).len(), 4);
    world.clock.advance(31 * DAY);
    assert!(world.claims().is_empty());
    world.acme.webhooks().replay(id, 1, Some(2)).unwrap();
    let expected = [("deal.created", 1), ("deal.updated", 2), ("deal.stage_changed", 2), ("deal.won", 2)];
    assert_eq!(types(&world), expected.map(|(event, number)| told(event, number)));
}

#[test]
fn a_new_webhook_is_told_of_outcomes_of_the_past() {
    let world = World::new();
    let deal = world.deal("Two looms");
    world.acme.deals().move_to(deal, world.stage("Closed Won")).unwrap();
    let filter = EventFilter::new().changed_fields(["status"]);
    let draft = draft("won", &[Event::DealWon]).filter(filter);
    let id = world.acme.webhooks().create(&draft).unwrap().id;
    world.acme.webhooks().replay(id, 1, None).unwrap();
    let claims = world.deliver(|_| 200);
    assert_eq!(body(&claims[0])["type"], "deal.won");
    assert_eq!(body(&claims[0])["previous"]["status"], "open");
}

#[test]
fn a_replay_goes_by_the_filter() {
    let world = World::new();
    let ada = world.add("ada@x.example");
    let filter = EventFilter::new().changed_fields(["city"]);
    let id = world.acme.webhooks().create(&draft("cities", &[Event::All]).filter(filter)).unwrap().id;
    hook(&world.acme, &[Event::All]);
    world.acme.contacts().update(ada, &ContactUpdate::new().city("London")).unwrap();
    world.acme.contacts().update(ada, &ContactUpdate::new().phone("1")).unwrap();
    let deal = world.deal("Two looms");
    world.acme.deals().update(deal, &DealUpdate::new().notes("soon")).unwrap();
    world.told();
    world.acme.webhooks().replay(id, 1, None).unwrap();
    assert_eq!(types(&world), [told("contact.updated", 2)]);
}

#[test]
fn a_replay_names_changes_that_there_are() {
    let (world, id) = world();
    world.add("ada@x.example");
    world.told();
    let refused = |from, to| world.refused(|| world.acme.webhooks().replay(id, from, to));
    let of = |error: &rally_core::Error, member: &str| error.faults().by_member()[member].join("");
    assert_eq!(of(&refused(0, None), "fromSequence"), "must be 1 to 1, the number of the last change");
    assert!(of(&refused(2, None), "fromSequence").contains("1 to 1"));
    assert!(of(&refused(1, Some(2)), "toSequence").contains("1 to 1"));
    world.acme.trim_changes(rally_core::Timestamp::MAX).unwrap();
    world.add("bob@x.example");
    assert_eq!(refused(1, None).code(), Code::FeedTrimmed);
}

#[test]
fn a_long_replay_is_made_a_step_at_a_time() {
    let world = World::new();
    for number in 0..900 {
        world.add(&format!("c{number}@x.example"));
    }
    let id = hook(&world.acme, &[Event::ContactCreated]);
    world.acme.webhooks().replay(id, 1, None).unwrap();
    let error = world.acme.webhooks().replay(id, 1, None).unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "one replay at a time");
    let first = world.claims();
    let waiting = world.stored(world.acme.tenant().id);
    let waiting = waiting.iter().filter(|entry| entry.key.space().0 == 0x43).count();
    assert!((1..=700).contains(&waiting), "{waiting} wait at once");
    for claim in &first {
        world.finish(claim, 200);
    }
    drop(first);
    assert_eq!(world.told().len() + 8, 900);
    world.acme.webhooks().replay(id, 900, None).unwrap();
    assert_eq!(world.told().len(), 1);
}

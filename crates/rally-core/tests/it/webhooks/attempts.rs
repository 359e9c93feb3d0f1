use rally_core::{
    Answered, Attempted, Code, CompanyDraft, Delivery, DeliveryQuery, DeliveryStatus, Event, Finished, Id,
    RetryAfter, Timestamp, Webhook, WebhookUpdate, limits,
};

use super::{DAY, HOUR, MINUTE, SECOND, body, header, hook, world};
use crate::support::World;

const PLAN: [i64; 9] =
    [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

impl World {
    fn deliveries(&self, webhook: Id<Webhook>) -> Vec<Delivery> {
        self.acme.webhooks().deliveries(webhook).list(&DeliveryQuery::default()).unwrap().records
    }

    fn webhook(&self, webhook: Id<Webhook>) -> Webhook {
        self.acme.webhooks().get(webhook).unwrap()
    }

    fn retried_at(&self, attempted: &Attempted) -> Timestamp {
        let [claim] = &self.claims()[..] else { panic!("one delivery is due") };
        match self.engine.deliveries().finish(claim, attempted).unwrap() {
            Finished::RetriedAt(at) => at,
            other => panic!("{other:?}"),
        }
    }

    fn go_to(&self, at: Timestamp) {
        self.clock.set(at);
    }

    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }
}

#[test]
fn a_success_is_noted_and_ends_the_failures_in_a_row() {
    let (world, id) = world();
    world.add("ada@x.example");
    let at = world.retried_at(&Attempted::failed("the connection was refused", 9));
    let failing = world.webhook(id);
    assert_eq!((failing.failure_count, failing.next_attempt_at), (1, Some(at)));
    let failed = &world.deliveries(id)[0];
    assert_eq!(
        (failed.status, failed.attempt, failed.next_attempt_at),
        (DeliveryStatus::Failed, 1, Some(at))
    );
    assert_eq!(failed.error.as_deref(), Some("the connection was refused"));
    world.go_to(at.plus_micros(-1));
    assert!(world.claims().is_empty());
    world.go_to(at);
    let answer = Answered { status: 201, retry_after: None, body: vec![b'x'; 2_000] };
    let claim = &world.claims()[0];
    assert_eq!(claim.attempt(), 2);
    let done = Attempted { result: Ok(answer), duration_ms: 12 };
    assert_eq!(world.engine.deliveries().finish(claim, &done).unwrap(), Finished::Succeeded);
    let [delivered] = &world.deliveries(id)[..] else { panic!() };
    assert_eq!((delivered.status, delivered.attempt), (DeliveryStatus::Succeeded, 2));
    assert_eq!((delivered.response_status, delivered.duration_ms), (Some(201), Some(12)));
    assert_eq!(delivered.response_body.as_ref().map(String::len), Some(limits::ANSWER_BYTES));
    assert_eq!((delivered.delivered_at, delivered.next_attempt_at), (Some(at), None));
    let well = world.webhook(id);
    assert_eq!((well.failure_count, well.last_triggered_at, well.next_attempt_at), (0, Some(at), None));
}

#[test]
fn attempts_follow_the_plan_with_the_same_bytes_and_then_end() {
    let (world, id) = world();
    world.add("ada@x.example");
    let (mut bodies, mut ids, mut stamps) = (Vec::new(), Vec::new(), Vec::new());
    for (number, delay) in PLAN.iter().enumerate() {
        let [claim] = &world.claims()[..] else { panic!("attempt {number} is due") };
        bodies.push(claim.body().clone());
        ids.push(header(claim, "webhook-id").to_owned());
        stamps.push(header(claim, "webhook-timestamp").to_owned());
        let Finished::RetriedAt(at) = world.finish(claim, 500) else { panic!("{number} is tried again") };
        let after = at.as_micros() - world.now().as_micros();
        assert!((delay * 4 / 5..=delay * 6 / 5).contains(&after), "{number}: {after}");
        world.go_to(at);
    }
    let last = &world.claims()[0];
    assert_eq!(world.finish(last, 500), Finished::GivenUp);
    assert!(
        bodies.iter().all(|body| body == last.body())
            && ids.iter().all(|id| id == header(last, "webhook-id"))
    );
    stamps.dedup();
    assert_eq!(stamps.len(), PLAN.len(), "each attempt is signed at its own instant");
    let delivery = &world.deliveries(id)[0];
    assert_eq!((delivery.status, delivery.attempt), (DeliveryStatus::Exhausted, limits::DELIVERY_ATTEMPTS));
    world.clock.advance(2 * DAY);
    assert!(world.claims().is_empty());
    assert!(world.webhook(id).is_active, "three days of failures are fewer than five");
}

#[test]
fn a_receivers_wait_is_kept_between_the_planned_one_and_twice_that() {
    let asks = |wait| {
        let (world, _) = world();
        world.add("ada@x.example");
        let answer = Answered { status: 429, retry_after: Some(wait), body: Vec::new() };
        let at = world.retried_at(&Attempted { result: Ok(answer), duration_ms: 1 });
        at.as_micros() - world.now().as_micros()
    };
    let planned = asks(RetryAfter::Seconds(0));
    assert!((4 * SECOND..=6 * SECOND).contains(&planned));
    assert_eq!(asks(RetryAfter::Seconds(8)), 8 * SECOND);
    assert_eq!(asks(RetryAfter::Seconds(u64::MAX)), 10 * SECOND);
    let now = super::world().0.now();
    assert_eq!(asks(RetryAfter::At(now.plus_micros(9 * SECOND))), 9 * SECOND);
    assert_eq!(asks(RetryAfter::At(Timestamp::MAX)), 10 * SECOND);
    assert_eq!(asks(RetryAfter::At(Timestamp::MIN)), planned);
}

#[test]
fn a_redirect_is_a_failure() {
    let (world, _) = world();
    world.add("ada@x.example");
    assert!(matches!(world.finish(&world.claims()[0], 301), Finished::RetriedAt(_)));
}

#[test]
fn a_receiver_that_is_gone_is_switched_off_and_others_are_told() {
    let (world, id) = world();
    let other = hook(&world.acme, &[Event::DealWon]);
    world.add("ada@x.example");
    world.add("bob@x.example");
    let claims = world.claims();
    assert_eq!(world.finish(&claims[0], 410), Finished::GivenUp);
    let off = world.webhook(id);
    assert!(!off.is_active && off.disabled_reason.unwrap().contains("410"));
    drop(claims);
    world.clock.advance(MINUTE);
    let told = world.deliver(|_| 200);
    assert_eq!(told.len(), 1, "what was waiting is skipped");
    assert_eq!(told[0].webhook(), other);
    let event = body(&told[0]);
    assert_eq!(event["type"], "webhook.disabled");
    assert_eq!(event["data"]["id"], id.to_string());
    assert!(!event.to_string().contains("whsec_"));
    let states: Vec<_> = world.deliveries(id).iter().map(|delivery| delivery.status).collect();
    assert_eq!(states, [DeliveryStatus::Skipped, DeliveryStatus::Exhausted]);
    let entry = world.acme.audit().list(rally_core::AuditEntry::ACTION.is("webhook.disabled")).unwrap();
    assert_eq!((entry.records.len(), entry.records[0].actor.as_str()), (1, "courier"));
    let on = world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(true)).unwrap();
    assert!(on.is_active && on.disabled_reason.is_none());
}

#[test]
fn a_webhook_is_switched_off_after_five_days_of_failures_alone() {
    let (world, id) = world();
    let mut days = 0;
    while world.webhook(id).is_active {
        world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap();
        world.deliver(|_| 503);
        world.clock.advance(DAY / 2);
        days += 1;
        assert!(days < 20, "it is never switched off");
    }
    assert_eq!(days, 11, "ten half days after the first failure");
    assert!(world.webhook(id).disabled_reason.unwrap().contains("5 days"));
    // A success in between, and the days begin anew.
    let (world, id) = super::world();
    for half_day in 0..20 {
        world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap();
        world.deliver(|_| if half_day % 8 == 7 { 200 } else { 503 });
        world.clock.advance(DAY / 2);
    }
    assert!(world.webhook(id).is_active);
}

#[test]
fn a_breaker_opens_after_ten_failures_within_a_minute_and_a_probe_closes_it() {
    let (world, id) = world();
    for number in 0..30 {
        world.add(&format!("c{number}@x.example"));
    }
    let failed = world.deliver(|_| 500);
    assert!((10..=17).contains(&failed.len()), "{} attempts", failed.len());
    let mut probe = world.webhook(id).next_attempt_at.unwrap();
    let mut before = world.now();
    for seconds in [10, 20, 40, 80, 160, 300, 300] {
        let after = probe.as_micros() - before.as_micros();
        let planned = seconds * SECOND;
        assert!((planned * 4 / 5..=planned * 6 / 5).contains(&after), "{seconds}: {after}");
        world.go_to(probe.plus_micros(-1));
        assert!(world.claims().is_empty());
        world.go_to(probe);
        before = world.now();
        let claims = world.claims();
        assert_eq!(claims.len(), 1, "one probe");
        world.finish(&claims[0], 500);
        assert!(world.claims().is_empty());
        probe = world.webhook(id).next_attempt_at.unwrap();
    }
    world.go_to(probe);
    assert_eq!(world.finish(&world.claims()[0], 200), Finished::Succeeded);
    assert_eq!(world.webhook(id).failure_count, 0);
    assert!(world.claims().len() > 1, "the others follow at once");
}

#[test]
fn failures_that_are_far_apart_open_no_breaker() {
    let (world, _) = world();
    for number in 0..12 {
        world.add(&format!("c{number}@x.example"));
        let claims = world.claims();
        let new = claims.iter().find(|claim| claim.attempt() == 1).expect("no breaker is open");
        world.finish(new, 500);
        for again in claims.iter().filter(|claim| claim.attempt() > 1) {
            world.finish(again, 500);
        }
        world.clock.advance(MINUTE);
    }
}

#[test]
fn a_test_is_sent_once_even_to_a_webhook_that_is_off_and_switches_it_on() {
    let (world, id) = world();
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(false)).unwrap();
    let test = world.acme.webhooks().test(id).unwrap();
    assert_eq!((test.event_type, test.status), (Event::WebhookTest, DeliveryStatus::Pending));
    let claims = world.claims();
    assert_eq!((claims.len(), claims[0].delivery()), (1, test.id));
    assert_eq!(body(&claims[0])["type"], "webhook.test");
    assert_eq!(world.finish(&claims[0], 500), Finished::GivenUp);
    drop(claims);
    let failed = world.acme.webhooks().deliveries(id).get(test.id).unwrap();
    assert_eq!((failed.status, failed.next_attempt_at), (DeliveryStatus::Failed, None));
    assert_eq!(world.webhook(id).failure_count, 0, "a test is no delivery that has failed");
    world.clock.advance(DAY);
    assert!(world.claims().is_empty());
    world.acme.webhooks().test(id).unwrap();
    assert_eq!(world.finish(&world.claims()[0], 204), Finished::Succeeded);
    let on = world.webhook(id);
    assert!(on.is_active && on.last_triggered_at.is_some());
}

#[test]
fn a_test_does_not_wait_for_an_open_breaker() {
    let (world, id) = world();
    for number in 0..12 {
        world.add(&format!("c{number}@x.example"));
    }
    world.deliver(|_| 500);
    let test = world.acme.webhooks().test(id).unwrap();
    assert_eq!(world.claims()[0].delivery(), test.id);
}

#[test]
fn a_delivery_is_made_once_more_when_it_is_asked_for() {
    let (world, id) = world();
    world.add("ada@x.example");
    let first = world.deliver(|_| 200).remove(0);
    let again = world.acme.webhooks().redeliver(id, first.delivery()).unwrap();
    assert_eq!((again.status, again.delivered_at), (DeliveryStatus::Pending, None));
    let second = world.deliver(|_| 500).remove(0);
    assert_eq!((second.body(), second.delivery()), (first.body(), first.delivery()));
    assert_eq!(header(&second, "webhook-id"), header(&first, "webhook-id"));
    let failed = world.acme.webhooks().deliveries(id).get(first.delivery()).unwrap();
    assert_eq!((failed.status, failed.attempt), (DeliveryStatus::Failed, 2));
    world.clock.advance(MINUTE);
    let held = world.claims();
    let error = world.acme.webhooks().redeliver(id, first.delivery()).unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "an attempt is under way");
    drop(held);
    world.acme.webhooks().update(id, &WebhookUpdate::new().is_active(false)).unwrap();
    world.clock.advance(MINUTE);
    assert!(world.claims().is_empty());
    let error = world.acme.webhooks().redeliver(id, first.delivery()).unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "it is switched off");
}

#[test]
fn both_secrets_sign_while_the_former_may() {
    let (world, id) = world();
    let signatures = |world: &World| {
        world.acme.webhooks().test(id).unwrap();
        let claim = world.deliver(|_| 200).remove(0);
        header(&claim, "webhook-signature").split(' ').count()
    };
    assert_eq!(signatures(&world), 1);
    let before = world.webhook(id).secret;
    let after = world.acme.webhooks().rotate_secret(id, 24).unwrap();
    assert_ne!(after.secret, before);
    assert_eq!(signatures(&world), 2);
    world.clock.advance(24 * HOUR - 1);
    assert_eq!(signatures(&world), 2);
    world.clock.advance(2);
    assert_eq!(signatures(&world), 1);
    world.acme.webhooks().rotate_secret(id, 0).unwrap();
    assert_eq!(signatures(&world), 1, "without grace the former is over at once");
}

#[test]
fn at_most_five_secrets_sign_and_for_seven_days_at_most() {
    let (world, id) = world();
    let error = world.refused(|| world.acme.webhooks().rotate_secret(id, 169));
    assert_eq!(error.faults().by_member()["graceHours"], ["must be 0 to 168"]);
    for _ in 1..limits::WEBHOOK_SECRETS {
        world.acme.webhooks().rotate_secret(id, 168).unwrap();
    }
    let error = world.refused(|| world.acme.webhooks().rotate_secret(id, 1));
    assert_eq!(error.code(), Code::LimitExceeded);
    assert!(error.detail().contains("ends at 2025-02-08"), "{error}");
    world.clock.advance(7 * DAY);
    world.acme.webhooks().rotate_secret(id, 1).unwrap();
}

#[test]
fn deliveries_are_listed_newest_first_by_pages_and_filters() {
    let (world, id) = world();
    for number in 0..5 {
        world.add(&format!("c{number}@x.example"));
    }
    world.acme.companies().create(&CompanyDraft::new("Looms")).unwrap();
    world.deliver(|claim| if claim.event() == Some(Event::CompanyCreated) { 500 } else { 200 });
    let deliveries = world.acme.webhooks().deliveries(id);
    let list = |query: DeliveryQuery| {
        let page = deliveries.list(&query).unwrap();
        (page.records.iter().map(|delivery| delivery.sequence).collect::<Vec<_>>(), page.has_more, page.total)
    };
    let all = DeliveryQuery::default;
    assert_eq!(list(all()), (vec![6, 5, 4, 3, 2, 1], false, None));
    assert_eq!(
        list(DeliveryQuery { limit: 2, offset: 1, count: true, ..all() }),
        (vec![5, 4], true, Some(6))
    );
    let second = deliveries.list(&DeliveryQuery { limit: 2, ..all() }).unwrap().records[1].id;
    assert_eq!(list(DeliveryQuery { limit: 2, after: Some(second), ..all() }), (vec![4, 3], true, None));
    assert_eq!(list(DeliveryQuery { status: Some(DeliveryStatus::Failed), ..all() }), (vec![6], false, None));
    let created = DeliveryQuery { event_type: Some(Event::ContactCreated), count: true, limit: 1, ..all() };
    assert_eq!(list(created), (vec![5], true, Some(5)));
    world.clock.advance(SECOND);
    let since = Some(world.now().plus_micros(-1));
    world.acme.webhooks().redeliver(id, second).unwrap();
    assert_eq!(list(DeliveryQuery { updated_since: since, ..all() }), (vec![5], false, None));
    for limit in [0, limits::PAGE + 1] {
        assert!(deliveries.list(&DeliveryQuery { limit, ..all() }).unwrap_err().is_invalid());
    }
}

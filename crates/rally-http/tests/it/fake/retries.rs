//! The plan of retries, run by moving the clock.

use std::time::Duration;

use rally_core::{Finished, Timestamp};
use rally_http::testing::{Delivered, Fake, Moved, StartClock, What};

use super::{
    client::{api, contact},
    inbox::hook,
};

fn deliveries(moved: &Moved) -> Vec<(Timestamp, &Delivered)> {
    let mut sent = Vec::new();
    for ran in &moved.ran {
        if let What::Delivery(delivered) = &ran.what {
            sent.push((ran.at, delivered));
        }
    }
    sent
}

#[test]
fn the_whole_plan_runs_in_order_each_attempt_at_its_instant() {
    let fake = Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap();
    hook(&fake, "orders");
    fake.script_inbox("orders", [500]).unwrap();
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    let settled = fake.settle().unwrap();
    let moved = fake.advance(Duration::from_hours(24 * 6)).unwrap();
    let mut sent = deliveries(&settled);
    sent.extend(deliveries(&moved));
    // The first attempt may have been made by the fake itself before it was told to settle.
    let first = 11 - sent.len();
    let attempts: Vec<usize> = sent.iter().map(|(_, sent)| usize::try_from(sent.attempt).unwrap()).collect();
    assert_eq!(attempts, (first..=10).collect::<Vec<_>>());
    for pair in sent.windows(2) {
        assert_eq!(
            pair[0].1.outcome,
            Finished::RetriedAt(pair[1].0),
            "each runs at the instant that was planned"
        );
    }
    assert_eq!(sent.last().unwrap().1.outcome, Finished::GivenUp);
    let inbox = fake.inbox("orders").messages;
    assert_eq!(inbox.len(), 10);
    assert!(inbox.windows(2).all(|pair| pair[0].at < pair[1].at));
    let at: Vec<Timestamp> = moved.ran.iter().map(|ran| ran.at).collect();
    assert!(at.is_sorted());
    assert_eq!(fake.now().as_micros(), moved.now.as_micros());
}

#[test]
fn probes_of_a_breaker_run_by_the_clock_and_close_it() {
    let fake = Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap();
    hook(&fake, "orders");
    let mut answers = vec![500_u16; 11];
    answers.push(200);
    fake.script_inbox("orders", answers).unwrap();
    for number in 0..12 {
        api(&fake, "POST", "/contacts", &contact(&format!("c{number}"))).is(201);
    }
    fake.settle().unwrap();
    let hook = |member: &str| api(&fake, "GET", "/webhooks", "").is(200).json()[0][member].clone();
    assert!(hook("failureCount").as_u64().unwrap() >= 10);
    fake.advance(Duration::from_hours(1)).unwrap();
    assert_eq!(hook("failureCount"), 0);
    let accepted = fake.inbox("orders").messages.iter().filter(|message| message.is_accepted()).count();
    assert_eq!(accepted, 12);
}

#[test]
fn events_are_forgotten_after_their_month() {
    let fake = Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap();
    hook(&fake, "orders");
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    fake.settle().unwrap();
    let id = api(&fake, "GET", "/webhooks?fields=id", "").json()[0]["id"].as_str().unwrap().to_owned();
    let kept = || {
        api(&fake, "GET", &format!("/webhooks/{id}/deliveries"), "").is(200).json().as_array().unwrap().len()
    };
    assert_eq!(kept(), 1);
    fake.advance(Duration::from_hours(24 * 29)).unwrap();
    assert_eq!(kept(), 1);
    let moved = fake.advance(Duration::from_hours(48)).unwrap();
    assert_eq!(kept(), 0);
    assert!(moved.ran.iter().any(|ran| matches!(ran.what, What::EventsForgotten { count: 1 })), "{moved:?}");
}

//! Webhooks as administrators write them, and the events that changes make.

mod attempts;
mod events;
mod fairness;
mod large;
mod members;
mod order;
mod replay;

use rally_core::{Attempted, Claim, CourierLimits, Event, Finished, Id, Session, Webhook, WebhookDraft};
use serde_json::Value;

use crate::support::World;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn draft(name: &str, events: &[Event]) -> WebhookDraft {
    WebhookDraft::new(name, "https://x.example/hook", events)
}

fn hook(acme: &Session, events: &[Event]) -> Id<Webhook> {
    acme.webhooks().create(&draft("till", events)).unwrap().id
}

/// A world with a webhook for every event.
fn world() -> (World, Id<Webhook>) {
    let world = World::new();
    let id = hook(&world.acme, &[Event::All]);
    (world, id)
}

/// The body of a claim.
fn body(claim: &Claim) -> Value {
    serde_json::from_slice(claim.body()).unwrap()
}

fn header<'c>(claim: &'c Claim, name: &str) -> &'c str {
    &claim.headers().iter().find(|(known, _)| *known == name).unwrap().1
}

impl World {
    /// What is due, claimed.
    fn claims(&self) -> Vec<Claim> {
        self.engine.deliveries().claim(&CourierLimits::default()).unwrap()
    }

    fn finish(&self, claim: &Claim, status: u16) -> Finished {
        self.engine.deliveries().finish(claim, &Attempted::answered(status, 7)).unwrap()
    }

    /// Delivers all that is due, each with the status that `answer` gives; the claims in their order.
    fn deliver(&self, mut answer: impl FnMut(&Claim) -> u16) -> Vec<Claim> {
        let mut all = Vec::new();
        loop {
            let claims = self.claims();
            if claims.is_empty() {
                return all;
            }
            for claim in claims {
                let status = answer(&claim);
                self.finish(&claim, status);
                all.push(claim);
            }
        }
    }

    /// The types and the sequences of all events that are due, which are delivered.
    fn told(&self) -> Vec<(String, u64)> {
        let told = |claim: &Claim| {
            let body = body(claim);
            (body["type"].as_str().unwrap().to_owned(), body["sequence"].as_u64().unwrap())
        };
        self.deliver(|_| 200).iter().map(told).collect()
    }
}

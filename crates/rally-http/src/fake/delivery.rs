//! Delivers the events of a tenant's webhooks by the tenant's own clock.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use rally_core::{Answered, Attempted, Claim, Delivery, Event, Finished, Id, RetryAfter, Timestamp, Webhook};

use super::{
    faults::{FaultAction, Seen},
    receiving::{inbox_of, receive},
    shared::Shared,
    world::{Live, World},
};
use crate::{
    courier::{Courier, WebhookRequest},
    limits::WEBHOOK_TIMEOUT,
};

/// The time between two looks at what has become due by the clocks of tenants, and by what a test has changed without a
/// request.
const LOOK: Duration = Duration::from_millis(25);
/// Looks in a row that may find nothing although something is due, before it is left to the next one.
const VAIN_LOOKS: u32 = 100;

/// An attempt that was made.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Timestamp,
    pub(crate) webhook: Id<Webhook>,
    pub(crate) delivery: Id<Delivery>,
    pub(crate) event: Option<Event>,
    pub(crate) attempt: u32,
    pub(crate) attempted: Attempted,
    pub(crate) finished: Finished,
}

/// Delivers what becomes due at any tenant, until the fake is gone.
pub(super) fn watch(fake: Weak<Shared>) {
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(fake) = fake.upgrade() else { return };
            for world in fake.worlds() {
                stir(&fake, &world);
            }
        }
    });
}

/// Begins to deliver what is due at a tenant, unless that is under way.
pub(super) fn stir(fake: &Arc<Shared>, world: &Arc<World>) {
    if !world.is_due() {
        return;
    }
    world.stirred.notify_one();
    if world.is_delivering.swap(true, Ordering::SeqCst) {
        return;
    }
    let (fake, world) = (Arc::clone(fake), Arc::clone(world));
    tokio::spawn(async move {
        if let Ok(_delivering) = world.delivering.try_lock() {
            drop(deliver_due(&fake, &world).await);
        }
        world.is_delivering.store(false, Ordering::SeqCst);
    });
}

impl World {
    /// The instant at which something is to be delivered next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.live().engine.deliveries().next_due()
    }

    fn is_due(&self) -> bool {
        self.next_due().is_some_and(|at| at <= self.now())
    }
}

/// Delivers all that is due by a tenant's clock, and what becomes due on the way. The caller holds `delivering`.
pub(super) async fn deliver_due(fake: &Shared, world: &World) -> Vec<Sent> {
    let live = world.live();
    let (limits, deliveries) = (fake.options.courier_limits, live.engine.deliveries());
    if limits.in_flight == 0 {
        return Vec::new();
    }
    let (mut sent, mut attempts, mut in_vain) = (Vec::new(), FuturesUnordered::new(), 0);
    loop {
        let claims = deliveries.claim(&limits).unwrap_or_else(|error| {
            tracing::error!(?error, "events of a fake are not delivered");
            Vec::new()
        });
        if !claims.is_empty() {
            attempts.extend(claims.into_iter().map(|claim| attempt(fake, world, &live, claim)));
            continue;
        }
        let is_due = deliveries.next_due().is_some_and(|at| at <= world.now());
        if is_due && in_vain < VAIN_LOOKS {
            in_vain += 1;
            continue;
        }
        if attempts.is_empty() {
            return sent;
        }
        tokio::select! {
            Some(made) = attempts.next() => sent.push(made),
            () = world.stirred.notified() => {}
        }
        in_vain = 0;
    }
}

/// The answer of a receiver, or a phrase why there was none.
type Heard = Result<Answered, String>;

/// Sends an event, unless a fault comes between; and the time by which the attempt took longer than real time tells.
async fn send(fake: &Shared, world: &World, claim: &Claim) -> (Heard, Duration) {
    let inbox = inbox_of(&fake.options.url, claim.url());
    let seen = Seen {
        route: inbox.as_deref(),
        event: Some(claim.event().map_or("", Event::as_str)),
        ..Seen::default()
    };
    let struck = world.faults.strike(&seen);
    let lost = |why: &str| (Err(format!("there was no valid answer: {why}")), Duration::ZERO);
    match struck.map(|struck| struck.action) {
        Some(FaultAction::Status { status, retry_after }) => {
            let retry_after = retry_after.map(|seconds| RetryAfter::Seconds(seconds.into()));
            (Ok(Answered { status, retry_after, ..Answered::default() }), Duration::ZERO)
        }
        Some(FaultAction::Drop) => lost("the connection was closed"),
        Some(FaultAction::Reset { .. }) => {
            drop(hand_over(fake, world, claim, inbox.as_deref()).await);
            lost("the connection was reset")
        }
        Some(FaultAction::Delay { by }) if by >= WEBHOOK_TIMEOUT => {
            (Err(format!("waiting for the answer had not ended after {} s", WEBHOOK_TIMEOUT.as_secs())), by)
        }
        Some(FaultAction::Delay { by }) => (hand_over(fake, world, claim, inbox.as_deref()).await, by),
        Some(FaultAction::Duplicate) => {
            drop(hand_over(fake, world, claim, inbox.as_deref()).await);
            (hand_over(fake, world, claim, inbox.as_deref()).await, Duration::ZERO)
        }
        _ => (hand_over(fake, world, claim, inbox.as_deref()).await, Duration::ZERO),
    }
}

/// Hands an event to an inbox, or sends it over the network.
async fn hand_over(fake: &Shared, world: &World, claim: &Claim, inbox: Option<&str>) -> Heard {
    if let Some(inbox) = inbox {
        return receive(world, inbox, claim);
    }
    let request = WebhookRequest {
        url: claim.url().to_owned(),
        headers: claim.headers().to_vec(),
        body: claim.body().clone(),
        trace: claim.trace(),
    };
    fake.http_courier.send(request).await.map_err(|failure| failure.to_string())
}

/// Makes an attempt, and tells the engine its outcome.
async fn attempt(fake: &Shared, world: &World, live: &Live, claim: Claim) -> Sent {
    let (at, begun) = (world.now(), tokio::time::Instant::now());
    let (answered, delay) = send(fake, world, &claim).await;
    let attempted = Attempted {
        result: answered,
        duration_ms: u64::try_from((begun.elapsed() + delay).as_millis()).unwrap_or(u64::MAX),
    };
    let finished = live.engine.deliveries().finish(&claim, &attempted).unwrap_or_else(|error| {
        tracing::error!(?error, "the outcome of a delivery is not noted");
        Finished::Lost
    });
    Sent {
        at,
        webhook: claim.webhook(),
        delivery: claim.delivery(),
        event: claim.event(),
        attempt: claim.attempt(),
        attempted,
        finished,
    }
}

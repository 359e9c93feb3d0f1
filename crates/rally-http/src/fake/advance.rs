//! Moves a tenant's clock, and runs what falls due on the way.

use std::sync::Arc;

use rally_core::{ApiKey, Error, Finished, Id, Query, Retired, Timestamp};
use uuid::Uuid;

use super::{
    delivery::{Sent, deliver_due},
    limits,
    shared::Shared,
    world::World,
};

const MINUTE: i64 = 60_000_000;

/// All that has run while a clock was moved.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The clock at the end.
    pub now: Timestamp,
    /// Things that have run or ended, in the order of their instants.
    pub ran: Vec<Ran>,
    /// Things that have run beyond those that are told.
    pub ran_beyond: usize,
}

/// A thing that has run, or come to its end, at an instant.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The instant, by the tenant's clock.
    pub at: Timestamp,
    /// The thing.
    pub what: What,
}

/// The things that fall due.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// An attempt to deliver an event.
    Delivery(Delivered),
    /// An API key has expired.
    KeyExpired {
        /// The key.
        id: Id<ApiKey>,
        /// Its name.
        name: String,
    },
    /// A token of a login has expired.
    TokenExpired {
        /// The user.
        user: Uuid,
    },
    /// Answers to writes with an idempotency key are kept no longer; the last of them since this instant.
    IdempotencyKeyExpired {
        /// Number of them.
        count: u64,
    },
    /// Events of webhooks are kept no longer; the last of them since this instant.
    EventsForgotten {
        /// Number of them.
        count: u64,
    },
    /// Minutes of the rate limit have begun, the last one at this instant.
    RateWindow {
        /// Number of them.
        count: u64,
    },
}

/// An attempt to deliver an event.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The webhook.
    pub webhook: Id<rally_core::Webhook>,
    /// The delivery.
    pub delivery: Id<rally_core::Delivery>,
    /// The type of the event.
    pub event: Option<rally_core::Event>,
    /// The number of the attempt, from 1 on.
    pub attempt: u32,
    /// The receiver's status, if it has answered.
    pub status: Option<u16>,
    /// The reason for which it has not.
    pub error: Option<String>,
    /// The consequence.
    pub outcome: Finished,
}

/// Runs what is due at a tenant already.
pub(super) async fn settle(fake: &Shared, world: &Arc<World>) -> Result<Moved, Error> {
    let _delivering = world.delivering.lock().await;
    let was_going = world.clock.hold();
    let sent = deliver_due(fake, world).await;
    world.clock.release(was_going);
    Ok(moved(world, sent.into_iter().map(Ran::from).collect()))
}

/// Runs all that falls due at a tenant until an instant, in order, each at its own, and goes there.
pub(super) async fn advance(fake: &Shared, world: &Arc<World>, to: Timestamp) -> Result<Moved, Error> {
    let _delivering = world.delivering.lock().await;
    let was_going = world.clock.hold();
    let from = world.now();
    let retired = world.session().and_then(|session| session.retired(from, to));
    let mut sent = deliver_due(fake, world).await;
    while step(world, to) {
        sent.extend(deliver_due(fake, world).await);
    }
    let ran = ended(world, from, to);
    world.clock.release(was_going);
    let mut ran = ran?;
    let Retired { answers, events } = retired?;
    let kept_no_longer = [
        (answers, What::IdempotencyKeyExpired { count: answers.count }),
        (events, What::EventsForgotten { count: events.count }),
    ];
    ran.extend(kept_no_longer.into_iter().filter_map(|(ended, what)| Some(Ran { at: ended.last?, what })));
    ran.extend(sent.into_iter().map(Ran::from));
    ran.sort_by_key(|ran| ran.at);
    Ok(moved(world, ran))
}

/// Goes to the next instant at which something is due, at most to an end; false once the end was reached before.
pub(super) fn step(world: &World, end: Timestamp) -> bool {
    let now = world.now();
    let next = world.next_due().filter(|next| *next > now && *next < end).unwrap_or(end);
    let goes_on = now < end;
    if goes_on {
        world.clock.go_to(next);
    }
    goes_on
}

fn moved(world: &World, mut ran: Vec<Ran>) -> Moved {
    let ran_beyond = ran.len().saturating_sub(limits::RAN_ENTRIES);
    ran.truncate(limits::RAN_ENTRIES);
    Moved { now: world.now(), ran, ran_beyond }
}

/// The things that have ended by the clock alone, after an instant and at another at the latest.
fn ended(world: &World, from: Timestamp, to: Timestamp) -> Result<Vec<Ran>, Error> {
    let mut ended = Vec::new();
    let is_between = |at: &Timestamp| *at > from && *at <= to;
    for key in world.session()?.view()?.api_keys().all(Query::all())? {
        let ApiKey { id, name, expires_at, is_active, .. } = key?;
        let expired = expires_at.filter(|at| is_active && is_between(at));
        ended.extend(expired.map(|at| Ran { at, what: What::KeyExpired { id, name } }));
    }
    let tokens = world.tokens_between(from, to);
    ended.extend(tokens.into_iter().map(|(at, user)| Ran { at, what: What::TokenExpired { user } }));
    let minute = |at: Timestamp| at.as_micros().div_euclid(MINUTE);
    let windows = u64::try_from(minute(to).saturating_sub(minute(from))).unwrap_or(0);
    if windows > 0 {
        let at = Timestamp::from_micros(minute(to).saturating_mul(MINUTE));
        ended.push(Ran { at, what: What::RateWindow { count: windows } });
    }
    Ok(ended)
}

impl From<Sent> for Ran {
    fn from(sent: Sent) -> Self {
        let (status, error) = match sent.attempted.result {
            Ok(answer) => (Some(answer.status), None),
            Err(reason) => (None, Some(reason)),
        };
        let Sent { at, webhook, delivery, event, attempt, finished, .. } = sent;
        let what =
            What::Delivery(Delivered { webhook, delivery, event, attempt, status, error, outcome: finished });
        Self { at, what }
    }
}

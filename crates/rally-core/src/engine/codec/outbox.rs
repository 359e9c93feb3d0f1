//! Rows of the outbox: who subscribes to events, the events, and their deliveries.

use bincode::{Decode, Encode};

use super::Wire;
use crate::base::TRACE_BYTES;

/// All who subscribe to a tenant's events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SubscriptionsV1 {
    pub(crate) all: Vec<SubscriptionV1>,
}

/// One subscription, by the id of the record that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct SubscriptionV1 {
    pub(crate) subscriber: [u8; 16],
    /// False when its events are kept but not delivered.
    pub(crate) is_on: bool,
    /// A bit for the number of each type of event.
    pub(crate) types: u64,
    /// The number of the order of its deliveries.
    pub(crate) order: u8,
    /// Names of members of which an event must have changed one; empty for any event.
    pub(crate) changed: Vec<String>,
    /// The value that a member of the record must have.
    pub(crate) only: Option<OnlyV1>,
}

/// A value that a member of the records of a kind must have, as JSON text.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OnlyV1 {
    pub(crate) kind: u8,
    pub(crate) slot: u8,
    pub(crate) value: String,
}

/// An event; its place is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct EventV1 {
    /// The instant of the change that it tells of.
    pub(crate) origin: i64,
    /// The number of that change in the feed, or of the last one before it.
    pub(crate) number: u64,
    /// The kind of the record; 0 without a record.
    pub(crate) kind: u8,
    pub(crate) entity: [u8; 16],
    /// The trace of the request that the event follows from.
    pub(crate) trace: Option<[u8; TRACE_BYTES]>,
    pub(crate) payload: PayloadV1,
}

/// The content of an event.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum PayloadV1 {
    /// The bytes that are sent.
    Body(Vec<u8>),
    /// The members that were changed, each with its JSON text before; the bytes to send are made of them later.
    Later(Vec<(String, String)>),
}

/// The delivery of an event to a subscriber; its place is in its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct DeliveryV1 {
    /// The instant of the change that the event tells of.
    pub(crate) origin: i64,
    pub(crate) number: u64,
    /// The line in which it waits for earlier deliveries.
    pub(crate) line: Option<[u8; 16]>,
    pub(crate) status: u8,
    /// Attempts that have ended.
    pub(crate) attempts: u32,
    /// Attempts that have ended since the plan of its retries began.
    pub(crate) step: u32,
    /// The instant of its entry among those that are due.
    pub(crate) due: Option<i64>,
    pub(crate) lease: Option<LeaseV1>,
    pub(crate) made_at: i64,
    pub(crate) changed_at: i64,
    pub(crate) delivered_at: Option<i64>,
    pub(crate) last: Option<AttemptV1>,
}

/// The claim of a courier on a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct LeaseV1 {
    pub(crate) until: i64,
    pub(crate) token: [u8; 16],
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct AttemptV1 {
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) error: Option<String>,
    pub(crate) took_ms: u64,
}

/// The success that a subscriber has had with its deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StandingV1 {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// The first of them.
    pub(crate) failed_since: Option<i64>,
    /// The last of them, as many as open the breaker.
    pub(crate) recent: Vec<i64>,
    pub(crate) last_success: Option<i64>,
    pub(crate) breaker: Option<BreakerV1>,
    /// The instant of the next attempt that is planned.
    pub(crate) next_at: Option<i64>,
}

/// A breaker that is open: nothing is sent but probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BreakerV1 {
    pub(crate) probes: u32,
    pub(crate) next_at: i64,
}

/// Work that is left to do for a subscriber, a bounded step at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) enum TaskV1 {
    /// Deliver the events of the outbox whose places are within these instants, both included.
    Spread { from: i64, to: i64 },
    /// Deliver once more the events after a change in the feed, up to another, that one included.
    Replay { after: u64, to: u64 },
    /// Delete the deliveries of a subscriber that is gone.
    Clear,
}

impl Wire for SubscriptionsV1 {
    const ROW: u8 = 20;
    const FORMAT: u8 = 1;
}

impl Wire for EventV1 {
    const ROW: u8 = 21;
    const FORMAT: u8 = 1;
}

impl Wire for DeliveryV1 {
    const ROW: u8 = 22;
    const FORMAT: u8 = 1;
}

impl Wire for StandingV1 {
    const ROW: u8 = 23;
    const FORMAT: u8 = 1;
}

impl Wire for TaskV1 {
    const ROW: u8 = 24;
    const FORMAT: u8 = 1;
}

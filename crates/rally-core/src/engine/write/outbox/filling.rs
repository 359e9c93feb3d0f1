use std::{collections::BTreeMap, sync::Arc};

use crate::{
    base::{Timestamp, limits},
    engine::codec::SubscriptionsV1,
};

/// Subscribers to which events are to be delivered later, each with the first and the last instant.
type Spreads = BTreeMap<[u8; 16], (Timestamp, Timestamp)>;

/// The rows and bytes that a transaction has put into the outbox.
#[derive(Debug, Default)]
pub(in crate::engine::write) struct Filling {
    /// The subscriptions, once they have been read.
    pub(super) subscriptions: Option<Arc<SubscriptionsV1>>,
    rows: usize,
    bytes: usize,
    pub(super) spreads: Spreads,
    /// True when something is to be delivered.
    pub(in crate::engine::write) is_filled: bool,
}

impl Filling {
    /// Counts a row with so many bytes of a body.
    pub(super) fn add(&mut self, bytes: usize) {
        self.rows += 1;
        self.bytes += bytes;
    }

    /// True when the transaction has made as much as a batch should hold of the outbox.
    pub(super) fn is_full(&self) -> bool {
        self.rows >= limits::EVENT_ROWS_AT_ONCE || self.bytes >= limits::EVENT_BYTES_AT_ONCE
    }

    /// Notes that the events of an instant are to be delivered to a subscriber later.
    pub(super) fn spread(&mut self, subscriber: [u8; 16], at: Timestamp) {
        self.is_filled = true;
        self.spreads.entry(subscriber).or_insert((at, at)).1 = at;
    }
}

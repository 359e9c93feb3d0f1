//! The end of deliveries and of events.

use uuid::Uuid;

use crate::{
    base::{Timestamp, limits},
    engine::{
        codec::{self, DeliveryV1, TaskV1},
        keys::{EventPlace, OutboxKey, outbox},
        write::Transaction,
    },
    store::StoreError,
};

const DAY_MICROS: i64 = 86_400_000_000;
/// Changes of the feed from one on which old events are deleted to the next.
pub(super) const TIDY_EVERY: u64 = 64;
/// Events that such a change deletes: more than so many changes make.
const FORGOTTEN_AT_ONCE: usize = 512;

impl Transaction<'_> {
    /// Takes a delivery off those that are due, and out of its line, whose next may then have its turn. Its row stays.
    pub(crate) fn end_delivery(
        &mut self,
        subscriber: Uuid,
        place: EventPlace,
        row: &DeliveryV1,
    ) -> Result<(), StoreError> {
        if let Some(due) = row.due {
            self.delete_row(outbox::due(subscriber, Timestamp::from_micros(due), place));
        }
        let Some(line) = row.line.map(Uuid::from_bytes) else { return Ok(()) };
        self.delete_row(outbox::in_line(subscriber, line, place));
        let Some(next) = self.places(&outbox::line(subscriber, line).all(), 1)?.first().copied() else {
            return Ok(());
        };
        let key = outbox::delivery(subscriber, next);
        match self.row::<DeliveryV1>(&key)? {
            Some(waiting) if waiting.due.is_none() => self.make_due(subscriber, next, waiting, self.now()),
            Some(_) => Ok(()),
            None => Err(StoreError::Corrupt { what: "a line of deliveries".to_owned() }),
        }
    }

    /// Deletes some of the events that are older than [`limits::EVENT_DAYS`], with their deliveries; true when there may be
    /// more.
    pub(crate) fn forget_events(&mut self, most: usize) -> Result<bool, StoreError> {
        let oldest = self.now().plus_micros(-limits::EVENT_DAYS * DAY_MICROS);
        // At that instant too, as it is then that couriers are told to look.
        let range = outbox::events().all().until(outbox::events_at(oldest.plus_micros(1)).into_key());
        let places = self.places(&range, most)?;
        let subscriptions = self.subscriptions()?;
        for subscription in &subscriptions.all {
            let subscriber = Uuid::from_bytes(subscription.subscriber);
            let keys: Vec<OutboxKey> =
                places.iter().map(|place| outbox::delivery(subscriber, *place)).collect();
            let rows: Vec<Option<DeliveryV1>> = self.rows(keys)?;
            for (place, row) in places.iter().zip(rows) {
                if let Some(row) = row {
                    self.end_delivery(subscriber, *place, &row)?;
                    self.delete_row(outbox::delivery(subscriber, *place));
                }
            }
        }
        places.iter().for_each(|place| self.delete_row(outbox::event(*place)));
        Ok(places.len() == most)
    }

    /// Deletes some of the rows of a subscriber that is gone; true when there may be more.
    pub(crate) fn clear_subscriber(&mut self, subscriber: Uuid, most: usize) -> Result<bool, StoreError> {
        let parts = [outbox::dues(subscriber), outbox::all_lines(subscriber), outbox::deliveries(subscriber)];
        let mut left = most;
        for part in parts {
            let entries = self.scan_rows(&part.all(), left)?;
            left -= entries.len();
            entries.into_iter().for_each(|entry| self.delete_row(OutboxKey::of(entry.key)));
        }
        Ok(left == 0)
    }

    /// Deletes some of what is kept no longer, as changes come: the outbox is bounded even where nobody delivers.
    pub(super) fn tidy(&mut self) -> Result<(), StoreError> {
        self.forget_events(FORGOTTEN_AT_ONCE)?;
        for entry in self.scan_rows(&outbox::tasks().all(), 1)? {
            let subscriber = outbox::subscriber_of_task(&entry.key);
            if let Some(subscriber) = subscriber
                && codec::decode::<TaskV1>(&entry.value)? == TaskV1::Clear
                && !self.clear_subscriber(subscriber, FORGOTTEN_AT_ONCE)?
            {
                self.delete_row(OutboxKey::of(entry.key));
            }
        }
        Ok(())
    }
}

//! The end of deliveries and of events.

use uuid::Uuid;

use crate::{
    base::{Timestamp, limits},
    engine::{
        codec::DeliveryV1,
        keys::{EventPlace, OutboxKey, outbox},
        write::Transaction,
    },
    store::StoreError,
};

const DAY_MICROS: i64 = 86_400_000_000;

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

    /// Deletes some of the events that are older than [`limits::EVENT_DAYS`], with their deliveries: so many events that at
    /// most `most` deliveries are looked for. True when there may be more.
    pub(crate) fn forget_events(&mut self, most: usize) -> Result<bool, StoreError> {
        let oldest = self.now().plus_micros(-limits::EVENT_DAYS * DAY_MICROS);
        let range = outbox::events().all().until(outbox::events_at(oldest).into_key());
        let subscriptions = self.subscriptions()?;
        let events = (most / subscriptions.all.len().max(1)).max(1);
        let old = self.scan_rows(&range, events)?;
        let is_part = old.len() == events;
        for entry in old {
            let place = EventPlace::at_end(&entry.key);
            let place = place.ok_or_else(|| StoreError::Corrupt { what: "a key of an event".to_owned() })?;
            let subscribers = subscriptions.all.iter().map(|of| Uuid::from_bytes(of.subscriber));
            for subscriber in subscribers {
                let key = outbox::delivery(subscriber, place);
                if let Some(row) = self.row::<DeliveryV1>(&key)? {
                    self.end_delivery(subscriber, place, &row)?;
                    self.delete_row(key);
                }
            }
            self.delete_row(OutboxKey::of(entry.key));
        }
        Ok(is_part)
    }
}

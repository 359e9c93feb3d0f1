//! The rows of the outbox within a transaction.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    base::Timestamp,
    engine::{
        codec::{self, SubscriptionsV1, TaskV1, Wire},
        keys::{EventPlace, OutboxKey, outbox},
        write::Transaction,
    },
    store::{Direction, Entry, KeyRange, Snapshot, StoreError},
};

impl Transaction<'_> {
    /// The subscriptions to the tenant's events.
    pub(crate) fn subscriptions(&mut self) -> Result<Arc<SubscriptionsV1>, StoreError> {
        let read = self.known_subscriptions()?;
        self.outbox.subscriptions = Some(Arc::clone(&read));
        Ok(read)
    }

    /// The subscriptions to the tenant's events, for rules that change nothing.
    pub(crate) fn known_subscriptions(&self) -> Result<Arc<SubscriptionsV1>, StoreError> {
        match &self.outbox.subscriptions {
            Some(known) => Ok(Arc::clone(known)),
            None => Ok(Arc::new(self.row(&outbox::subscriptions())?.unwrap_or_default())),
        }
    }

    /// Replaces the subscriptions to the tenant's events.
    pub(crate) fn set_subscriptions(&mut self, subscriptions: SubscriptionsV1) -> Result<(), StoreError> {
        self.put_row(outbox::subscriptions(), &subscriptions)?;
        self.head_mut().is_subscribed = !subscriptions.all.is_empty();
        self.outbox.subscriptions = Some(Arc::new(subscriptions));
        Ok(())
    }

    /// Leaves a task for whoever delivers.
    pub(crate) fn put_task(
        &mut self,
        subscriber: Uuid,
        at: Timestamp,
        task: &TaskV1,
    ) -> Result<(), StoreError> {
        self.outbox.is_filled = true;
        self.put_row(outbox::task(subscriber, at), task)
    }

    /// Leaves the events that are to be delivered later as tasks.
    pub(in crate::engine::write) fn save_spreads(&mut self) -> Result<(), StoreError> {
        for (subscriber, (from, to)) in std::mem::take(&mut self.outbox.spreads) {
            let task = TaskV1::Spread { from: from.as_micros(), to: to.as_micros() };
            self.put_task(Uuid::from_bytes(subscriber), from, &task)?;
        }
        Ok(())
    }

    /// A row of the outbox.
    pub(crate) fn row<T: Wire>(&self, key: &OutboxKey) -> Result<Option<T>, StoreError> {
        self.overlay.get(key.key())?.map(|bytes| codec::decode(&bytes)).transpose()
    }

    /// Rows of the outbox, in the order of their keys.
    pub(crate) fn rows<T: Wire>(&self, keys: Vec<OutboxKey>) -> Result<Vec<Option<T>>, StoreError> {
        let keys: Vec<_> = keys.into_iter().map(OutboxKey::into_key).collect();
        let rows = self.overlay.get_many(&keys)?.into_iter();
        rows.map(|bytes| bytes.map(|bytes| codec::decode(&bytes)).transpose()).collect()
    }

    pub(crate) fn put_row<T: Wire>(&mut self, key: OutboxKey, row: &T) -> Result<(), StoreError> {
        self.overlay.put(key.into_key(), codec::encode(row)?);
        Ok(())
    }

    /// Puts a row that says all by its key.
    pub(crate) fn put_mark(&mut self, key: OutboxKey) {
        self.overlay.put(key.into_key(), Vec::new());
    }

    pub(crate) fn delete_row(&mut self, key: OutboxKey) {
        self.overlay.delete(key.into_key());
    }

    /// The first rows of a part of the outbox.
    pub(crate) fn scan_rows(&self, range: &KeyRange, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.overlay.scan(range, Direction::Forward, most)
    }

    /// The places at the ends of the first keys of a part of the outbox.
    pub(crate) fn places(&self, range: &KeyRange, most: usize) -> Result<Vec<EventPlace>, StoreError> {
        let damaged = || StoreError::Corrupt { what: "a key of the outbox".to_owned() };
        let entries = self.scan_rows(range, most)?;
        entries.iter().map(|entry| EventPlace::at_end(&entry.key).ok_or_else(damaged)).collect()
    }
}

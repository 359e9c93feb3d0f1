//! The outbox: events that follow from changes, and their deliveries to those who subscribe to them. All are part of the
//! change's own batch, so there is no change without its deliveries, and no delivery without its change.
//!
//! An event is one row with the bytes that are sent, and a delivery is a small row for each subscriber. A transaction
//! that makes more of them than a batch should hold keeps of the rest no more than what they have changed; their bytes
//! and their deliveries are made afterwards, a bounded step at a time.

mod body;
mod ending;
mod filling;
mod matching;
mod rows;

pub(crate) use self::{
    body::{Told, body},
    matching::{EventType, Events, Matter},
};

use uuid::Uuid;

pub(super) use self::filling::Filling;
use super::{Change, Transaction};
use crate::{
    base::{Error, Kind, Timestamp, Trace},
    engine::{
        codec::{DeliveryV1, EventV1, PayloadV1, SubscriptionV1},
        keys::{EventPlace, outbox},
        schema::Record,
    },
    store::StoreError,
};

/// The number of the order in which deliveries wait for nothing.
pub(crate) const UNORDERED: u8 = 0;
/// The number of the order in which the deliveries of a record wait for one another.
pub(crate) const BY_RECORD: u8 = 1;
/// The number of the order in which all deliveries wait for one another.
pub(crate) const STRICT: u8 = 2;

/// An event as it is put into the outbox.
pub(crate) struct NewEvent {
    pub(crate) place: EventPlace,
    /// The instant of the change that it tells of.
    pub(crate) origin: Timestamp,
    pub(crate) number: u64,
    pub(crate) record: Option<(Kind, Uuid)>,
    pub(crate) payload: PayloadV1,
}

impl NewEvent {
    /// A stored event, as it is put at a place.
    pub(crate) fn of(place: EventPlace, row: EventV1) -> Self {
        let kind = Kind::from_number(row.kind);
        Self {
            place,
            origin: Timestamp::from_micros(row.origin),
            number: row.number,
            record: kind.map(|kind| (kind, Uuid::from_bytes(row.entity))),
            payload: row.payload,
        }
    }
}

/// Puts the events of a change into the outbox, with a delivery for each subscriber that they match.
pub(super) fn announce(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    if !transaction.is_subscribed() {
        return Ok(());
    }
    let Some(events) = (change.definition.rules.events)(change)? else { return Ok(()) };
    let subscriptions = transaction.subscriptions()?;
    let told = Told::of(change, events.model)?;
    let matter = Matter {
        kind: change.definition.kind(),
        id: change.id,
        names: told.names(),
        states: [change.before.as_ref(), change.after.as_ref()],
    };
    let mut data = None;
    for event in &events.types {
        let matching: Vec<&SubscriptionV1> =
            subscriptions.all.iter().filter(|subscription| matter.concerns(*event, subscription)).collect();
        if !matching.is_empty() {
            let payload = payload(transaction, change, &events, *event, &told, &mut data)?;
            enter(transaction, change, *event, payload, &matching)?;
        }
    }
    if data.is_some() && transaction.last_number().is_multiple_of(ending::TIDY_EVERY) {
        transaction.tidy()?;
    }
    Ok(())
}

/// The bytes of an event, or what they are made of later, if the transaction has made many.
fn payload(
    transaction: &Transaction<'_>,
    change: &Change<'_>,
    events: &Events,
    event: EventType,
    told: &Told,
    data: &mut Option<Vec<u8>>,
) -> Result<PayloadV1, Error> {
    if transaction.outbox.is_full() {
        return Ok(PayloadV1::Later(told.changed.clone()));
    }
    let data = match data {
        Some(data) => data,
        None => data.insert(data_of(transaction, change, events)?),
    };
    let place = EventPlace { instant: change.at, number: event.number };
    let about = Some((change.definition.kind(), change.id));
    Ok(PayloadV1::Body(body(
        transaction.tenant().id,
        event,
        place,
        transaction.last_number(),
        about,
        Some(data),
        told,
    )))
}

/// The JSON of the record after a change, or before its deletion.
fn data_of(transaction: &Transaction<'_>, change: &Change<'_>, events: &Events) -> Result<Vec<u8>, Error> {
    let Some(record) = change.after.as_ref().or(change.before.as_ref()) else { return Ok(b"null".to_vec()) };
    body::data(&transaction.overlay, events.model, record, change.before.is_none())
}

fn enter(
    transaction: &mut Transaction<'_>,
    change: &Change<'_>,
    event: EventType,
    payload: PayloadV1,
    matching: &[&SubscriptionV1],
) -> Result<(), Error> {
    let is_later = matches!(payload, PayloadV1::Later(_));
    let new = NewEvent {
        place: EventPlace { instant: change.at, number: event.number },
        origin: change.at,
        number: transaction.last_number(),
        record: Some((change.definition.kind(), change.id)),
        payload,
    };
    transaction.put_event(&new)?;
    for subscription in matching.iter().filter(|subscription| subscription.is_on) {
        if is_later {
            transaction.outbox.spread(subscription.subscriber, change.at);
        } else {
            transaction.put_delivery(subscription, &new)?;
        }
    }
    Ok(())
}

impl Transaction<'_> {
    /// Puts an event into the outbox.
    pub(crate) fn put_event(&mut self, new: &NewEvent) -> Result<(), StoreError> {
        let (kind, entity) = new.record.map_or((0, Uuid::nil()), |(kind, id)| (kind.number(), id));
        self.outbox.add(match &new.payload {
            PayloadV1::Body(body) => body.len(),
            PayloadV1::Later(_) => 0,
        });
        let row = EventV1 {
            origin: new.origin.as_micros(),
            number: new.number,
            kind,
            entity: entity.into_bytes(),
            trace: self.trace().map(Trace::to_bytes),
            payload: new.payload.clone(),
        };
        self.put_row(outbox::event(new.place), &row)
    }

    /// Puts the delivery of an event to a subscriber into the outbox.
    pub(crate) fn put_delivery(
        &mut self,
        subscription: &SubscriptionV1,
        new: &NewEvent,
    ) -> Result<(), StoreError> {
        self.put_delivery_at(subscription, new, self.now())
    }

    /// [`put_delivery`](Self::put_delivery) with the instant at which it is due.
    pub(crate) fn put_delivery_at(
        &mut self,
        subscription: &SubscriptionV1,
        new: &NewEvent,
        due: Timestamp,
    ) -> Result<(), StoreError> {
        let entity = new.record.map_or(Uuid::nil(), |(_, id)| id);
        let line = match subscription.order {
            UNORDERED => None,
            STRICT => Some(Uuid::max()),
            _ => Some(entity),
        };
        let now = self.now().as_micros();
        let row = DeliveryV1 {
            origin: new.origin.as_micros(),
            number: new.number,
            line: line.map(Uuid::into_bytes),
            status: 0,
            attempts: 0,
            step: 0,
            due: None,
            lease: None,
            made_at: now,
            changed_at: now,
            delivered_at: None,
            last: None,
        };
        self.make_due(Uuid::from_bytes(subscription.subscriber), new.place, row, due)
    }

    /// Stores a delivery that is going to be attempted at an instant.
    pub(crate) fn make_due(
        &mut self,
        subscriber: Uuid,
        place: EventPlace,
        mut row: DeliveryV1,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(before) = row.due {
            self.delete_row(outbox::due(subscriber, Timestamp::from_micros(before), place));
        }
        row.due = Some(at.as_micros());
        if let Some(line) = row.line {
            self.put_mark(outbox::in_line(subscriber, Uuid::from_bytes(line), place));
        }
        self.put_mark(outbox::due(subscriber, at, place));
        self.outbox.add(0);
        // A look at what is due later is planned by whoever puts it off.
        self.outbox.is_filled |= at <= self.now();
        self.put_row(outbox::delivery(subscriber, place), &row)
    }
}

/// The JSON of a record as subscribers get it, as it is at this moment.
pub(crate) fn data_of_record(
    transaction: &Transaction<'_>,
    model: &crate::engine::schema::Model,
    record: &Record<'_>,
) -> Result<Vec<u8>, Error> {
    body::data(&transaction.overlay, model, record, false)
}

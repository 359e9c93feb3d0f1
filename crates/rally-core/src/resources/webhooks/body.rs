//! Bodies of events that are made after the change: of those that a large transaction has left, and of a past that the
//! outbox does not hold.

use bytes::Bytes;
use uuid::Uuid;

use super::{Event, uuid};
use crate::{
    base::{Error, Kind, Timestamp, Trace},
    engine::{
        codec::{EventV1, PayloadV1},
        keys::{EventPlace, outbox},
        schema::Record,
        write::{self, EventType, Told, Transaction},
    },
    resources::definition,
};

/// The part of an event that is sent.
pub(super) struct Content {
    pub(super) body: Bytes,
    /// The trace of the request that it follows from.
    pub(super) trace: Option<Trace>,
}

/// The bytes of an event that are sent. Those that were left by a large transaction are made now and kept, with the
/// record as it is at this moment; its `sequence` tells the change all the same.
pub(super) fn of(transaction: &mut Transaction<'_>, place: EventPlace) -> Result<Option<Content>, Error> {
    let key = outbox::event(place);
    let Some(event) = transaction.row::<EventV1>(&key)? else { return Ok(None) };
    let trace = event.trace.map(Trace::from_bytes);
    let changed = match event.payload {
        PayloadV1::Body(body) => return Ok(Some(Content { body: body.into(), trace })),
        PayloadV1::Later(changed) => changed,
    };
    let Some(of) = Event::from_number(place.number) else { return Ok(None) };
    let about = Kind::from_number(event.kind).map(|kind| (kind, uuid(event.entity)));
    let place = EventPlace { instant: Timestamp::from_micros(event.origin), ..place };
    let body = made(transaction, of.as_type(), place, event.number, about, &Told { changed })?;
    transaction.put_row(key, &EventV1 { payload: PayloadV1::Body(body.clone()), ..event })?;
    Ok(Some(Content { body: body.into(), trace }))
}

/// The bytes of an event with the record as it is at this moment; without `data` if it is gone.
pub(super) fn made(
    transaction: &Transaction<'_>,
    event: EventType,
    origin: EventPlace,
    number: u64,
    about: Option<(Kind, Uuid)>,
    told: &Told,
) -> Result<Vec<u8>, Error> {
    let mut data = None;
    if let Some((kind, id)) = about
        && let Some(bytes) = transaction.find(kind, id)?
    {
        let record = Record::read(transaction.tenant().id, id, &bytes)?;
        data = Some(write::data_of_record(transaction, definition(kind).model, &record)?);
    }
    let tenant = transaction.tenant().id;
    Ok(write::body(tenant, event, origin, number, about, data.as_deref(), told))
}

//! Deliveries that come to an end without success: of events that are kept no longer, and of webhooks that are switched off
//! or gone. All of it is done a bounded step at a time.

use uuid::Uuid;

use super::{DeliveryStatus, claims::is_test};
use crate::{
    base::Timestamp,
    engine::{
        codec::{AttemptV1, DeliveryV1},
        keys::{EventPlace, outbox},
        write::Transaction,
    },
    store::StoreError,
};

/// Deliveries that one step deletes or skips.
const AT_ONCE: usize = 500;

/// Deletes some of the events that are kept no longer, with their deliveries; true when there are more.
pub(super) fn forget_some(transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
    transaction.forget_events(AT_ONCE)
}

/// Skips some of the deliveries that a webhook which is switched off has waiting; true when there are more.
pub(super) fn skip_some(transaction: &mut Transaction<'_>, webhook: Uuid) -> Result<bool, StoreError> {
    let mut places = transaction.places(&outbox::dues(webhook).all(), AT_ONCE)?;
    places.extend(transaction.places(&outbox::all_lines(webhook).all(), AT_ONCE)?);
    places.retain(|place| !is_test(*place));
    places.sort_unstable();
    places.dedup();
    let keys = places.iter().map(|place| outbox::delivery(webhook, *place)).collect();
    let rows: Vec<Option<DeliveryV1>> = transaction.rows(keys)?;
    let now = transaction.now();
    let mut skipped = 0;
    for (place, row) in places.into_iter().zip(rows) {
        let Some(row) = row else { continue };
        // An attempt that is under way tells its outcome first.
        if row.lease.is_none_or(|lease| lease.until <= now.as_micros()) {
            transaction.end_delivery(webhook, place, &row)?;
            let ended = DeliveryV1 { status: DeliveryStatus::Skipped.number(), ..ended(row, now) };
            transaction.put_row(outbox::delivery(webhook, place), &ended)?;
            skipped += 1;
        }
    }
    Ok(skipped > 0)
}

/// Gives a delivery up, and lets the next of its line have its turn.
pub(super) fn give_up(
    transaction: &mut Transaction<'_>,
    webhook: Uuid,
    place: EventPlace,
    row: DeliveryV1,
    why: &str,
) -> Result<(), StoreError> {
    transaction.end_delivery(webhook, place, &row)?;
    let last = AttemptV1 { status: None, body: Vec::new(), error: Some(why.to_owned()), took_ms: 0 };
    let (status, now) = (DeliveryStatus::Exhausted.number(), transaction.now());
    let ended = DeliveryV1 { status, last: Some(last), ..ended(row, now) };
    transaction.put_row(outbox::delivery(webhook, place), &ended)
}

/// A delivery that is attempted no more.
fn ended(row: DeliveryV1, now: Timestamp) -> DeliveryV1 {
    DeliveryV1 { due: None, lease: None, changed_at: now.as_micros(), ..row }
}

/// Deletes some of the rows of a webhook that is gone; true when there are more.
pub(super) fn clear_some(transaction: &mut Transaction<'_>, webhook: Uuid) -> Result<bool, StoreError> {
    transaction.clear_subscriber(webhook, AT_ONCE)
}

//! The feed of a tenant that is put back from a copy.

use crate::{
    base::{Timestamp, limits},
    engine::{
        codec::{self, HeadV1, MarkV1, RenewedV1},
        keys::{MARK_EVERY, spaces},
    },
    store::{Batch, StoreError},
};

/// Makes a feed go on above all numbers and instants that can have been given since its last change, under another name.
///
/// No two changes share an instant, so there were at most as many changes since then as there were microseconds.
pub(crate) fn renew(
    head: &mut HeadV1,
    batch: &mut Batch,
    now: Timestamp,
    epoch: [u8; 16],
) -> Result<(), StoreError> {
    let before = Timestamp::from_micros(head.instant);
    let instant = now.max(before).plus_micros(limits::CLOCKS_APART_SECONDS * 1_000_000);
    let passed = u64::try_from(instant.as_micros().saturating_sub(head.instant)).unwrap_or(0);
    let (last, told) = (head.number, head.number.saturating_add(passed).saturating_add(1));
    // Changes are found by the marks of their numbers, and those that are passed over have none.
    if told / MARK_EVERY > last / MARK_EVERY {
        let mark = MarkV1 { instant: instant.as_micros() };
        batch.put(spaces::feed_mark(told / MARK_EVERY), codec::encode(&mark)?);
    }
    head.number = told;
    head.instant = instant.as_micros();
    head.changed_at = head.instant;
    head.renewed = Some(RenewedV1 { epoch, last, told });
    Ok(())
}

//! The first write of a tenant in another incarnation of its store. The last commits of the one before may be lost, and what
//! they have told must not be taken for what comes now: the feed goes on behind a break.

use super::Origin;
use crate::{
    base::{Error, Timestamp},
    engine::{
        codec::{self, HeadV1, IncarnationV1},
        keys::{Breaks, Rest, spaces},
    },
    store::{Batch, Incarnation, Snapshot},
};

/// Moves the head of a tenant on if it was last written in another incarnation. Answers the rows that are to be stored beside
/// it.
pub(super) fn follow(
    newest: &dyn Snapshot,
    origin: &Origin<'_>,
    now: Timestamp,
    head: &mut HeadV1,
) -> Result<Batch, Error> {
    let present = newest.incarnation()?;
    if present == Incarnation::ONLY {
        return Ok(Batch::new());
    }
    let written = newest.get(&spaces::incarnation())?;
    let written: Option<IncarnationV1> = written.map(|row| codec::decode(&row)).transpose()?;
    match written {
        Some(written) if written.number == present.number() => Ok(Batch::new()),
        Some(_) => pass_over(newest, origin, now, head),
        None => {
            let mut rows = Batch::new();
            rows.put(spaces::incarnation(), codec::encode(&IncarnationV1 { number: present.number() })?);
            Ok(rows)
        }
    }
}

/// Moves the head of a tenant on behind all that can have been told since its last change.
pub(super) fn pass_over(
    newest: &dyn Snapshot,
    origin: &Origin<'_>,
    now: Timestamp,
    head: &mut HeadV1,
) -> Result<Batch, Error> {
    let mut epoch = [0; 16];
    origin.preparation.entropy.fill(&mut epoch);
    let epoch = uuid::Builder::from_random_bytes(epoch).into_uuid().into_bytes();
    let (mut breaks, mut rows) = (Breaks::load(newest)?, Batch::new());
    breaks.pass_over(origin.tenant.id, head, now, epoch, Rest::GoesOn);
    breaks.save(&mut rows)?;
    let number = newest.incarnation()?.number();
    rows.put(spaces::incarnation(), codec::encode(&IncarnationV1 { number })?);
    Ok(rows)
}

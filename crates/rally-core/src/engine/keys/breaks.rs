//! The places at which the feed of a tenant has gone on behind changes that may be lost: its state was put back from a copy, or
//! another incarnation of the database has begun.

use super::{MARK_EVERY, spaces};
use crate::{
    base::{TenantId, Timestamp, limits},
    engine::codec::{self, BreakV1, BreaksV1, Bytes, HeadV1, MarkV1},
    store::{Batch, Snapshot, StoreError},
};

/// The breaks of a feed, the oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaks(Vec<BreakV1>);

/// The readers that a break lets go on who name the epoch before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Those that have read nothing which is lost: the feed is the one that they know.
    GoesOn,
    /// Nobody: it is the copy of a feed.
    BeginsAnew,
}

impl Breaks {
    pub(crate) fn load(state: &dyn Snapshot) -> Result<Self, StoreError> {
        Self::read(state.get(&spaces::breaks())?.as_ref())
    }

    pub(crate) fn read(row: Option<&Bytes>) -> Result<Self, StoreError> {
        let Some(row) = row else { return Ok(Self::default()) };
        Ok(Self(codec::decode::<BreaksV1>(row)?.all))
    }

    /// True when there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last number that was passed over, which is behind the last change as long as no other follows it.
    pub(crate) fn passed(&self) -> u64 {
        self.0.last().map_or(0, |newest| newest.told)
    }

    /// The greatest number that the change behind another one may have.
    pub(crate) fn reach(&self, number: u64) -> u64 {
        let over = |at, passed: &BreakV1| if passed.last <= at { passed.told.max(at) } else { at };
        self.0.iter().fold(number, over).saturating_add(1)
    }

    /// True when a number is that of a change that is lost, or would be, if there was one.
    pub(crate) fn lose(&self, number: u64) -> bool {
        self.0.iter().any(|lost| lost.last < number && number < lost.told)
    }

    /// The break at which an epoch has ended whose readers may go on.
    pub(crate) fn end_of(&self, epoch: [u8; 16]) -> Option<&BreakV1> {
        self.0.iter().find(|lost| lost.ended == Some(epoch))
    }

    /// The marks of the numbers behind the breaks: changes are found by them, and numbers that were passed over have none.
    pub(crate) fn put_marks(&self, batch: &mut Batch) -> Result<(), StoreError> {
        for lost in self.0.iter().filter(|lost| lost.told / MARK_EVERY > lost.last / MARK_EVERY) {
            let mark = MarkV1 { instant: lost.told_at };
            batch.put(spaces::feed_mark(lost.told / MARK_EVERY), codec::encode(&mark)?);
        }
        Ok(())
    }

    /// Has a feed go on under another name, above all numbers and instants that can have been given since its last change.
    ///
    /// No two changes share an instant, so there were at most as many changes since then as there were microseconds.
    pub(crate) fn pass_over(
        &mut self,
        tenant: TenantId,
        head: &mut HeadV1,
        now: Timestamp,
        epoch: [u8; 16],
        rest: Rest,
    ) {
        let before = Timestamp::from_micros(head.instant);
        let instant = now.max(before).plus_micros(limits::CLOCKS_APART_SECONDS * 1_000_000).as_micros();
        let passed = u64::try_from(instant.saturating_sub(head.instant)).unwrap_or(0);
        let told = head.number.saturating_add(passed).saturating_add(1);
        self.add(tenant, head, (told, instant), rest);
        head.number = told;
        head.instant = instant;
        head.changed_at = instant;
        head.epoch = Some(epoch);
    }

    /// Has a feed go on under another name, with the next number.
    pub(crate) fn rename(&mut self, tenant: TenantId, head: &mut HeadV1, epoch: [u8; 16]) {
        self.add(tenant, head, (head.number, head.instant), Rest::BeginsAnew);
        head.epoch = Some(epoch);
    }

    fn add(&mut self, tenant: TenantId, head: &HeadV1, (told, told_at): (u64, i64), rest: Rest) {
        if rest == Rest::BeginsAnew {
            self.0.iter_mut().for_each(|earlier| earlier.ended = None);
        }
        let ended = head.epoch.unwrap_or(tenant.as_uuid().into_bytes());
        self.0.push(BreakV1 {
            ended: if rest == Rest::GoesOn { Some(ended) } else { None },
            last: head.number,
            last_at: head.changed_at,
            told,
            told_at,
        });
        if self.0.len() > limits::FEED_BREAKS {
            let oldest = self.0.remove(0);
            if let Some(next) = self.0.first_mut() {
                *next = BreakV1 { ended: None, last: oldest.last, last_at: oldest.last_at, ..*next };
            }
        }
    }

    /// Puts the breaks, and the marks behind them, into a batch.
    pub(crate) fn save(self, batch: &mut Batch) -> Result<(), StoreError> {
        self.put_marks(batch)?;
        batch.put(spaces::breaks(), codec::encode(&BreaksV1 { all: self.0 })?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tenant() -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(1))
    }

    /// A feed of ten changes that breaks so often, with three changes in between.
    fn broken(times: u8) -> (HeadV1, Breaks, Vec<HeadV1>) {
        let (mut head, mut breaks) =
            (HeadV1 { number: 10, instant: 10, changed_at: 10, ..HeadV1::default() }, Breaks::default());
        let mut before = Vec::new();
        for time in 1..=times {
            before.push(head);
            breaks.pass_over(tenant(), &mut head, Timestamp::from_micros(0), [time; 16], Rest::GoesOn);
            head = HeadV1 {
                number: head.number + 3,
                instant: head.instant + 3,
                changed_at: head.instant + 3,
                ..head
            };
        }
        (head, breaks, before)
    }

    #[test]
    fn a_break_loses_all_numbers_that_can_have_been_given_and_no_others() {
        let (head, breaks, _) = broken(1);
        let told = head.number - 3;
        assert_eq!((breaks.passed(), head.epoch), (told, Some([1; 16])));
        assert!(told > 120_000_000, "a number for each microsecond in which one can have been given");
        for (number, is_lost) in
            [(0, false), (10, false), (11, true), (told - 1, true), (told, false), (told + 1, false)]
        {
            assert_eq!(breaks.lose(number), is_lost, "{number}");
        }
        assert_eq!((breaks.reach(9), breaks.reach(10), breaks.reach(told + 2)), (10, told + 1, told + 3));
        assert_eq!(breaks.end_of(tenant().as_uuid().into_bytes()).unwrap().last, 10);
        assert!(breaks.end_of([1; 16]).is_none(), "it has not ended");
    }

    #[test]
    fn of_more_breaks_than_are_kept_the_oldest_are_taken_for_one() {
        let most = u8::try_from(limits::FEED_BREAKS).unwrap();
        for (times, first, kept) in [(most, tenant().as_uuid().into_bytes(), 0), (most + 1, [1; 16], 1)] {
            let (_, breaks, before) = broken(times);
            assert_eq!(breaks.0.len(), limits::FEED_BREAKS);
            assert_eq!(breaks.end_of(first).is_some(), kept == 0, "{times}");
            assert!(breaks.end_of([2; 16]).is_some());
            // Changes between breaks that are told apart are not lost; of those taken for one, nobody knows.
            for (place, head) in before.iter().enumerate() {
                assert_eq!(breaks.lose(head.number), (1..=kept).contains(&place), "{times} times, {place}");
            }
            assert_eq!(breaks.passed(), breaks.0.last().unwrap().told);
        }
    }
}

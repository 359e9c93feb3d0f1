//! Counts of rows that a tenant keeps for a time only, by the instants at which the time is over.

use super::Session;
use crate::{
    base::{Error, Scope, Timestamp, count, limits},
    engine::keys::{EventPlace, outbox, spaces},
    store::{Direction, Key, KeyRange, StoreError, read_instant},
};

/// Entries that are read at once.
const AT_ONCE: usize = 1_000;
const HOUR: i64 = 3_600 * 1_000_000;

/// Rows whose time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retired {
    /// Answers to writes with an idempotency key.
    pub answers: Ended,
    /// Events of webhooks.
    pub events: Ended,
}

/// Things that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Number of them.
    pub count: u64,
    /// The instant at which the last one ended; `None` if there is none.
    pub last: Option<Timestamp>,
}

impl Session {
    /// Counts what is kept no longer from an instant after `after` on, and at the latest from `until` on, of what is still
    /// in the store. A host that moves its clock tells by this what it has moved past.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("order-7", &[b"Looms"])?);
    /// acme.companies().create_with(&CompanyDraft::new("Looms Ltd"), &once)?;
    /// let now = engine.clock().now();
    /// let day = 24 * 3_600 * 1_000_000;
    /// assert_eq!(acme.retired(now, now.plus_micros(day))?.answers.count, 1);
    /// assert_eq!(acme.retired(now, now.plus_micros(day / 2))?.answers.count, 0);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin.
    pub fn retired(&self, after: Timestamp, until: Timestamp) -> Result<Retired, Error> {
        self.require(Scope::Admin)?;
        let (answer_life, event_life) = (limits::IDEMPOTENCY_HOURS * HOUR, limits::EVENT_DAYS * 24 * HOUR);
        let since = |life: i64, instant: Timestamp| instant.plus_micros(1 - life);
        let answers = KeyRange::prefix(&spaces::answer_ages())
            .from(spaces::answer_age(since(answer_life, after), ""))
            .until(spaces::answer_age(since(answer_life, until), ""));
        let events = outbox::events()
            .all()
            .from(outbox::events_at(since(event_life, after)).into_key())
            .until(outbox::events_at(since(event_life, until)).into_key());
        Ok(Retired {
            answers: self.ended(answers, answer_life, |key| {
                key.after(&spaces::answer_ages()).and_then(|rest| rest.get(..8)).and_then(read_instant)
            })?,
            events: self
                .ended(events, event_life, |key| EventPlace::at_end(key).map(|place| place.instant))?,
        })
    }

    fn ended(
        &self,
        mut range: KeyRange,
        life: i64,
        begun: impl Fn(&Key) -> Option<Timestamp>,
    ) -> Result<Ended, Error> {
        let snapshot = self.snapshot()?;
        let mut ended = Ended::default();
        loop {
            let entries = snapshot.scan(&range, Direction::Forward, AT_ONCE)?;
            let Some(last) = entries.last() else { return Ok(ended) };
            let damaged = || StoreError::Corrupt { what: "a key with an instant".to_owned() };
            let begun = begun(&last.key).ok_or_else(damaged)?;
            ended.count += count(entries.len());
            ended.last = Some(begun.plus_micros(life));
            range = range.from(last.key.successor());
        }
    }
}

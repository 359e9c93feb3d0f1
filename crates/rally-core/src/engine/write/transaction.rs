use std::net::IpAddr;

use uuid::Uuid;

use super::{Preparation, outbox::Filling};
use crate::engine::codec::Slot;
use crate::{
    base::{Clock, Entropy, Error, Kind, Reach, Scope, Timestamp, uuid_at},
    engine::{
        codec::{self, Bytes, HeadV1},
        keys::{IndexedValue, Order, Sequence, id_behind, spaces},
        schema::{IndexNumber, TenantInfo},
    },
    store::{Batch, Direction, Key, KeyRange, Overlay, Snapshot, StoreError},
};

/// The origin of a write: its tenant, its caller, and the clock and randomness that it uses.
#[derive(Debug)]
pub(crate) struct Origin<'s> {
    pub(crate) tenant: &'s TenantInfo,
    /// The caller, as the feed names it.
    pub(crate) actor: String,
    /// The address that the caller writes from.
    pub(crate) source: Option<IpAddr>,
    pub(crate) scope: Scope,
    /// The addresses that events may be sent to.
    pub(crate) reach: Reach,
    pub(crate) clock: &'s dyn Clock,
    pub(crate) preparation: Preparation<'s>,
}

/// Several verbs that are applied together or not at all; each sees what the ones before it wrote.
///
/// The batch is private to the write path, so only verbs change a tenant's state.
pub struct Transaction<'s> {
    pub(super) overlay: Overlay<'s>,
    origin: &'s Origin<'s>,
    /// The clock's instant when the transaction began.
    now: Timestamp,
    head: HeadV1,
    head_before: HeadV1,
    sequences: Vec<((Kind, Order), Sequence)>,
    pub(super) outbox: Filling,
    /// The failure of a verb that may have changed a part of what it was to change.
    failure: Option<Error>,
}

impl<'s> Transaction<'s> {
    /// A transaction on a tenant's newest state.
    pub(crate) fn new(origin: &'s Origin<'s>, newest: &'s dyn Snapshot) -> Result<Self, Error> {
        let head: HeadV1 = match newest.get(&spaces::head())? {
            Some(bytes) => codec::decode(&bytes)?,
            None => HeadV1::default(),
        };
        Ok(Self {
            overlay: Overlay::new(newest, Batch::new()),
            origin,
            now: origin.clock.now(),
            head,
            head_before: head,
            sequences: Vec::new(),
            outbox: Filling::default(),
            failure: None,
        })
    }

    /// The tenant whose state it changes.
    #[must_use]
    pub fn tenant(&self) -> &'s TenantInfo {
        self.origin.tenant
    }

    pub(crate) fn origin(&self) -> &'s Origin<'s> {
        self.origin
    }

    pub(crate) fn entropy(&self) -> &'s dyn Entropy {
        self.origin.preparation.entropy
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Checks that the caller may do what takes this scope.
    pub(crate) fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.origin.scope >= scope { Ok(()) } else { Err(Error::forbidden(scope)) }
    }

    /// Runs a verb. One that fails for a reason besides its input may have stopped in the middle, so the transaction
    /// is then not committed, even if the host goes on.
    pub(crate) fn verb<T>(&mut self, verb: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let result = verb(self);
        if let Err(error) = &result
            && !error.is_about_input()
        {
            self.failure.get_or_insert_with(|| error.clone());
        }
        result
    }

    /// The bytes of a record.
    pub(crate) fn find(&self, kind: Kind, id: Uuid) -> Result<Option<Bytes>, StoreError> {
        self.overlay.get(&spaces::record(kind, id))
    }

    /// The record that has a natural key, which is folded already.
    pub(crate) fn find_by_key(
        &self,
        kind: Kind,
        slot: Slot,
        folded: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        let damaged = |_| StoreError::Corrupt { what: format!("a natural key of {}", kind.plural()) };
        let bytes = self.overlay.get(&spaces::unique(kind, slot, folded))?;
        bytes.map(|bytes| Uuid::from_slice(&bytes).map_err(damaged)).transpose()
    }

    /// At most `most` records whose indexed member has a value, in the order of their creation.
    pub(crate) fn indexed(
        &self,
        kind: Kind,
        index: IndexNumber,
        value: IndexedValue,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.indexed_after(kind, index, value, None, most)
    }

    /// [`indexed`](Self::indexed), going on after a record.
    pub(crate) fn indexed_after(
        &self,
        kind: Kind,
        index: IndexNumber,
        value: IndexedValue,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let prefix = spaces::indexed(kind, index, value);
        let mut range = KeyRange::prefix(&prefix);
        if let Some(after) = after {
            range = range.from(prefix.clone().uuid(after).successor());
        }
        let entries = self.overlay.scan(&range, Direction::Forward, most)?;
        entries.iter().map(|entry| id_behind(&entry.key, &prefix)).collect()
    }

    /// Announces keys that are going to be read, so that a store behind a network reads them in one round trip.
    pub(super) fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.overlay.prefetch(keys)
    }

    /// An id for something that is made at an instant.
    pub(crate) fn new_id(&self, instant: Timestamp) -> Uuid {
        let mut random = [0; 8];
        self.entropy().fill(&mut random);
        uuid_at(instant, random)
    }

    /// The instant of the next change: the clock's, but always later than the last one's.
    pub(crate) fn next_instant(&self) -> Result<Timestamp, Error> {
        let after_last = Timestamp::from_micros(self.head.instant).plus_micros(1);
        let instant = self.now.max(after_last);
        if instant.as_micros() <= self.head.instant {
            return Err(Error::internal(
                "the last change is of the last instant there is; is the clock right?",
            ));
        }
        Ok(instant)
    }

    /// Takes the instant of the next change.
    pub(crate) fn tick(&mut self) -> Result<Timestamp, Error> {
        let instant = self.next_instant()?;
        self.head.instant = instant.as_micros();
        Ok(instant)
    }

    /// Takes the number of the next change in the feed.
    pub(super) fn next_number(&mut self, instant: Timestamp) -> u64 {
        self.head.number += 1;
        self.head.changed_at = instant.as_micros();
        self.head.number
    }

    /// The state of the feed.
    pub(super) fn head_mut(&mut self) -> &mut HeadV1 {
        &mut self.head
    }

    /// True when the transaction has put changes into the feed.
    pub(super) fn has_changes(&self) -> bool {
        self.head.number > self.head_before.number
    }

    /// The number of the last change in the feed.
    pub(crate) fn last_number(&self) -> u64 {
        self.head.number
    }

    /// True when somebody subscribes to the tenant's events.
    pub(super) fn is_subscribed(&self) -> bool {
        self.head.is_subscribed
    }

    /// True when the transaction leaves something to be delivered.
    pub(super) fn has_deliveries(&self) -> bool {
        self.outbox.is_filled
    }

    /// Adds an entry at the end of a sequence.
    pub(super) fn append(&mut self, kind: Kind, order: Order, key: &Key) -> Result<(), StoreError> {
        self.with_sequence(kind, order, |sequence, overlay| sequence.append(overlay, key))
    }

    /// Removes entries of a sequence, given in ascending order.
    pub(super) fn remove(&mut self, kind: Kind, order: Order, keys: &[Key]) -> Result<(), StoreError> {
        self.with_sequence(kind, order, |sequence, overlay| sequence.remove(overlay, keys))
    }

    fn with_sequence(
        &mut self,
        kind: Kind,
        order: Order,
        change: impl FnOnce(&mut Sequence, &mut Overlay<'s>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let name = (kind, order);
        // A sequence keeps its spine here until `save`, so one that is loaded again would lack what was added before.
        if let Some((_, sequence)) = self.sequences.iter_mut().find(|(known, _)| *known == name) {
            return change(sequence, &mut self.overlay);
        }
        let mut sequence = Sequence::load(kind, order, &self.overlay)?;
        change(&mut sequence, &mut self.overlay)?;
        self.sequences.push((name, sequence));
        Ok(())
    }

    /// The state that a commit would leave, lists and feed included.
    pub(crate) fn newest(&mut self) -> Result<&dyn Snapshot, Error> {
        self.save()?;
        Ok(&self.overlay)
    }

    /// Puts the sequences and the head, which are kept beside the batch, into it.
    fn save(&mut self) -> Result<(), StoreError> {
        for (_, sequence) in &self.sequences {
            sequence.save(&mut self.overlay)?;
        }
        // A write that changes nothing leaves an empty batch, not the same head once more.
        if self.head != self.head_before {
            self.overlay.put(spaces::head(), codec::encode(&self.head)?);
        }
        Ok(())
    }

    /// The whole transaction as one batch.
    ///
    /// # Errors
    /// The failure of a verb that may have stopped in the middle.
    pub(super) fn finish(mut self) -> Result<Batch, Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.save_spreads()?;
        self.save()?;
        Ok(self.overlay.into_batch())
    }
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").field("origin", &self.origin).finish_non_exhaustive()
    }
}

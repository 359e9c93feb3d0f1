use std::net::IpAddr;

use uuid::Uuid;

use super::{Preparation, incarnation, outbox::Filling, salts::Salts};
use crate::engine::codec::Slot;
use crate::{
    base::{
        Clock, Entropy, Error, Kind, Reach, RecordNumber, Scope, Timestamp, Trace, limits, record_id, uuid_at,
    },
    engine::{
        codec::{self, Bytes, HeadV1, RecordHead},
        keys::{
            ChunkChanges, FEWEST, IndexedValue, Lists, MOST, NameChanges, NumberSet, Numbers, damaged_key,
            number_in, spaces,
        },
        schema::{IndexNumber, TenantInfo},
    },
    store::{Batch, Incarnation, Key, Overlay, Snapshot, StoreError},
};

/// The origin of a write: its tenant, its caller, and the clock and randomness that it uses.
#[derive(Debug)]
pub(crate) struct Origin<'s> {
    pub(crate) tenant: &'s TenantInfo,
    /// The caller, as the feed names it.
    pub(crate) actor: String,
    /// The address that the caller writes from.
    pub(crate) source: Option<IpAddr>,
    /// The trace that the caller writes in.
    pub(crate) trace: Option<Trace>,
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
    /// Changes of indexes, which are put into the batch together.
    pub(super) chunks: ChunkChanges,
    /// Changes of names, which are put into the batch together.
    pub(super) names: NameChanges,
    origin: &'s Origin<'s>,
    /// The clock's instant when the transaction began.
    now: Timestamp,
    head: HeadV1,
    head_before: HeadV1,
    /// Rows that are stored with the head when it changes: the first change in another incarnation of the store is behind a
    /// break of the feed.
    beside_head: Batch,
    /// The lists of the kinds that it has changed.
    lists: Vec<(Kind, Lists)>,
    salts: Salts,
    pub(super) outbox: Filling,
    /// The failure of a verb that may have changed a part of what it was to change.
    failure: Option<Error>,
}

impl<'s> Transaction<'s> {
    /// A transaction on a tenant's newest state.
    pub(crate) fn new(origin: &'s Origin<'s>, newest: &'s dyn Snapshot) -> Result<Self, Error> {
        let mut head: HeadV1 = match newest.get(&spaces::head())? {
            Some(bytes) => codec::decode(&bytes)?,
            None => HeadV1::default(),
        };
        let now = origin.clock.now();
        let beside_head = incarnation::follow(newest, origin, now, &mut head)?;
        Ok(Self {
            overlay: Overlay::new(newest, Batch::new()),
            chunks: ChunkChanges::default(),
            names: NameChanges::default(),
            origin,
            now,
            head,
            head_before: head,
            beside_head,
            lists: Vec::new(),
            salts: Salts::default(),
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
        let Some(record) = self.overlay.get(&spaces::record(kind, id))? else { return Ok(None) };
        if RecordHead::read(&record)?.is_of(id) { Ok(Some(record)) } else { Ok(None) }
    }

    /// The records with some numbers that an index has, each with its id. They are read in one round trip.
    pub(crate) fn numbered(
        &self,
        kind: Kind,
        numbers: &[RecordNumber],
    ) -> Result<Vec<(Uuid, Bytes)>, StoreError> {
        let keys: Vec<Key> = numbers.iter().map(|number| spaces::numbered(kind, *number)).collect();
        let rows = numbers.iter().zip(self.overlay.get_many(&keys)?);
        let record = |(number, record): (&RecordNumber, Option<Bytes>)| {
            let record = record.ok_or_else(damaged_key)?;
            Ok((RecordHead::read(&record)?.id(*number), record))
        };
        rows.map(record).collect()
    }

    /// The ids of [`numbered`](Self::numbered).
    pub(super) fn ids(&self, kind: Kind, numbers: &[RecordNumber]) -> Result<Vec<Uuid>, StoreError> {
        Ok(self.numbered(kind, numbers)?.into_iter().map(|(id, _)| id).collect())
    }

    /// The record that has a natural key, which is folded already.
    pub(crate) fn find_by_key(
        &self,
        kind: Kind,
        slot: Slot,
        folded: &str,
    ) -> Result<Option<RecordNumber>, StoreError> {
        let number = self.overlay.get(&spaces::unique(kind, slot, folded))?;
        number.map(|number| number_in(&number)).transpose()
    }

    /// At most `most` records whose indexed member has a value, in the order of their creation.
    pub(crate) fn indexed(
        &self,
        kind: Kind,
        index: IndexNumber,
        value: IndexedValue,
        most: usize,
    ) -> Result<Vec<RecordNumber>, StoreError> {
        self.indexed_from(kind, index, value, RecordNumber::FIRST, most)
    }

    /// [`indexed`](Self::indexed), from a number on.
    pub(crate) fn indexed_from(
        &self,
        kind: Kind,
        index: IndexNumber,
        value: IndexedValue,
        from: RecordNumber,
        most: usize,
    ) -> Result<Vec<RecordNumber>, StoreError> {
        let set = spaces::indexed(kind, index, value);
        let mut state = Overlay::new(&self.overlay, Batch::new());
        self.chunks.apply_one(&set, &mut state)?;
        let first = if most > limits::PAGE { MOST } else { FEWEST };
        let mut numbers = Numbers::of(&state, NumberSet::Stored(set), first);
        numbers.start_at(from);
        numbers.next_many(most)
    }

    /// Announces keys that are going to be read, so that a store behind a network reads them in one round trip.
    pub(crate) fn prefetch(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.overlay.prefetch(keys)
    }

    /// An id for something that is made at an instant.
    pub(crate) fn new_id(&self, instant: Timestamp) -> Uuid {
        let mut random = [0; 8];
        self.entropy().fill(&mut random);
        uuid_at(instant, random)
    }

    /// The id of a new record that is made at an instant.
    pub(super) fn new_record_id(&mut self, kind: Kind, instant: Timestamp) -> Result<Uuid, Error> {
        let salt = self.salts.take(self.origin.preparation.entropy);
        let number = self.with_lists(kind, |lists, _, _| lists.take_number())?;
        Ok(record_id(instant, number, salt))
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

    /// Takes the instant of the next change, which is not before another one.
    pub(super) fn tick_from(&mut self, earliest: Timestamp) -> Result<Timestamp, Error> {
        let instant = self.next_instant()?.max(earliest);
        self.head.instant = instant.as_micros();
        Ok(instant)
    }

    /// Gives a record that has its id already its place among those of its kind; false if its number is taken.
    pub(super) fn occupy(&mut self, kind: Kind, id: Uuid) -> Result<bool, StoreError> {
        let number = RecordNumber::of(id);
        self.with_lists(kind, |lists, overlay, chunks| lists.occupy(overlay, chunks, number))
    }

    /// Takes the number of the next change in the feed.
    pub(super) fn next_number(&mut self, instant: Timestamp) -> u64 {
        self.head.number += 1;
        self.head.changed_at = instant.as_micros();
        self.head.number
    }

    /// Has the feed of a tenant that has never been written begin as if changes since an instant had been lost, on a store that
    /// can lose some.
    pub(crate) fn break_beginning(&mut self, since: Timestamp) -> Result<(), Error> {
        if self.head != HeadV1::default() || self.overlay.incarnation()? == Incarnation::ONLY {
            return Ok(());
        }
        self.head.instant = since.as_micros();
        let rows = incarnation::pass_over(&self.overlay, self.origin, self.now, &mut self.head)?;
        self.beside_head.append(rows);
        Ok(())
    }

    /// The state of the feed.
    pub(super) fn head_mut(&mut self) -> &mut HeadV1 {
        &mut self.head
    }

    /// The trace that the caller writes in.
    pub(super) fn trace(&self) -> Option<Trace> {
        self.origin.trace
    }

    /// The number of changes that the transaction has put into the feed.
    pub(super) fn changes(&self) -> u64 {
        self.head.number.saturating_sub(self.head_before.number)
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

    /// Changes the lists of a kind.
    pub(super) fn with_lists<T, E: From<StoreError>>(
        &mut self,
        kind: Kind,
        change: impl FnOnce(&mut Lists, &mut Overlay<'s>, &mut ChunkChanges) -> Result<T, E>,
    ) -> Result<T, E> {
        // They are kept here until `save`, as lists that are loaded again would lack what was added.
        if let Some((_, lists)) = self.lists.iter_mut().find(|(known, _)| *known == kind) {
            return change(lists, &mut self.overlay, &mut self.chunks);
        }
        let mut lists = Lists::load(kind, &self.overlay)?;
        let changed = change(&mut lists, &mut self.overlay, &mut self.chunks)?;
        self.lists.push((kind, lists));
        Ok(changed)
    }

    /// The number of the next record of each kind that it has changed.
    pub(super) fn next_numbers(&self) -> Vec<(Kind, RecordNumber)> {
        self.lists.iter().map(|(kind, lists)| (*kind, lists.next())).collect()
    }

    /// The state that a commit would leave, lists and feed included.
    pub(crate) fn newest(&mut self) -> Result<&dyn Snapshot, Error> {
        self.save()?;
        Ok(&self.overlay)
    }

    /// Puts the indexes, the lists and the head, which are kept beside the batch, into it.
    fn save(&mut self) -> Result<(), StoreError> {
        self.chunks.apply(&mut self.overlay)?;
        self.names.apply(self.origin.tenant.id, &mut self.lists, &mut self.overlay)?;
        for (_, lists) in &self.lists {
            lists.save(&mut self.overlay)?;
        }
        // A write that changes nothing leaves an empty batch, not the same head once more.
        if self.head != self.head_before {
            self.overlay.put(spaces::head(), codec::encode(&self.head)?);
            for (key, row) in std::mem::take(&mut self.beside_head).into_changes() {
                row.into_iter().for_each(|row| self.overlay.put(key.clone(), row));
            }
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

//! The path of every write, in the order of its acts.
//!
//! 1. [`Write::run`]: an idempotency key is marked as under way, and the store is asked for the tenant's newest state.
//! 2. [`build`]: on that state a transaction begins. A key that was used before is answered by its kept answer.
//! 3. A verb ([`create`], [`update`], [`upsert`], a [`Deletion`](super::Deletion)): the record is found in the state asked for, the
//!    members of the body replace its own, and the resource's rules complete and check the revision.
//! 4. [`commit_revision`]: natural keys are checked, and [`change_record`] makes the change, from which all else follows
//!    (`consequences`); then the resource's own consequences follow.
//! 5. Back in [`build`]: the answer is kept for the key, and the transaction becomes a batch, which the store applies.

use uuid::Uuid;

use super::{
    Answer, Change, Definition, IdempotencyKey, MatchedBy, Origin, Precondition, Revision, Transaction,
    UnderWay, WriteOutcome,
    change::{FIRST_VERSION, next_version},
    consequences, idempotency,
};
use crate::{
    base::{Code, Error, Faults, IdSalt, Kind, RecordNumber, Timestamp, instant_of, invariant, record_id},
    engine::{
        codec::{self, Bytes, RecordHead, RecordParts, Slot},
        keys::{self, spaces},
        schema::{Body, Member, Model, Record, Slots},
    },
    store::{Abort, Batch, Commit, Key, Snapshot, Store, StoreError},
};

/// A write that is going to be made.
pub(crate) struct Write<'w> {
    pub(crate) store: &'w dyn Store,
    pub(crate) origin: &'w Origin<'w>,
    pub(crate) under_way: &'w UnderWay,
    /// The key under which it happens once.
    pub(crate) idempotency_key: Option<&'w IdempotencyKey>,
    /// Keys that it reads before it decides, as far as they are known beforehand.
    pub(crate) reads: &'w dyn Fn() -> Vec<Key>,
}

/// A write that is durable, if the store is.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) answer: Answer,
    /// True when the answer is a kept one.
    pub(crate) replayed: bool,
    /// The number of its changes in the feed.
    pub(crate) changes: u64,
    /// True when it has left something to be delivered.
    pub(crate) has_deliveries: bool,
    /// The number of the next record of each kind that it has changed.
    pub(crate) next_numbers: Vec<(Kind, RecordNumber)>,
}

impl Committed {
    /// A write that was made before.
    fn replayed(answer: Answer) -> Self {
        Self { answer, replayed: true, changes: 0, has_deliveries: false, next_numbers: Vec::new() }
    }
}

/// The verbs of a write. They may run more than once, each time on a newer state.
pub(crate) type Work<'w> = &'w mut dyn FnMut(&mut Transaction<'_>) -> Result<Answer, Error>;

impl Write<'_> {
    /// Runs the verbs on the tenant's newest state and commits what they change, wholly or not at all.
    pub(crate) fn run(&self, work: Work<'_>) -> Result<Committed, Error> {
        let tenant = self.origin.tenant.id;
        let _marked = self.idempotency_key.map(|key| self.under_way.mark(tenant, key)).transpose()?;
        // A repetition that comes while the first is running is refused at once: it would else hold a thread until the
        // store has answered the first.
        let (mut committed, mut refused) = (None, None);
        let commit = self.store.write(tenant, &mut |newest| match self.build(newest, work) {
            Ok((batch, result)) => {
                committed = Some(result);
                Ok(batch)
            }
            Err(error) if error.is_store_conflict() => Err(Abort::Store(StoreError::Conflict)),
            Err(error) => {
                refused = Some(error);
                Err(Abort::Refused)
            }
        })?;
        match (commit, committed, refused) {
            (Commit::Applied, Some(committed), _) => Ok(committed),
            (Commit::Refused, _, Some(error)) => Err(error),
            _ => Err(Error::internal("the store ran no build")),
        }
    }

    fn build(&self, newest: &dyn Snapshot, work: Work<'_>) -> Result<(Batch, Committed), Error> {
        // Only a shared store is behind a network; elsewhere reading a key costs no more than listing it here.
        if self.store.is_shared() {
            let answer = self.idempotency_key.map(|key| spaces::answer(key.as_str()));
            let keys = [spaces::head(), spaces::incarnation(), keys::outbox::subscriptions().into_key()]
                .into_iter()
                .chain(answer)
                .chain((self.reads)());
            newest.prefetch(&keys.collect::<Vec<_>>())?;
        }
        let mut transaction = Transaction::new(self.origin, newest)?;
        if let Some(key) = self.idempotency_key
            && let Some(answer) = idempotency::kept(&transaction, key)?
        {
            return Ok((Batch::new(), Committed::replayed(answer)));
        }
        let answer = work(&mut transaction)?;
        if let Some(key) = self.idempotency_key {
            idempotency::keep(&mut transaction, key, &answer)?;
        }
        let committed = Committed {
            answer,
            replayed: false,
            changes: transaction.changes(),
            has_deliveries: transaction.has_deliveries(),
            next_numbers: transaction.next_numbers(),
        };
        Ok((transaction.finish()?, committed))
    }
}

/// Creates a record with the members of a body.
pub(crate) fn create(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    body: &Body<'_>,
) -> Result<Answer, Error> {
    let (old, new) = Revision::create(transaction, definition, body)?.into_members()?;
    commit_revision(transaction, definition, None, &old, &new)
}

/// Creates a record whose members are complete already.
pub(crate) fn create_checked(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    members: &Slots<'_>,
) -> Result<Answer, Error> {
    commit_revision(transaction, definition, None, &Slots::default(), members)
}

/// Creates a record with the members of a body, and some that callers cannot write, under the id that it has had
/// elsewhere. If another record has the number in that id, it gets a new one.
pub(crate) fn adopt(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    body: &Body<'_>,
    own: &[(Slot, String)],
) -> Result<Uuid, Error> {
    let (none, mut members) = Revision::create(transaction, definition, body)?.into_members()?;
    own.iter().for_each(|(slot, json)| members.set(*slot, json.clone()));
    let definition = definition.of_tenant(transaction.tenant());
    let (kind, model) = (definition.kind(), definition.model);
    check_natural_keys(transaction, model, None, &none, &members)?;
    let created_at = instant_of(id);
    let is_of_a_record = record_id(created_at, RecordNumber::of(id), IdSalt::of(id)) == id;
    let (id, created_at, at) = if is_of_a_record && transaction.occupy(kind, id)? {
        (id, created_at, transaction.tick_from(created_at)?)
    } else {
        let at = transaction.tick()?;
        (transaction.new_record_id(kind, at)?, at, at)
    };
    let after = encode(model, id, created_at, (at, FIRST_VERSION), &members);
    change_record(transaction, definition, id, at, (None, Some(&after)))?;
    Ok(id)
}

/// Updates a record by the members of a body.
pub(crate) fn update(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    body: &Body<'_>,
    precondition: Precondition<'_>,
) -> Result<Answer, Error> {
    let record = existing(transaction, definition.kind(), id, precondition)?;
    let (old, new) = Revision::update(transaction, definition, id, &record, body)?.into_members()?;
    commit_revision(transaction, definition, Some((id, &record)), &old, &new)
}

/// Updates the one record that a body matches, or creates one.
pub(crate) fn upsert(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    matched_by: MatchedBy,
    body: &Body<'_>,
    precondition: Precondition<'_>,
) -> Result<Answer, Error> {
    let missing = matched_by.missing(definition.model, body);
    if !missing.is_empty() {
        return Err(incomplete(transaction, definition, body, &missing));
    }
    match matched_by.find(transaction, definition.model, body)?.as_slice() {
        [id] => update(transaction, definition, *id, body, precondition),
        [] => {
            precondition.check_absent()?;
            create(transaction, definition, body)
        }
        several => {
            precondition.check_several()?;
            Err(ambiguous(definition.kind(), several.to_vec()))
        }
    }
}

/// Sets members of a record for a rule of the engine; the values that they already have are no change.
pub(crate) fn set_members(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    members: &[(Slot, &str)],
) -> Result<Answer, Error> {
    let record = existing(transaction, definition.kind(), id, Precondition::NONE)?;
    let old = Slots::read(&RecordParts::read(&record)?)?;
    let mut new = old.clone();
    for (slot, json) in members {
        new.set(*slot, (*json).to_owned());
    }
    commit_revision(transaction, definition, Some((id, &record)), &old, &new)
}

/// Sets one member of a record without making a change of it: its version and the feed stay as they are.
pub(crate) fn set_silently(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    slot: Slot,
    json: &str,
) -> Result<(), Error> {
    let record = existing(transaction, definition.kind(), id, Precondition::NONE)?;
    let parts = RecordParts::read(&record)?;
    let mut members = Slots::read(&parts)?;
    members.set(slot, json.to_owned());
    // The instant stays, which makes the change silent: see `Change::is_silent`.
    let definition = definition.of_tenant(transaction.tenant());
    let RecordHead { created_at, updated_at, version, .. } = parts.head;
    let after = encode(definition.model, id, created_at, (updated_at, version), &members);
    change_record(transaction, definition, id, updated_at, (Some(&record), Some(&after)))
}

/// Stores the members of a revision; if all are as before, there is no change.
fn commit_revision(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    existing: Option<(Uuid, &Bytes)>,
    old: &Slots<'_>,
    new: &Slots<'_>,
) -> Result<Answer, Error> {
    if let Some((id, record)) = existing
        && new == old
    {
        return Ok(Answer::written(WriteOutcome::Unchanged, id, record.clone()));
    }
    let definition = definition.of_tenant(transaction.tenant());
    check_natural_keys(transaction, definition.model, existing.map(|(id, _)| id), old, new)?;
    let at = transaction.tick()?;
    // The instant comes before the id: a new id carries it (UUIDv7), so that ids sort in the order of creation, as the
    // list does.
    let (outcome, id, created_at, version) = match existing {
        None => {
            let id = transaction.new_record_id(definition.kind(), at)?;
            (WriteOutcome::Created, id, at, FIRST_VERSION)
        }
        Some((id, record)) => {
            let head = RecordHead::read(record)?;
            (WriteOutcome::Updated, id, head.created_at, next_version(&head)?)
        }
    };
    let after = encode(definition.model, id, created_at, (at, version), new);
    change_record(transaction, definition, id, at, (existing.map(|(_, record)| record), Some(&after)))?;
    Ok(Answer::written(outcome, id, after))
}

/// Changes a record from one state to the other, and applies the consequences.
pub(super) fn change_record(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    at: Timestamp,
    (before, after): (Option<&Bytes>, Option<&Bytes>),
) -> Result<(), Error> {
    let tenant = transaction.tenant().id;
    let read = |bytes: Option<_>| bytes.map(|bytes: &'_ Bytes| Record::read(tenant, id, bytes)).transpose();
    let (before, record) = (read(before)?, read(after)?);
    let change = Change { definition, id, at, before, after: record, has_left_its_place: false };
    consequences::apply(transaction, &change, after)
}

/// Checks that no other record has the natural keys that a record is to have.
fn check_natural_keys(
    transaction: &Transaction<'_>,
    model: &Model,
    id: Option<Uuid>,
    old: &Slots<'_>,
    new: &Slots<'_>,
) -> Result<(), Error> {
    for (slot, member, fold) in model.natural_keys() {
        let value = new.get(slot);
        if value.is_empty() || value == old.get(slot) {
            continue;
        }
        let folded = keys::natural_key(fold, value.as_bytes())?;
        let folded = invariant(folded, "rules for natural keys make text that folds");
        if let Some(existing) = transaction.find_by_key(model.kind(), slot, &folded)?
            && Some(existing) != id.map(RecordNumber::of)
        {
            let existing = transaction.ids(model.kind(), &[existing])?;
            return Err(duplicate(model.kind(), member, existing.first().copied()));
        }
    }
    Ok(())
}

/// The record with an id, if it is in the state asked for.
pub(crate) fn existing(
    transaction: &Transaction<'_>,
    kind: Kind,
    id: Uuid,
    precondition: Precondition<'_>,
) -> Result<Bytes, Error> {
    let record = transaction.find(kind, id)?.ok_or_else(|| Error::not_found(kind.noun()))?;
    precondition.check(&record)?;
    Ok(record)
}

pub(super) fn encode(
    model: &Model,
    id: Uuid,
    created_at: Timestamp,
    version: (Timestamp, u32),
    members: &Slots<'_>,
) -> Bytes {
    let (updated_at, version) = version;
    let head = RecordHead { created_at, updated_at, version, salt: IdSalt::of(id) };
    codec::encode_record(head, members.first(model.slot_count()))
}

/// The error of an upsert whose body lacks a member to match by, with all other faults of the body.
fn incomplete(
    transaction: &Transaction<'_>,
    definition: Definition,
    body: &Body<'_>,
    missing: &[&str],
) -> Error {
    match Revision::create(transaction, definition, body) {
        Ok(mut revision) => {
            let told = revision.wrong.clone();
            for name in missing.iter().filter(|name| !told.by_member().contains_key(**name)) {
                revision.wrong.add(name, "is required for an upsert");
            }
            revision.wrong.add_all("", std::mem::take(&mut revision.unknown));
            revision.wrong.into()
        }
        Err(error) => error,
    }
}

fn ambiguous(kind: Kind, matching: Vec<Uuid>) -> Error {
    let detail = format!("several {} match; change one of them by its id", kind.plural());
    Error::new(Code::Ambiguous, detail).with_matching(matching)
}

fn duplicate(kind: Kind, member: &Member, existing: Option<Uuid>) -> Error {
    Error::new(Code::Duplicate, format!("another {kind} has this {}", member.name))
        .with_faults(Faults::one(member.name, format!("is taken by another {kind}")))
        .with_existing(existing)
}

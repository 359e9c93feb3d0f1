//! The answers of writes, and how they are kept for idempotency keys.

use uuid::Uuid;

use super::Transaction;
use crate::{
    base::{Code, Error, Faults, Id},
    engine::{
        codec::{self, AnswerBody, AnswerItem, Bytes, RecordParts},
        schema::{Model, Record, join},
    },
    store::StoreError,
};

/// A record that was written, and what the write did to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    /// Effect of the write.
    pub outcome: WriteOutcome,
    /// The record as it is now.
    pub record: T,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// The effect of a write on a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The record is new.
    Created,
    /// The record has changed.
    Updated,
    /// The record already was as asked, so nothing was written.
    Unchanged,
}

/// A record that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted<R> {
    /// The record's id.
    pub id: Id<R>,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// The answer of a write of any resource.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Written {
        outcome: WriteOutcome,
        id: Uuid,
        record: Bytes,
        /// The members that were joined to it then.
        joined: Bytes,
    },
    Deleted {
        id: Uuid,
    },
    Bulk {
        items: Vec<ItemAnswer>,
    },
    /// The result of a host's transaction, as JSON text.
    Value {
        json: Vec<u8>,
    },
    /// No answer, as none was asked for.
    Nothing,
}

/// The answer of one item of several: the record, or why there is none.
pub(crate) type ItemAnswer = Result<Uuid, Error>;

impl WriteOutcome {
    const ALL: [WriteOutcome; 3] = [WriteOutcome::Created, WriteOutcome::Updated, WriteOutcome::Unchanged];

    const fn number(self) -> u8 {
        match self {
            WriteOutcome::Created => 1,
            WriteOutcome::Updated => 2,
            WriteOutcome::Unchanged => 3,
        }
    }
}

impl Answer {
    pub(crate) fn written(outcome: WriteOutcome, id: Uuid, record: Bytes) -> Self {
        Self::Written { outcome, id, record, joined: Bytes::new() }
    }

    /// The same answer with the joined members as they are at the end of the write, and without secrets: a kept answer
    /// may outlive the record.
    pub(crate) fn joined(self, transaction: &Transaction<'_>, model: &Model) -> Result<Self, Error> {
        let Self::Written { outcome, id, record, .. } = self else { return Ok(self) };
        let records = [Record::read(transaction.tenant().id, id, &record)?];
        // No record refers to a new one yet, so members joined from those that do need no read.
        let is_new = outcome == WriteOutcome::Created;
        let joined = join(&transaction.overlay, model, &records, is_new)?.concat().into();
        let record = without_secrets(model, record)?;
        Ok(Self::Written { outcome, id, record, joined })
    }

    /// The answer as it is kept for an idempotency key.
    pub(super) fn to_body(&self) -> AnswerBody {
        match self {
            Answer::Written { outcome, id, record, joined } => AnswerBody::Written {
                outcome: outcome.number(),
                id: id.into_bytes(),
                record: record.to_vec(),
                joined: joined.to_vec(),
            },
            Answer::Deleted { id } => AnswerBody::Deleted { id: id.into_bytes() },
            Answer::Bulk { items } => AnswerBody::Bulk { items: items.iter().map(item_to_wire).collect() },
            Answer::Value { json } => AnswerBody::Value { json: json.clone() },
            Answer::Nothing => AnswerBody::Nothing,
        }
    }

    /// Reads a kept answer.
    pub(super) fn from_body(body: AnswerBody) -> Result<Self, StoreError> {
        Ok(match body {
            AnswerBody::Written { outcome, id, record, joined } => Answer::Written {
                outcome: WriteOutcome::ALL
                    .into_iter()
                    .find(|known| known.number() == outcome)
                    .ok_or_else(damaged)?,
                id: Uuid::from_bytes(id),
                record: record.into(),
                joined: joined.into(),
            },
            AnswerBody::Deleted { id } => Answer::Deleted { id: Uuid::from_bytes(id) },
            AnswerBody::Bulk { items } => {
                Answer::Bulk { items: items.into_iter().map(item_from_wire).collect::<Result<_, _>>()? }
            }
            AnswerBody::Value { json } => Answer::Value { json },
            AnswerBody::Nothing => Answer::Nothing,
        })
    }

    /// The error for an answer that is of another kind than the write, which is a bug.
    pub(crate) fn of_another_kind() -> Error {
        Error::internal("a write was answered with another's kind of answer")
    }
}

fn damaged() -> StoreError {
    StoreError::Corrupt { what: "a kept answer".to_owned() }
}

fn item_to_wire(item: &ItemAnswer) -> AnswerItem {
    match item {
        Ok(id) => AnswerItem::Created { id: id.into_bytes() },
        Err(error) => AnswerItem::Failed {
            code: error.code().number(),
            detail: error.detail().to_owned(),
            faults: error.faults().by_member().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            existing: error.existing_id().map(Uuid::into_bytes),
        },
    }
}

fn item_from_wire(item: AnswerItem) -> Result<ItemAnswer, StoreError> {
    match item {
        AnswerItem::Created { id } => Ok(Ok(Uuid::from_bytes(id))),
        AnswerItem::Failed { code, detail, faults, existing } => {
            let code = Code::from_number(code).ok_or_else(damaged)?;
            let mut all = Faults::new();
            for (member, phrases) in faults {
                phrases.into_iter().for_each(|phrase| all.add(&member, phrase));
            }
            let error = Error::new(code, detail).with_faults(all);
            Ok(Err(error.with_existing(existing.map(Uuid::from_bytes))))
        }
    }
}

/// A record without the members that callers never read.
fn without_secrets(model: &Model, record: Bytes) -> Result<Bytes, StoreError> {
    let is_secret = |slot| model.stored().any(|(at, member)| at == slot && !member.access.is_read());
    if model.stored().all(|(_, member)| member.access.is_read()) {
        return Ok(record);
    }
    let parts = RecordParts::read(&record)?;
    let shown = |(slot, text)| if is_secret(slot) { &b""[..] } else { text };
    let slots: Vec<&[u8]> = codec::Slot::all().zip(parts.slots()).map(shown).collect();
    Ok(codec::encode_record(parts.head, slots.iter().copied()))
}

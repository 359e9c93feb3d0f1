use uuid::Uuid;

use super::{
    Bytes, Model, Record, Resource, Row,
    bulk::ItemAnswer,
    codec::{self, AnswerBody, AnswerItem, RecordParts},
    join,
    stage::Stage,
};
use crate::{
    base::{Error, Id},
    store::StoreError,
};

/// What a write did to a record, and the record as it is now.
#[derive(Debug)]
pub struct Written<R> {
    /// What was done.
    pub outcome: Outcome,
    /// The record.
    pub row: Row<R>,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// What a write did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is new.
    Created,
    /// It has changed.
    Updated,
    /// It already was as asked, so nothing was written.
    Unchanged,
}

/// Says that a record is gone.
#[derive(Debug)]
pub struct Deleted<R> {
    /// The record that was.
    pub id: Id<R>,
    /// True when this is the kept answer of an earlier write with the same idempotency key.
    pub replayed: bool,
}

/// What any write answers, whatever the resource.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Written {
        outcome: Outcome,
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
    /// Nothing that anyone asked for.
    Nothing,
}

impl Outcome {
    const ALL: [Outcome; 3] = [Outcome::Created, Outcome::Updated, Outcome::Unchanged];

    const fn number(self) -> u8 {
        match self {
            Outcome::Created => 1,
            Outcome::Updated => 2,
            Outcome::Unchanged => 3,
        }
    }
}

impl Answer {
    pub(crate) fn written(outcome: Outcome, id: Uuid, record: Bytes) -> Self {
        Self::Written { outcome, id, record, joined: Bytes::new() }
    }

    /// The same answer with what is joined to the record at the end of the write, and without what no answer shows: it
    /// may be kept for longer than the record is.
    pub(crate) fn joined<R: Resource>(self, stage: &Stage<'_>) -> Result<Self, Error> {
        let Self::Written { outcome, id, record, .. } = self else { return Ok(self) };
        let records = [Record::read(stage.tenant.id, id, &record)?];
        let rows = join::join(&stage.overlay, R::model(), &records, outcome == Outcome::Created)?;
        let joined = rows.into_iter().next().unwrap_or_default();
        let record = without_secrets(R::model(), record)?;
        Ok(Self::Written { outcome, id, record, joined })
    }

    /// The answer as it is kept for an idempotency key.
    pub(crate) fn to_body(&self) -> AnswerBody {
        match self {
            Answer::Written { outcome, id, record, joined } => AnswerBody::Written {
                outcome: outcome.number(),
                id: id.into_bytes(),
                record: record.to_vec(),
                joined: joined.to_vec(),
            },
            Answer::Deleted { id } => AnswerBody::Deleted { id: id.into_bytes() },
            Answer::Bulk { items } => {
                AnswerBody::Bulk { items: items.iter().map(ItemAnswer::to_wire).collect() }
            }
            Answer::Nothing => AnswerBody::Bulk { items: Vec::new() },
        }
    }

    /// Takes a kept answer back.
    pub(crate) fn from_body(body: AnswerBody) -> Result<Self, StoreError> {
        let damaged = || StoreError::Corrupt { what: "a kept answer".to_owned() };
        Ok(match body {
            AnswerBody::Written { outcome, id, record, joined } => Answer::Written {
                outcome: Outcome::ALL
                    .into_iter()
                    .find(|known| known.number() == outcome)
                    .ok_or_else(damaged)?,
                id: Uuid::from_bytes(id),
                record: record.into(),
                joined: joined.into(),
            },
            AnswerBody::Deleted { id } => Answer::Deleted { id: Uuid::from_bytes(id) },
            AnswerBody::Bulk { items } => {
                let read = |item: AnswerItem| ItemAnswer::from_wire(item).ok_or_else(damaged);
                Answer::Bulk { items: items.into_iter().map(read).collect::<Result<_, _>>()? }
            }
        })
    }

    /// Says that a key's kept answer is of another kind of write than the one it is now used for.
    pub(crate) fn of_another_kind() -> Error {
        Error::internal("a write was answered with another's kind of answer")
    }
}

/// A record without the members that callers never read.
fn without_secrets(model: &Model, record: Bytes) -> Result<Bytes, StoreError> {
    let secret = |slot| model.stored().any(|(at, member)| at == slot && !member.access.is_read());
    if !model.stored().any(|(_, member)| !member.access.is_read()) {
        return Ok(record);
    }
    let parts = RecordParts::read(&record)?;
    let shown = |(slot, text)| if secret(slot) { &b""[..] } else { text };
    let slots: Vec<&[u8]> = (0..).zip(parts.slots()).map(shown).collect();
    Ok(codec::encode_record(parts.created_at, parts.updated_at, slots.iter().copied()))
}

impl<R: Resource> Written<R> {
    /// The record as a Rust value.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    pub fn read(&self) -> Result<R, Error> {
        self.row.read()
    }
}

//! Deletions. References to the record are changed first, so that nothing ever names a record that is not there: at once
//! with the deletion, or, where they are many, in transactions of their own, between which others write.

use uuid::Uuid;

use super::{
    Answer, Definition, Precondition, Transaction, detach,
    path::{change_record, existing},
    revision::bad_reference,
};
use crate::base::{Code, Error, Faults, Kind, limits};

/// A deletion of one record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletion {
    pub(crate) definition: Definition,
    pub(crate) id: Uuid,
    /// The record that references lead to from then on; `None` for none.
    pub(crate) heir: Option<Uuid>,
    pub(crate) at_once: LinksAtOnce,
}

/// References that are changed in one transaction, at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinksAtOnce {
    pub(crate) records: usize,
    /// Bytes of these records, above which no more of them are read.
    pub(crate) bytes: usize,
}

impl LinksAtOnce {
    /// Those of a deletion in a host's transaction, which cannot be divided.
    const WHOLE: Self = Self { records: limits::LINKS, bytes: usize::MAX };
}

impl Deletion {
    /// Deletes the record with all references to it.
    ///
    /// # Errors
    /// [`TooMany`](Refusal::TooMany) if these are more than may be changed at once. The transaction is then not committed.
    pub(crate) fn run(
        &self,
        transaction: &mut Transaction<'_>,
        precondition: Precondition<'_>,
    ) -> Result<Answer, Refusal> {
        let Self { definition, id, .. } = *self;
        let record = existing(transaction, definition.kind(), id, precondition)?;
        (definition.rules.check_delete)(transaction, id, &record)?;
        self.check_heir(transaction)?;
        // References go first, each with an instant of its own, so that the feed never tells of a reference after the
        // deletion of the record that it leads to.
        if !detach::all(transaction, self)? {
            return Err(Refusal::TooMany);
        }
        let at = transaction.tick()?;
        change_record(transaction, definition, id, at, (Some(&record), None))?;
        Ok(Answer::Deleted { id })
    }

    /// Changes some of the references to a record that is going to be deleted; true if none is left.
    pub(crate) fn detach_some(
        &self,
        transaction: &mut Transaction<'_>,
        precondition: Precondition<'_>,
    ) -> Result<bool, Error> {
        let record = existing(transaction, self.definition.kind(), self.id, precondition)?;
        (self.definition.rules.check_delete)(transaction, self.id, &record)?;
        self.check_heir(transaction)?;
        detach::some(transaction, self)
    }

    fn check_heir(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        let Some(heir) = self.heir else { return Ok(()) };
        let kind = self.definition.kind();
        if heir == self.id {
            return Err(Faults::one("reassignTo", format!("must name another {kind}")).into());
        }
        match transaction.find(kind, heir)? {
            Some(_) => Ok(()),
            None => Err(bad_reference(Faults::one("reassignTo", format!("names no {kind}")))),
        }
    }
}

/// Deletes a record with all references to it, in a transaction that cannot be divided.
pub(crate) fn delete(
    transaction: &mut Transaction<'_>,
    definition: Definition,
    id: Uuid,
    precondition: Precondition<'_>,
) -> Result<Answer, Error> {
    let deletion = Deletion { definition, id, heir: None, at_once: LinksAtOnce::WHOLE };
    let answer = deletion.run(transaction, precondition);
    answer.map_err(|refusal| refusal.or(too_many_links(definition.kind())))
}

fn too_many_links(kind: Kind) -> Error {
    let most = limits::LINKS;
    let detail = format!(
        "more than {most} records name this {kind}; delete it in a call of its own, which clears them step by step"
    );
    Error::new(Code::LimitExceeded, detail)
}

/// The reason why a deletion was not made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// More references lead to the record than may be changed at once.
    TooMany,
    Other(Error),
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Refusal {
    /// The error itself, or another in the place of [`TooMany`](Self::TooMany).
    pub(crate) fn or(self, too_many: Error) -> Error {
        match self {
            Self::TooMany => too_many,
            Self::Other(error) => error,
        }
    }
}

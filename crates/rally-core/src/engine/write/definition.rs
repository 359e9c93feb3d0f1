use uuid::Uuid;

use super::{Revision, Transaction};
use crate::{
    base::{Action, Entropy, Error, Kind},
    engine::{
        codec::{Bytes, Slot},
        schema::{Body, Member, Model, Rule},
    },
};

/// Everything that writing records of a resource takes: their members, what is true of them together, and the members
/// by which other records may refer to them.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    pub(crate) model: &'static Model,
    pub(crate) rules: &'static Rules,
    /// The members of all resources by which a record may refer to one of this kind.
    pub(crate) links: fn(Kind) -> Vec<Link>,
}

/// A member by which records of one kind may refer to records of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) from: Definition,
    pub(crate) slot: Slot,
}

/// Rules of a resource beyond those of its members one by one. Each does nothing where it is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Changes what a body says before the store is asked, where that takes long or needs randomness.
    pub(crate) prepare: fn(&dyn Entropy, &mut Body<'_>) -> Result<(), Error>,
    /// Completes the members that a write is about to store, and finds what is wrong with them together.
    pub(crate) settle: fn(&Transaction<'_>, &mut Revision<'_>) -> Result<(), Error>,
    /// Does in the same transaction what follows from a record being as it is now.
    pub(crate) follow: fn(&mut Transaction<'_>, Uuid, &Bytes) -> Result<(), Error>,
    /// Adds an entry to the audit trail for a change of a record, with the names of the members that changed.
    pub(crate) audit: Option<Audit>,
    /// Refuses to delete a record.
    pub(crate) keep: fn(&Transaction<'_>, Uuid, &Bytes) -> Result<(), Error>,
}

/// See [`Rules::audit`].
pub(crate) type Audit = fn(&mut Transaction<'_>, Kind, Uuid, Action, &[&str]) -> Result<(), Error>;

impl Rules {
    /// Members one by one, and nothing else.
    pub(crate) const NONE: Rules = Rules {
        prepare: |_, _| Ok(()),
        settle: |_, _| Ok(()),
        follow: |_, _, _| Ok(()),
        audit: None,
        keep: |_, _, _| Ok(()),
    };
}

impl Definition {
    /// The kind of the records.
    #[must_use]
    pub(crate) fn kind(&self) -> Kind {
        self.model.kind()
    }

    /// The members by which its records may refer to records of a kind.
    pub(crate) fn links_to(self, kind: Kind) -> impl Iterator<Item = Link> {
        let refers = move |member: &Member| matches!(member.rule, Rule::Reference(target) if target == kind);
        self.model
            .stored()
            .filter(move |(_, member)| refers(member))
            .map(move |(slot, _)| Link { from: self, slot })
    }
}

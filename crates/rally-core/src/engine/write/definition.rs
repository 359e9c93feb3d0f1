use uuid::Uuid;

use super::{Change, Events, Revision, Transaction};
use crate::{
    base::{Entropy, Error, Kind, Passwords},
    engine::{
        codec::{Bytes, Slot},
        schema::{Body, Member, Model, Rule, TenantInfo},
    },
};

/// Description of a resource for the write path: its members, the rules that hold between them, and the members by
/// which other records may refer to its records.
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

/// Rules of a resource besides those of its single members. A rule that is not given has no effect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Prepares a body before the write begins, if that takes long or needs randomness.
    pub(crate) prepare: fn(Preparation<'_>, &mut Body<'_>) -> Result<(), Error>,
    /// Completes the members that are about to be stored, and adds the faults that they have together.
    pub(crate) settle: fn(&Transaction<'_>, &mut Revision<'_>) -> Result<(), Error>,
    /// Changes other records in the same transaction because of a record's new state.
    pub(crate) follow: Consequence,
    /// Adds an entry to the audit trail.
    pub(crate) audit: Consequence,
    /// Names the events of a change, if it makes any.
    pub(crate) events: fn(&Change<'_>) -> Result<Option<Events>, Error>,
    /// True when events are delivered to its records.
    pub(crate) subscribes: bool,
    /// Refuses to delete a record that must be kept.
    pub(crate) check_delete: fn(&Transaction<'_>, Uuid, &Bytes) -> Result<(), Error>,
}

/// The means by which a body is prepared: random bytes, and a place to hash passwords.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preparation<'s> {
    pub(crate) entropy: &'s dyn Entropy,
    pub(crate) passwords: &'s Passwords,
}

/// A consequence that a change has besides those of every change, in the same transaction.
pub(crate) type Consequence = fn(&mut Transaction<'_>, &Change<'_>) -> Result<(), Error>;

impl Rules {
    /// No rules besides those of the members.
    pub(crate) const NONE: Rules = Rules {
        prepare: |_, _| Ok(()),
        settle: |_, _| Ok(()),
        follow: |_, _| Ok(()),
        audit: |_, _| Ok(()),
        events: |_| Ok(None),
        subscribes: false,
        check_delete: |_, _, _| Ok(()),
    };
}

impl Definition {
    /// The definition for a tenant's records.
    pub(crate) fn of_tenant(self, tenant: &TenantInfo) -> Self {
        Self { model: tenant.model_of(self.model), ..self }
    }

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

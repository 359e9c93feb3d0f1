use super::{
    Access, Fields, Member,
    fields::LONGEST_NAME,
    join::Join,
    member::{Fold, ValueSource},
};
use crate::{
    base::Kind,
    engine::codec::{MAX_SLOTS, Slot},
};

/// Members of a resource in the order in which they are written, and what is derived from them.
#[derive(Debug)]
pub struct Model {
    kind: Kind,
    members: Vec<Member>,
    slot_count: usize,
    whole: Fields,
    joins: Vec<Join>,
    summed: Option<Summed>,
}

/// The members by which sums of the records are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summed {
    /// The id of the group that a record is summed in.
    pub(crate) group: Slot,
    /// The unit of the value: values of different units are summed apart.
    pub(crate) unit: Slot,
    /// The decimal number that a record adds; a record without one is counted.
    pub(crate) value: Slot,
    /// The whole number from 0 to 100 by which the value is multiplied in the weighted sum.
    pub(crate) weight: Slot,
}

impl Model {
    /// The model of records of a kind, or of a part of them, with its members in the order in which they are written.
    ///
    /// # Panics
    /// Panics if two members share a slot, a slot is left out or a name is too long: a mistake in the table of a
    /// resource, which its first use shows.
    #[must_use]
    pub(crate) fn new(kind: Kind, members: &[Member]) -> Self {
        let slot_count = members.iter().filter(|member| member.slot().is_some()).count();
        for slot in Slot::all().take(slot_count) {
            let users = members.iter().filter(|member| member.slot() == Some(slot)).count();
            assert!(users == 1, "slot {} must have one member", slot.number());
        }
        assert!(slot_count <= MAX_SLOTS, "a record has at most {MAX_SLOTS} stored members");
        let is_short = |member: &Member| member.name.len() <= LONGEST_NAME;
        assert!(members.iter().all(is_short), "a member's name has at most {LONGEST_NAME} bytes");
        let joined = || {
            members.iter().filter_map(|member| match member.source {
                ValueSource::Joined(place, join) => Some((place, join)),
                _ => None,
            })
        };
        let is_counted = joined().zip(Slot::all()).all(|((place, _), slot)| place == slot);
        assert!(is_counted, "joined members count from 0");
        let joins = joined().map(|(_, join)| join).collect();
        let members: Vec<Member> = members.iter().map(|member| member.found_by_reference()).collect();
        let whole = Fields::of(members.iter().filter(|member| member.access.is_read()));
        Self { kind, members, slot_count, whole, joins, summed: None }
    }

    /// Keeps sums of the records.
    pub(crate) fn summed_by(self, summed: Summed) -> Self {
        Self { summed: Some(summed), ..self }
    }

    /// The members by which sums of the records are kept, if they are.
    pub(crate) const fn summed(&self) -> Option<Summed> {
        self.summed
    }

    /// The kind of the records.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The members, in the order in which they are written.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Every member that callers may read.
    #[must_use]
    pub fn whole(&self) -> &Fields {
        &self.whole
    }

    pub(crate) fn slot_count(&self) -> usize {
        self.slot_count
    }

    /// The member of a name, if callers know it.
    pub(crate) fn named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name && member.access != Access::Hidden)
    }

    /// [`named`](Self::named), of names that mostly come in the order of the members: `place` is that behind the last one.
    pub(crate) fn named_near(&self, place: &mut usize, name: &str) -> Option<&Member> {
        let (before, behind) = self.members.split_at_checked(*place)?;
        let passed = behind.iter().chain(before).position(|member| member.name == name)?;
        let found = (*place + passed) % self.members.len();
        *place = found + 1;
        self.members.get(found).filter(|member| member.access != Access::Hidden)
    }

    /// The members that are read from other rows, in the order of their places.
    pub(crate) fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// The members by which a list can be filtered, each with the filter's name.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &Member)> {
        self.members.iter().filter_map(|member| member.filter.map(|name| (name, member)))
    }

    /// True when a list can be searched by the beginnings of names.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        self.members.iter().any(|member| member.searched)
    }

    /// The stored members, each with its slot.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (Slot, &Member)> {
        self.members.iter().filter_map(|member| member.slot().map(|slot| (slot, member)))
    }

    /// The stored members of which the history of a record tells, each with its slot and its name there.
    pub(crate) fn told(&self) -> impl Iterator<Item = (Slot, &Member, &'static str)> {
        self.stored().filter_map(|(slot, member)| member.told().map(|name| (slot, member, name)))
    }

    /// The members that are natural keys, each with its slot and its fold.
    pub(crate) fn natural_keys(&self) -> impl Iterator<Item = (Slot, &Member, Fold)> {
        self.stored().filter_map(|(slot, member)| member.natural_key.map(|fold| (slot, member, fold)))
    }

    /// The form in which values of the natural key in a slot are compared.
    pub(crate) fn fold_of(&self, slot: Slot) -> Option<Fold> {
        self.natural_keys().find(|(at, ..)| *at == slot).map(|(.., fold)| fold)
    }
}

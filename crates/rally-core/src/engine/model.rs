use uuid::Uuid;

use super::{
    Access, Action, Bytes, Fields, Member,
    body::Body,
    codec::MAX_SLOTS,
    fields::LONGEST_NAME,
    join::Join,
    member::{Fold, Source},
    revision::Revision,
    session::Session,
    stage::Stage,
};
use crate::base::{Error, Kind};

/// The members of a resource in the order in which they are written, and what follows from them.
#[derive(Debug)]
pub struct Model {
    members: Vec<Member>,
    slot_count: usize,
    whole: Fields,
    joins: Vec<Join>,
    pub(crate) rules: Rules,
}

/// What is true of a resource beyond its members one by one. Each does nothing where it is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Changes what a body says before the store is asked, where that takes long or needs randomness.
    pub(crate) prepare: fn(&Session, &mut Body<'_>) -> Result<(), Error>,
    /// Completes the members that a write is about to store, and says what is wrong with them together.
    pub(crate) settle: fn(&Stage<'_>, &mut Revision<'_>) -> Result<(), Error>,
    /// Does in the same write what follows from a record being as it is now.
    pub(crate) follow: fn(&mut Stage<'_>, Uuid, &Bytes) -> Result<(), Error>,
    /// Notes a change of a record with that change: what kind of record and which, what was done, and to which members.
    pub(crate) audited: Option<Audit>,
    /// Says why a record must stay.
    pub(crate) keep: fn(&Stage<'_>, Uuid, &Bytes) -> Result<(), Error>,
}

/// See [`Rules::audited`].
pub(crate) type Audit = fn(&mut Stage<'_>, Kind, Uuid, Action, &[&str]) -> Result<(), Error>;

impl Rules {
    /// Members one by one, and nothing else.
    pub(crate) const NONE: Rules = Rules {
        prepare: |_, _| Ok(()),
        settle: |_, _| Ok(()),
        follow: |_, _, _| Ok(()),
        audited: None,
        keep: |_, _, _| Ok(()),
    };
}

impl Model {
    /// Takes the members in the order in which they are written.
    ///
    /// # Panics
    /// When two members share a slot, a slot is left out or a name is too long: a mistake in the table that its first use shows.
    #[must_use]
    pub(crate) fn new(members: &[Member]) -> Self {
        let slot_count = members.iter().filter(|member| member.slot().is_some()).count();
        for slot in 0..slot_count {
            let users = members.iter().filter(|member| member.slot().map(usize::from) == Some(slot)).count();
            assert!(users == 1, "slot {slot} must have one member");
        }
        let longest = members.iter().map(|member| member.name.len()).max().unwrap_or(0);
        assert!(longest <= LONGEST_NAME, "a member's name has at most {LONGEST_NAME} bytes");
        assert!(slot_count <= MAX_SLOTS, "a record has at most {MAX_SLOTS} stored members");
        let places = members.iter().filter_map(|member| match member.source {
            Source::Joined(place, _) => Some(usize::from(place)),
            _ => None,
        });
        assert!(places.enumerate().all(|(at, place)| at == place), "joined members count from 0");
        let members: Vec<Member> = members.iter().map(|member| member.found_by_reference()).collect();
        let whole = Fields::of(members.iter().filter(|member| member.access.is_read()));
        let joins = members.iter().filter_map(|member| match member.source {
            Source::Joined(_, join) => Some(join),
            _ => None,
        });
        let joins = joins.collect();
        Self { members, slot_count, whole, joins, rules: Rules::NONE }
    }

    /// The same members under rules of their own.
    pub(crate) fn under(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
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

    /// The members that are read from other rows, in the order of their places.
    pub(crate) fn joins(&self) -> &[Join] {
        &self.joins
    }

    /// The members by which a list can be filtered, each with its parameter.
    pub fn filters(&self) -> impl Iterator<Item = (&'static str, &Member)> {
        self.members.iter().filter_map(|member| member.filter.map(|parameter| (parameter, member)))
    }

    /// Whether a list can be asked for what names begin with.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        self.members.iter().any(|member| member.searched)
    }

    /// The stored members, each with its slot.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (u8, &Member)> {
        self.members.iter().filter_map(|member| member.slot().map(|slot| (slot, member)))
    }

    /// The members that are natural keys, each with its slot and its fold.
    pub(crate) fn natural_keys(&self) -> impl Iterator<Item = (u8, &Member, Fold)> {
        self.stored().filter_map(|(slot, member)| member.natural_key.map(|fold| (slot, member, fold)))
    }
}

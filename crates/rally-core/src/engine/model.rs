use super::{
    Access, Fields, Member,
    codec::MAX_SLOTS,
    fields::LONGEST_NAME,
    member::{Fold, Source},
};

/// The members of a resource in the order in which they are written, and what follows from them.
#[derive(Debug)]
pub struct Model {
    members: Vec<Member>,
    slot_count: usize,
    whole: Fields,
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
        let members = members.to_vec();
        let whole = Fields::of(members.iter().filter(|member| member.access != Access::Hidden));
        Self { members, slot_count, whole }
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

    pub(crate) fn find(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name && member.access != Access::Hidden)
    }

    /// The stored members, each with its slot.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (u8, &Member)> {
        self.members.iter().filter_map(|member| match member.source {
            Source::Slot(slot) => Some((slot, member)),
            _ => None,
        })
    }

    /// The members that are natural keys, each with its slot and its fold.
    pub(crate) fn natural_keys(&self) -> impl Iterator<Item = (u8, &Member, Fold)> {
        self.stored().filter_map(|(slot, member)| member.natural_key.map(|fold| (slot, member, fold)))
    }
}

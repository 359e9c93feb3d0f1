use uuid::Uuid;

use super::Transaction;
use crate::{
    base::{invariant, limits},
    engine::{
        codec::Slot,
        keys::IndexedValue,
        schema::{Body, IndexNumber, Model, text_of},
    },
    store::StoreError,
};

/// The members by which an upsert finds its record.
#[derive(Clone, Copy, Debug)]
pub struct MatchedBy(Match);

#[derive(Clone, Copy, Debug)]
enum Match {
    /// The natural key in a slot.
    NaturalKey(Slot),
    /// An index, and the slots whose texts make up its value with a line break between them.
    Index(IndexNumber, &'static [Slot]),
}

impl MatchedBy {
    pub(crate) const fn natural_key(slot: Slot) -> Self {
        Self(Match::NaturalKey(slot))
    }

    pub(crate) const fn index(index: IndexNumber, slots: &'static [Slot]) -> Self {
        Self(Match::Index(index, slots))
    }

    /// Names of the members that a body would have to give a value and leaves without one.
    pub(crate) fn missing(self, model: &Model, body: &Body<'_>) -> Vec<&'static str> {
        let is_missing = |slot: &Slot| body.value(*slot).is_none_or(|text| text == "\"\"");
        self.slots().iter().filter(|slot| is_missing(slot)).filter_map(|slot| name(model, *slot)).collect()
    }

    /// Names of the members that a body must give.
    #[must_use]
    pub fn names(self, model: &Model) -> Vec<&'static str> {
        self.slots().iter().filter_map(|slot| name(model, *slot)).collect()
    }

    fn slots(&self) -> &[Slot] {
        match &self.0 {
            Match::NaturalKey(slot) => std::slice::from_ref(slot),
            Match::Index(_, slots) => slots,
        }
    }

    /// The records that a body matches, at most [`limits::PAGE`]. The body must give all members to match by.
    pub(crate) fn find(
        self,
        transaction: &Transaction<'_>,
        model: &Model,
        body: &Body<'_>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let texts: Vec<&str> = self.slots().iter().filter_map(|slot| body.value(*slot)).collect();
        match self.0 {
            Match::NaturalKey(slot) => {
                let fold = invariant(model.fold_of(slot), "an upsert matches by a natural key of its model");
                let folded = fold(&text_of(&texts.concat()));
                let folded = invariant(folded, "rules for natural keys make text that folds");
                let found = transaction.find_by_key(model.kind(), slot, &folded)?;
                transaction.ids(model.kind(), found.as_slice())
            }
            Match::Index(index, _) => {
                let value = IndexedValue::text(&texts.join("\n"));
                let found = transaction.indexed(model.kind(), index, value, limits::PAGE)?;
                transaction.ids(model.kind(), &found)
            }
        }
    }
}

fn name(model: &Model, slot: Slot) -> Option<&'static str> {
    model.stored().find(|(at, _)| *at == slot).map(|(_, member)| member.name)
}

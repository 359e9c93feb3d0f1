use uuid::Uuid;

use super::{
    body::Body,
    rule,
    spaces::Term,
    stage::{Of, Stage},
};
use crate::{base::limits, store::StoreError};

/// How an upsert finds the record that it is about.
#[derive(Clone, Copy, Debug)]
pub struct Matching(pub(crate) By);

#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// The natural key in a slot.
    NaturalKey(u8),
    /// An index and the slots whose texts make up its term, a line break between them.
    Index(u8, &'static [u8]),
}

impl Matching {
    /// The members that a body must give a value and does not.
    pub(crate) fn missing(self, of: Of, body: &Body<'_>) -> Vec<&'static str> {
        let is_missing = |slot: &u8| body.value(*slot).is_none_or(|text| text == "\"\"");
        let name = |slot: &u8| of.model.stored().find(|(at, _)| at == slot).map(|(_, member)| member.name);
        self.slots().iter().filter(|slot| is_missing(slot)).filter_map(name).collect()
    }

    /// The records that a body matches, which has all that it takes; of very many only the first.
    pub(crate) fn find(self, stage: &Stage<'_>, of: Of, body: &Body<'_>) -> Result<Vec<Uuid>, StoreError> {
        let texts: Vec<&str> = self.slots().iter().filter_map(|slot| body.value(*slot)).collect();
        match self.0 {
            By::NaturalKey(slot) => {
                let fold = of.model.natural_keys().find(|(at, ..)| *at == slot).map(|(_, _, fold)| fold);
                let folded = fold.and_then(|fold| fold(&rule::unquote(texts.concat().as_bytes())));
                let found = folded.map(|folded| stage.find_by_key(of.kind, slot, &folded)).transpose()?;
                Ok(found.flatten().into_iter().collect())
            }
            By::Index(index, _) => stage.indexed(of.kind, index, Term::text(&texts.join("\n")), limits::PAGE),
        }
    }

    fn slots(&self) -> Vec<u8> {
        match self.0 {
            By::NaturalKey(slot) => vec![slot],
            By::Index(_, slots) => slots.to_vec(),
        }
    }
}

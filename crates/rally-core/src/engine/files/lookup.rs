//! The records that the cells of references mean.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    ImportMode, Relations,
    inputs::{Inputs, ReferenceCells},
    relations::referred,
    table::RowKey,
    value::Input,
};
use crate::{
    base::{Error, Kind},
    engine::{schema::quote, session::View},
};

/// Looks for records at one moment, and remembers what it found for rows that ask the same.
pub(crate) struct Lookup<'l> {
    pub(crate) view: &'l View<'l>,
    pub(crate) relations: &'static Relations,
    pub(crate) mode: ImportMode,
    pub(crate) key: RowKey,
    pub(crate) memory: &'l mut Memory,
}

/// The records found before. It is bounded: when it is full, it begins anew.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    found: HashMap<(String, String), Found>,
}

/// The records that a text may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    None,
    One(Uuid),
    Several(Vec<Uuid>),
}

/// Texts that are remembered.
const REMEMBERED: usize = 20_000;

impl From<Vec<Uuid>> for Found {
    fn from(ids: Vec<Uuid>) -> Self {
        match ids.as_slice() {
            [] => Found::None,
            [id] => Found::One(*id),
            _ => Found::Several(ids),
        }
    }
}

impl Lookup<'_> {
    /// True when rows find their records by an id.
    pub(crate) fn finds_by_id(&self) -> bool {
        matches!(self.key, RowKey::Id)
    }

    /// Resolves the references of a row that are left.
    pub(crate) fn resolve(&mut self, inputs: &mut Inputs) -> Result<(), Error> {
        for cells in std::mem::take(&mut inputs.references) {
            let Some(kind) = referred(cells.member) else { continue };
            self.resolve_one(kind, &cells, inputs)?;
        }
        Ok(())
    }

    /// Resolves one reference; answers the record, if there is one.
    pub(crate) fn resolve_one(
        &mut self,
        kind: Kind,
        cells: &ReferenceCells,
        inputs: &mut Inputs,
    ) -> Result<Option<Uuid>, Error> {
        let name = cells.member.name;
        if cells.own.as_deref() == Some(super::guard::CLEAR) {
            inputs.set(name, Input::Clear);
            return Ok(None);
        }
        let mut several = None;
        let mut asked = None;
        for text in cells.texts() {
            asked = asked.or(Some(text));
            match self.find(kind, text)? {
                Found::One(id) => {
                    inputs.set(name, Input::Json(quote(&id.to_string())));
                    return Ok(Some(id));
                }
                Found::Several(ids) => several = several.or(Some((text, ids))),
                Found::None => {}
            }
        }
        match (several, asked) {
            (Some((text, ids)), _) => {
                let told: Vec<String> = ids.iter().map(Uuid::to_string).collect();
                let phrase = format!("names several {}, {text:?}: {}", kind.plural(), told.join(", "));
                inputs.unknown(name, phrase);
                inputs.candidates.extend(ids);
            }
            (None, Some(text)) => inputs.unknown(name, format!("names no {kind}: {text:?}")),
            (None, None) => {}
        }
        Ok(None)
    }

    /// The records that a text means: by an id, or else by a natural key, or else by a name.
    pub(crate) fn find(&mut self, kind: Kind, text: &str) -> Result<Found, Error> {
        let (view, related) = (self.view, (self.relations.of)(kind)?);
        self.remembered(kind.plural(), text, || {
            if let Ok(id) = text.parse::<uuid::fmt::Hyphenated>() {
                let id = id.into_uuid();
                return Ok(if (related.exists)(view, id)? { Found::One(id) } else { Found::None });
            }
            match (related.by_key)(view, text)? {
                Some(id) => Ok(Found::One(id)),
                None => Ok((related.by_name)(view, text)?.into()),
            }
        })
    }

    /// The meaning of a text among some things, found once.
    pub(crate) fn remembered(
        &mut self,
        among: &str,
        text: &str,
        find: impl FnOnce() -> Result<Found, Error>,
    ) -> Result<Found, Error> {
        let asked = (among.to_owned(), text.to_owned());
        if let Some(found) = self.memory.found.get(&asked) {
            return Ok(found.clone());
        }
        let found = find()?;
        if self.memory.found.len() >= REMEMBERED {
            self.memory.found.clear();
        }
        // What is not there yet may come with a later row of another import.
        if found != Found::None {
            self.memory.found.insert(asked, found.clone());
        }
        Ok(found)
    }
}

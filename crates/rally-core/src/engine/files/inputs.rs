//! The values that one row gives the members of its record.

use uuid::Uuid;

use super::{table::RowId, value::Input};
use crate::{
    base::{Code, Error, Faults},
    engine::schema::{Member, quote},
};

/// A row that has been read: values of members, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) id: RowId,
    members: Vec<(&'static str, Input)>,
    /// Cells of references that are still to be resolved.
    pub(crate) references: Vec<ReferenceCells>,
    pub(crate) faults: Faults,
    /// Records that each may be meant by a reference.
    pub(crate) candidates: Vec<Uuid>,
    /// The fault of all others, if they are of one kind.
    pub(crate) code: Code,
}

/// The cells of one row that say which record a member refers to, the best first.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceCells {
    pub(crate) member: &'static Member,
    pub(crate) own: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) name: Option<String>,
}

impl ReferenceCells {
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.own, &self.key, &self.name].into_iter().flatten().map(String::as_str)
    }
}

impl Inputs {
    pub(crate) fn new() -> Self {
        Self {
            id: RowId::Missing,
            members: Vec::new(),
            references: Vec::new(),
            faults: Faults::new(),
            candidates: Vec::new(),
            code: Code::Validation,
        }
    }

    pub(crate) fn set(&mut self, name: &'static str, input: Input) {
        self.members.retain(|(known, _)| *known != name);
        self.members.push((name, input));
    }

    pub(crate) fn set_id(&mut self, name: &'static str, id: Uuid) {
        self.set(name, Input::Json(quote(&id.to_string())));
    }

    /// The cells of a reference, which are then no longer there.
    pub(crate) fn take_reference(&mut self, name: &str) -> Option<ReferenceCells> {
        let place = self.references.iter().position(|cells| cells.member.name == name)?;
        Some(self.references.remove(place))
    }

    /// Adds the fault of a reference that leads to no record.
    pub(crate) fn unknown(&mut self, name: &str, phrase: impl Into<String>) {
        if self.faults.is_empty() {
            self.code = Code::BadReference;
        }
        self.faults.add(name, phrase);
    }

    /// Adds the fault of a member.
    pub(crate) fn wrong(&mut self, name: &str, phrase: impl Into<String>) {
        self.code = Code::Validation;
        self.faults.add(name, phrase);
    }

    /// The JSON object that the API would have got.
    ///
    /// # Errors
    /// Fails with all faults.
    pub(crate) fn into_json(self) -> Result<Vec<u8>, Error> {
        if !self.faults.is_empty() {
            let error = Error::from(self.faults);
            let told = Error::new(self.code, error.detail()).with_faults(error.faults().clone());
            return Err(told.with_matching(self.candidates));
        }
        let bytes: usize = self.members.iter().map(|(name, input)| name.len() + input.json().len() + 4).sum();
        let mut json = Vec::with_capacity(bytes + 2);
        json.push(b'{');
        for (place, (name, input)) in self.members.iter().enumerate() {
            json.extend_from_slice(if place == 0 { b"\"" } else { b",\"" });
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
            json.extend_from_slice(input.json().as_bytes());
        }
        json.push(b'}');
        Ok(json)
    }
}

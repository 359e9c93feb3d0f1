use std::sync::Arc;

use super::{Member, Model, Record, member::ValueSource, record::NULL};
use crate::{
    base::{Faults, Profile},
    engine::codec::put_wide,
    store::StoreError,
};

/// Selection of the members of a record to write, in the model's order. Clones share it.
#[derive(Clone, Debug)]
pub struct Fields {
    steps: Arc<[Step]>,
}

/// Opening of a member (`,"name":`), and the source of its value.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// The opening is copied whole and cut, which costs less than a copy of its own length.
    opening: [u8; NAME],
    opening_length: usize,
    source: ValueSource,
    /// JSON text of a stored member without a value.
    default: &'static [u8],
}

impl Step {
    fn name(&self) -> String {
        let opening = self.opening.iter().take(self.opening_length).map(|byte| char::from(*byte));
        opening.filter(char::is_ascii_alphanumeric).collect()
    }
}

/// Bytes of the longest name of a member, with the characters around it.
const NAME: usize = 32;

/// Bytes of the longest name of a member.
pub(crate) const LONGEST_NAME: usize = NAME - 4;

/// Bytes for the parts of the JSON that are not in a record's bytes: ids, instants, brackets and `null`s.
const BESIDES: usize = 320;

impl Fields {
    pub(crate) fn of<'m>(members: impl Iterator<Item = &'m Member>) -> Self {
        let mut steps = Vec::new();
        for member in members {
            let text = format!("{}\"{}\":", if steps.is_empty() { '{' } else { ',' }, member.name);
            let mut opening = [0; NAME];
            opening.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
            let default = member.default.map_or(NULL, str::as_bytes);
            steps.push(Step { opening, opening_length: text.len(), source: member.source, default });
        }
        Self { steps: steps.into() }
    }

    /// The members that a comma-separated list names; all of them if the list is empty.
    ///
    /// # Errors
    /// Faults of `fields`, one for each unknown name, in the strict profile; the documented one ignores unknown names.
    pub fn parse(model: &Model, list: &str, profile: Profile) -> Result<Self, Faults> {
        let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            return Ok(model.whole().clone());
        }
        let mut faults = Faults::new();
        let is_read = |name: &str| model.named(name).is_some_and(|member| member.access.is_read());
        for name in names.iter().filter(|name| !is_read(name)) {
            if profile == Profile::Strict {
                faults.add("fields", format!("names {name:?}, which is not a member"));
            }
        }
        let named = |member: &&Member| member.access.is_read() && names.contains(&member.name);
        if faults.is_empty() { Ok(Self::of(model.members().iter().filter(named))) } else { Err(faults) }
    }

    /// True when one of them is read from another record.
    #[must_use]
    pub fn names_joined(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.source, ValueSource::Joined(..)))
    }

    /// True when a member is among them.
    #[cfg(feature = "files")]
    pub(crate) fn names(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step.name() == name)
    }

    /// Appends the JSON object of a record.
    pub(crate) fn write(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        if self.steps.is_empty() {
            out.extend_from_slice(b"{}");
            return Ok(());
        }
        out.reserve(record.parts.bytes() + self.steps.len() * NAME + BESIDES);
        for step in &*self.steps {
            put_wide(&step.opening, step.opening_length, out);
            match step.source {
                ValueSource::Slot(slot) => record.parts.write_slot(slot, step.default, out),
                source => record.write_value(source, out)?,
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// The JSON text of each member of a record, one after the other.
    pub(crate) fn values<'f, 'r>(&'f self, record: &'f Record<'r>) -> Values<'f, 'r> {
        Values { steps: self.steps.iter(), record, text: Vec::new() }
    }
}

/// The JSON text of the members of a record that are still to come.
pub(crate) struct Values<'f, 'r> {
    steps: std::slice::Iter<'f, Step>,
    record: &'f Record<'r>,
    text: Vec<u8>,
}

impl Values<'_, '_> {
    /// The next member, as a Rust value.
    pub(crate) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let step =
            self.steps.next().ok_or_else(|| StoreError::Corrupt { what: "too few members".to_owned() })?;
        let json = match step.source {
            ValueSource::Slot(slot) => match self.record.slot(slot) {
                b"" => step.default,
                json => json,
            },
            source => {
                self.text.clear();
                self.record.write_value(source, &mut self.text)?;
                &self.text
            }
        };
        serde_json::from_slice(json)
            .map_err(|error| StoreError::Corrupt { what: format!("the member {}: {error}", step.name()) })
    }
}

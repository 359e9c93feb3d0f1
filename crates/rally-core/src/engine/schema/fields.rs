use std::sync::Arc;

use super::{
    Member, Model, Record,
    member::ValueSource,
    record::{LONGEST_TEXT, NULL},
};
use crate::{
    base::{Faults, Profile},
    engine::codec::{RecordParts, Room, WIDE, Wide},
    store::StoreError,
};

/// Selection of the members of a record to write, in the model's order. Clones share it.
#[derive(Clone, Debug)]
pub struct Fields {
    steps: Arc<[Step]>,
    /// Bytes for all of an object that is not in a record's bytes.
    besides: usize,
}

/// Opening of a member (`,"name":`), and the source of its value.
#[derive(Clone, Copy, Debug)]
struct Step {
    opening: Wide,
    source: ValueSource,
    /// JSON text of a stored member without a value.
    default: Wide,
    /// Steps from this one on whose members are stored one beside the other.
    run: usize,
}

impl Step {
    fn name(&self) -> String {
        let opening = self.opening.as_bytes().iter().map(|byte| char::from(*byte));
        opening.filter(char::is_ascii_alphanumeric).collect()
    }

    /// Bytes for the opening, and for a value that is not stored.
    fn bytes(&self) -> usize {
        let value = match self.source {
            ValueSource::Slot(_) | ValueSource::Joined(..) => self.default.as_bytes().len(),
            _ => LONGEST_TEXT,
        };
        self.opening.as_bytes().len() + value
    }
}

/// Bytes of the longest name of a member.
pub(crate) const LONGEST_NAME: usize = WIDE - 4;

impl Fields {
    pub(crate) fn of<'m>(members: impl Iterator<Item = &'m Member>) -> Self {
        let mut steps = Vec::new();
        for member in members {
            let text = format!("{}\"{}\":", if steps.is_empty() { '{' } else { ',' }, member.name);
            let default = Wide::new(member.default.map_or(NULL, str::as_bytes));
            steps.push(Step { opening: Wide::new(text.as_bytes()), source: member.source, default, run: 1 });
        }
        for place in (1..steps.len()).rev() {
            if let Some([step, next]) = steps.get_mut(place - 1..).and_then(|rest| rest.first_chunk_mut())
                && next.source.is_slot_behind(step.source)
            {
                step.run += next.run;
            }
        }
        let besides = steps.iter().map(Step::bytes).sum::<usize>() + "}".len();
        Self { steps: steps.into(), besides }
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

    /// True when no member is among them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
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
        let joined = record.joined.as_ref().map_or(0, RecordParts::bytes);
        let mut room = Room::behind(out, record.parts.bytes() + joined + self.besides);
        let mut rest = &*self.steps;
        while let [step, behind @ ..] = rest {
            match step.source {
                ValueSource::Slot(first) => {
                    let (run, behind) = rest.split_at(step.run);
                    let texts = run.iter().map(|step| (&step.opening, &step.default));
                    record.parts.write_slots(first, texts, &mut room);
                    rest = behind;
                }
                source => {
                    room.write(|texts| texts.put_wide(&step.opening));
                    record.write_other(source, &mut room)?;
                    rest = behind;
                }
            }
        }
        room.write(|texts| texts.put(b"}", 1));
        room.close();
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
                b"" => step.default.as_bytes(),
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

//! Reading a body: from the JSON of a request to members in their stored form, all faults at once.

use std::{borrow::Cow, fmt};

use serde::{
    Serialize, Serializer,
    de::{self, Deserializer, MapAccess, SeqAccess, Visitor},
    ser,
};
use serde_json::{error::Category, value::RawValue};

use super::{
    Member, Model, Profile,
    codec::MAX_SLOTS,
    rule::{Name, Wrong},
};
use crate::base::{Code, Error, Faults};

/// What creates an `R`: a typed draft, or the [`Json`] of one.
pub trait Draft<R>: Serialize {
    /// The JSON object of the members.
    fn to_json(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// What updates an `R`, member by member: one left out stays, `null` clears.
pub trait Change<R>: Serialize {
    /// The JSON object of the members.
    fn to_json(&self) -> Cow<'_, [u8]> {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

/// The text of a JSON document, as it came.
#[derive(Clone, Copy, Debug)]
pub struct Json<'a>(pub &'a [u8]);

impl Serialize for Json<'_> {
    /// The document itself, if it is one.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document: &RawValue = serde_json::from_slice(self.0).map_err(ser::Error::custom)?;
        document.serialize(serializer)
    }
}

/// Members in their stored form, by slot; an empty text is no value.
pub(crate) type Slots<'a> = [Cow<'a, str>; MAX_SLOTS];

/// What a body says of each slot.
#[derive(Clone)]
pub(crate) struct Body<'a> {
    given: [Given<'a>; MAX_SLOTS],
    pub(crate) faults: Faults,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Given<'a> {
    #[default]
    Nothing,
    Null,
    Value(Cow<'a, str>),
    /// Something that is at fault.
    Fault,
}

impl<'a> Body<'a> {
    /// Reads a JSON object. What is wrong with its members is kept in `faults`; `what` is its name in an error.
    ///
    /// # Errors
    /// When it is not JSON, or no object.
    pub(crate) fn read(model: &Model, json: &'a [u8], profile: Profile, what: &str) -> Result<Self, Error> {
        let text = utf8(json)?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let visitor = BodyVisitor { model, profile };
        let body = reader.deserialize_map(visitor).map_err(|error| not_an_object(text, &error, what))?;
        reader.end().map_err(|error| malformed(&error))?;
        Ok(body)
    }

    /// The members of a new record: what is given, and defaults.
    pub(crate) fn create(&self, model: &Model) -> Result<Slots<'a>, Faults> {
        let mut slots = Slots::default();
        let faults = self.apply(model, &mut slots);
        if faults.is_empty() { Ok(slots) } else { Err(faults) }
    }

    /// Lays what is given over the members of a record. What is at fault is left as it is, and told.
    pub(crate) fn apply(&self, model: &Model, slots: &mut Slots<'a>) -> Faults {
        let mut faults = self.faults.clone();
        for (slot, member) in model.stored() {
            let index = usize::from(slot);
            let (Some(given), Some(value)) = (self.given.get(index), slots.get_mut(index)) else { continue };
            match given {
                Given::Nothing => {}
                Given::Null => *value = Cow::Borrowed(""),
                Given::Value(new) => value.clone_from(new),
                Given::Fault => continue,
            }
            if value.is_empty()
                && let Some(default) = member.default
            {
                *value = Cow::Borrowed(default);
            }
            if member.required && value.is_empty() {
                faults.add(member.name, "is required");
            } else if member.required && value == "\"\"" {
                faults.add(member.name, "must not be empty");
            }
        }
        faults
    }

    /// Gives a member another value than it was given.
    pub(crate) fn replace(&mut self, slot: u8, json: String) {
        if let Some(given) = self.given.get_mut(usize::from(slot)) {
            *given = Given::Value(json.into());
        }
    }

    /// The members that are given a value, each with its slot and the JSON text of the value.
    pub(crate) fn values<'m>(&self, model: &'m Model) -> impl Iterator<Item = (&'m Member, &str)> {
        model.stored().filter_map(|(slot, member)| self.value(slot).map(|value| (member, value)))
    }

    /// The value that is given for a slot.
    pub(crate) fn value(&self, slot: u8) -> Option<&str> {
        match self.given.get(usize::from(slot)) {
            Some(Given::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// Whether anything is said of a slot, be it `null` or at fault.
    pub(crate) fn mentions(&self, slot: u8) -> bool {
        self.given.get(usize::from(slot)).is_some_and(|given| *given != Given::Nothing)
    }

    fn take(&mut self, model: &Model, profile: Profile, name: &str, raw: &'a str) {
        match model.named(name) {
            Some(member) if member.access.is_written() => {
                let Some(given) = member.slot().and_then(|slot| self.given.get_mut(usize::from(slot))) else {
                    return;
                };
                let read = if raw == "null" {
                    Ok(Given::Null)
                } else {
                    member.rule.read(raw, profile).map(Given::Value)
                };
                let twice = *given != Given::Nothing;
                *given = if twice {
                    Given::Fault
                } else {
                    read.unwrap_or_else(|wrong| at_fault(&mut self.faults, name, wrong))
                };
                if twice {
                    self.faults.add(name, "is given twice");
                }
            }
            Some(_) if profile == Profile::Strict => self.faults.add(name, "is read-only"),
            None if profile == Profile::Strict => self.faults.add(name, "is not a member"),
            _ => {}
        }
    }
}

fn at_fault<'a>(faults: &mut Faults, name: &str, wrong: Wrong) -> Given<'a> {
    faults.add_all(name, wrong.into_faults());
    Given::Fault
}

struct BodyVisitor<'m> {
    model: &'m Model,
    profile: Profile,
}

impl<'de> Visitor<'de> for BodyVisitor<'_> {
    type Value = Body<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Body<'de>, A::Error> {
        let mut body = Body { given: std::array::from_fn(|_| Given::Nothing), faults: Faults::new() };
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let raw: &'de RawValue = map.next_value()?;
            body.take(self.model, self.profile, &name.0, raw.get());
        }
        Ok(body)
    }
}

/// Splits a JSON array into the text of each item, and stops when there are more than `most`.
///
/// # Errors
/// When it is not JSON, no array, or has no item or too many.
pub(crate) fn items(json: &[u8], most: usize) -> Result<Vec<&[u8]>, Error> {
    let text = utf8(json)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let items = reader.deserialize_seq(ItemsVisitor { most }).map_err(|error| match error.classify() {
        Category::Data if text.trim_start().starts_with('[') => miscounted(most),
        Category::Data => wrong_shape("the body must be a JSON array"),
        _ => malformed(&error),
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    if items.is_empty() { Err(miscounted(most)) } else { Ok(items) }
}

fn miscounted(most: usize) -> Error {
    Faults::one("items", format!("must be 1 to {most}")).into()
}

struct ItemsVisitor {
    most: usize,
}

impl<'de> Visitor<'de> for ItemsVisitor {
    type Value = Vec<&'de [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON array of at most {} items", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element::<&'de RawValue>()? {
            if items.len() == self.most {
                return Err(de::Error::invalid_length(self.most + 1, &self));
            }
            items.push(item.get().as_bytes());
        }
        Ok(items)
    }
}

fn utf8(json: &[u8]) -> Result<&str, Error> {
    if json.starts_with(b"\xEF\xBB\xBF") {
        return Err(Error::new(
            Code::MalformedJson,
            "the body begins with a byte order mark; send it without",
        ));
    }
    std::str::from_utf8(json).map_err(|error| {
        let place = error.valid_up_to();
        Error::new(Code::MalformedJson, format!("the body is not UTF-8 at byte {place}"))
    })
}

fn not_an_object(text: &str, error: &serde_json::Error, what: &str) -> Error {
    let object = text.trim_start().starts_with('{');
    if error.is_data() && !object {
        wrong_shape(format!("{what} must be a JSON object"))
    } else {
        malformed(error)
    }
}

fn wrong_shape(detail: impl Into<String>) -> Error {
    Error::new(Code::Validation, detail)
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::new(Code::MalformedJson, format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            member::stored,
            rule::{Rule, Shape},
        },
        *,
    };

    #[test]
    fn a_fault_inside_a_value_is_told_by_its_path() {
        let shape = &Shape { read: |_, _| Err(Wrong::at("[2].name", "is required")), schema: "{}" };
        let model = Model::new(&[stored(0, "stages", Rule::Shape(shape))]);
        let body = Body::read(&model, br#"{"stages":[]}"#, Profile::Strict, "the body").unwrap();
        assert_eq!(body.faults, Faults::one("stages[2].name", "is required"));
    }
}

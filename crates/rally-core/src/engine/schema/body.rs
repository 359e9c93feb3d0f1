//! Reading a body: from the JSON of a request to members in their stored form, all faults at once.

use std::{borrow::Cow, fmt};

use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{error::Category, value::RawValue};

use super::{
    Given, Member, Model, Slots,
    plain::Plain,
    rule::{InputValue, Name, Rule, UNSEEN, ValueFaults, is_visible},
};
use crate::{
    base::{Code, Error, Faults, Profile},
    engine::codec::{MAX_SLOTS, Slot},
};

/// A draft or an update that has been read: what it gives for each slot.
#[derive(Clone)]
pub(crate) struct Body<'a> {
    inputs: [InputValue<'a>; MAX_SLOTS],
    pub(crate) faults: Faults,
}

impl<'a> Body<'a> {
    /// Reads a JSON object. Faults of its members are kept in `faults`; `what` names the object in an error.
    ///
    /// # Errors
    /// Fails if the input is not a JSON object.
    pub(crate) fn read(model: &Model, json: &'a [u8], profile: Profile, what: &str) -> Result<Self, Error> {
        Self::read_text(model, utf8(json)?, profile, what)
    }

    fn read_text(model: &Model, text: &'a str, profile: Profile, what: &str) -> Result<Self, Error> {
        let mut plain = Plain::new(text);
        if let Some(body) = Self::plain(model, &mut plain, profile)
            && plain.is_at_end()
        {
            return Ok(body);
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let visitor = BodyVisitor { model, profile };
        let body = reader.deserialize_map(visitor).map_err(|error| not_an_object(text, &error, what))?;
        reader.end().map_err(|error| malformed(&error))?;
        Ok(body)
    }

    /// Reads a JSON array of objects, at most `most`. An item that is no object is an error of its own.
    ///
    /// # Errors
    /// Fails if the input is not a JSON array, or does not have 1 to `most` items.
    pub(crate) fn read_each(
        model: &Model,
        json: &'a [u8],
        profile: Profile,
        most: usize,
    ) -> Result<Vec<Result<Self, Error>>, Error> {
        let text = utf8(json)?;
        if let Some(bodies) = Self::plain_each(model, text, profile, most) {
            return Ok(bodies);
        }
        let items = items(text, most)?.into_iter();
        Ok(items.map(|item| Self::read_text(model, item, profile, "the item")).collect())
    }

    /// The objects of an array of 1 to `most` plain ones; `None` of any other.
    fn plain_each(
        model: &Model,
        text: &'a str,
        profile: Profile,
        most: usize,
    ) -> Option<Vec<Result<Self, Error>>> {
        let (mut plain, mut bodies) = (Plain::new(text), Vec::new());
        if !plain.takes(b'[') {
            return None;
        }
        while bodies.len() < most {
            bodies.push(Ok(Self::plain(model, &mut plain, profile)?));
            if !plain.takes(b',') {
                return (plain.takes(b']') && plain.is_at_end()).then_some(bodies);
            }
        }
        None
    }

    /// Reads a plain object; `None` of any other.
    fn plain(model: &Model, plain: &mut Plain<'a>, profile: Profile) -> Option<Self> {
        let (mut body, mut place) = (Self::empty(), 0);
        plain.object(|name, raw| body.take(model.named_near(&mut place, name), profile, name, raw))?;
        Some(body)
    }

    /// Reads a host's draft or update by the same rules. Faults of its members are kept in `faults`.
    pub(crate) fn of(model: &Model, given: &'a Given) -> Self {
        let mut body = Self::empty();
        for (slot, value) in given.iter() {
            let Some((_, member)) = model.stored().find(|(at, _)| *at == slot) else { continue };
            let input = match value {
                Ok(None) => Ok(InputValue::Null),
                Ok(Some(json)) => member.rule.read_typed(json).map(InputValue::of),
                Err(error) => Err(error.to_owned().into()),
            };
            *body.input_mut(slot) =
                input.unwrap_or_else(|wrong| at_fault(&mut body.faults, member.name, wrong));
        }
        body
    }

    fn empty() -> Self {
        Self { inputs: std::array::from_fn(|_| InputValue::Missing), faults: Faults::new() }
    }

    /// Members of a new record: those that are given, and defaults for the others.
    pub(crate) fn create(&self, model: &Model) -> Result<Slots<'a>, Faults> {
        let mut slots = Slots::default();
        let faults = self.apply(model, &mut slots);
        if faults.is_empty() { Ok(slots) } else { Err(faults) }
    }

    /// Replaces the members of a record by those that are given, and answers the faults. A member at fault stays as it
    /// was.
    pub(crate) fn apply(&self, model: &Model, slots: &mut Slots<'a>) -> Faults {
        let mut faults = self.faults.clone();
        for (slot, member) in model.stored() {
            let value = slots.text_mut(slot);
            match self.input(slot) {
                InputValue::Missing => {}
                InputValue::Null => *value = Cow::Borrowed(""),
                InputValue::Value(new) if is_unseen_name(member, new) => {
                    faults.add(member.name, UNSEEN);
                    continue;
                }
                InputValue::Value(new) => value.clone_from(new),
                InputValue::Fault => continue,
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
    pub(crate) fn replace(&mut self, slot: Slot, json: String) {
        *self.input_mut(slot) = InputValue::Value(json.into());
    }

    /// The members that are given a value, each with its slot and the JSON text of the value.
    pub(crate) fn values<'m>(&self, model: &'m Model) -> impl Iterator<Item = (&'m Member, &str)> {
        model.stored().filter_map(|(slot, member)| self.value(slot).map(|value| (member, value)))
    }

    /// The value that is given for a slot.
    pub(crate) fn value(&self, slot: Slot) -> Option<&str> {
        match self.input(slot) {
            InputValue::Value(value) => Some(value),
            _ => None,
        }
    }

    /// True when the body names the member of a slot: with a value, with `null` or with a fault.
    pub(crate) fn mentions(&self, slot: Slot) -> bool {
        *self.input(slot) != InputValue::Missing
    }

    #[expect(clippy::indexing_slicing, reason = "a slot is less than `MAX_SLOTS`")]
    fn input(&self, slot: Slot) -> &InputValue<'a> {
        &self.inputs[slot.index()]
    }

    #[expect(clippy::indexing_slicing, reason = "a slot is less than `MAX_SLOTS`")]
    fn input_mut(&mut self, slot: Slot) -> &mut InputValue<'a> {
        &mut self.inputs[slot.index()]
    }

    /// Takes the value of a member, which is the one of this name, if callers know one.
    fn take(&mut self, member: Option<&Member>, profile: Profile, name: &str, raw: &'a str) {
        match member {
            Some(member) if member.access.is_written() => {
                let Some(slot) = member.slot() else { return };
                let read = if member.required && raw != "null" {
                    member.rule.read(raw, profile).map(InputValue::Value)
                } else {
                    member.rule.read_optional(raw, profile)
                };
                *self.input_mut(slot) = if self.mentions(slot) {
                    self.faults.add(name, "is given twice");
                    InputValue::Fault
                } else {
                    read.unwrap_or_else(|wrong| at_fault(&mut self.faults, name, wrong))
                };
            }
            Some(Member { refusal: Some(phrase), .. }) => self.faults.add(name, *phrase),
            Some(_) if profile == Profile::Strict => self.faults.add(name, "is read-only"),
            None if profile == Profile::Strict => self.faults.add(name, "is not a member"),
            _ => {}
        }
    }
}

/// True for a text that is not empty, and in which nothing is seen, as the name that every record of a resource has.
fn is_unseen_name(member: &Member, value: &str) -> bool {
    let is_name = member.always && matches!(member.rule, Rule::Text { .. });
    is_name && value != "\"\"" && !is_visible(value)
}

fn at_fault<'a>(faults: &mut Faults, name: &str, wrong: ValueFaults) -> InputValue<'a> {
    faults.add_all(name, wrong.into_faults());
    InputValue::Fault
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
        let mut body = Body::empty();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let raw: &'de RawValue = map.next_value()?;
            body.take(self.model.named(&name.0), self.profile, &name.0, raw.get());
        }
        Ok(body)
    }
}

/// Splits a JSON array into the text of each item, and stops when there are more than `most`.
///
/// # Errors
/// Fails if the input is not a JSON array, or does not have 1 to `most` items.
fn items(text: &str, most: usize) -> Result<Vec<&str>, Error> {
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
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a JSON array of at most {} items", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = array.next_element::<&'de RawValue>()? {
            if items.len() == self.most {
                return Err(de::Error::invalid_length(self.most + 1, &self));
            }
            items.push(item.get());
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
    use crate::base::Kind;

    #[test]
    fn a_fault_inside_a_value_is_told_by_its_path() {
        let shape = &Shape {
            read: |_, _| Err(ValueFaults::at("[2].name", "is required")),
            name: "Stage",
            description: "",
            members: &[],
            list: None,
        };
        let model = Model::new(Kind::Pipeline, &[stored(Slot::new(0), "stages", Rule::Shape(shape))]);
        let body = Body::read(&model, br#"{"stages":[]}"#, Profile::Strict, "the body").unwrap();
        assert_eq!(body.faults, Faults::one("stages[2].name", "is required"));
    }
}

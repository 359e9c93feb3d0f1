//! Values with members or elements of their own, as a resource composes them of other rules.

use std::{borrow::Cow, fmt};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Rule, ValueFaults};
use crate::base::Profile;

/// A kind of object or array that one resource alone has.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Turns the JSON text of a value, which is not `null`, into the JSON text that is stored.
    pub(crate) read: fn(&str, Profile) -> Result<String, ValueFaults>,
    /// The name of the object, in documentation.
    pub name: &'static str,
    /// The meaning of the object, in documentation.
    pub description: &'static str,
    /// The members of the object, in the order in which they are written.
    pub members: &'static [ShapeMember],
    /// The least and the greatest number of objects, if the value is an array of them.
    pub list: Option<(usize, usize)>,
}

/// A member of an object that one resource alone has.
#[derive(Clone, Copy, Debug)]
pub struct ShapeMember {
    /// The name in JSON.
    pub name: &'static str,
    /// The meaning, in documentation.
    pub description: &'static str,
    /// The values that it can have.
    pub rule: Rule,
    /// True when only the engine writes it.
    pub read_only: bool,
    /// True when a body must give it.
    pub required: bool,
    /// True when it has a value wherever it is read.
    pub always: bool,
}

impl ShapeMember {
    /// A member that a body may leave out and that may have no value.
    pub(crate) const fn new(name: &'static str, description: &'static str, rule: Rule) -> Self {
        Self { name, description, rule, read_only: false, required: false, always: false }
    }

    /// Makes it one that every body gives and that always has a value.
    pub(crate) const fn required(self) -> Self {
        Self { required: true, always: true, ..self }
    }

    /// Makes it always have a value.
    pub(crate) const fn always(self) -> Self {
        Self { always: true, ..self }
    }

    /// Lets only the engine write it.
    pub(crate) const fn read_only(self) -> Self {
        Self { read_only: true, always: true, ..self }
    }
}

/// The value of a member in a body or in an object within it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum InputValue<'a> {
    #[default]
    Missing,
    Null,
    /// The JSON text that is stored.
    Value(Cow<'a, str>),
    /// A value with a fault.
    Fault,
}

impl<'a> InputValue<'a> {
    /// A host's value that has been read, if it is one.
    pub(crate) fn of(value: Option<Cow<'a, str>>) -> Self {
        value.map_or(InputValue::Null, InputValue::Value)
    }
}

/// Reads a JSON object: the value of each of the members, in their order, and all faults. No member is required here.
pub(crate) fn object<'a, const N: usize>(
    raw: &'a str,
    profile: Profile,
    members: [(&str, Rule); N],
) -> ([InputValue<'a>; N], ValueFaults) {
    let mut found = std::array::from_fn(|_| InputValue::Missing);
    let mut wrong = ValueFaults::none();
    match entries(raw) {
        Ok(entries) => {
            for (name, raw) in entries {
                let known = members.iter().zip(&mut found).find(|((known, _), _)| *known == name);
                if let Some(((_, rule), nested)) = known {
                    *nested = member(&name, *rule, raw, profile, nested, &mut wrong);
                } else if profile == Profile::Strict {
                    wrong.add(&place(&name), "is not a member");
                }
            }
        }
        Err(error) => {
            found.fill(InputValue::Fault);
            wrong = error;
        }
    }
    (found, wrong)
}

fn member<'a>(
    name: &str,
    rule: Rule,
    raw: &'a str,
    profile: Profile,
    before: &InputValue<'_>,
    wrong: &mut ValueFaults,
) -> InputValue<'a> {
    if *before != InputValue::Missing {
        wrong.add(&place(name), "is given twice");
        return InputValue::Fault;
    }
    rule.read_optional(raw, profile).unwrap_or_else(|inner| {
        wrong.add_all(&place(name), inner);
        InputValue::Fault
    })
}

fn place(name: &str) -> String {
    format!(".{name}")
}

/// Splits a JSON array into the text of each element.
pub(crate) fn array(raw: &str) -> Result<Vec<&str>, ValueFaults> {
    let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| "must be an array")?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

/// A member's name, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
pub(crate) struct Name<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

type Entries<'a> = Vec<(Cow<'a, str>, &'a str)>;

fn entries(raw: &str) -> Result<Entries<'_>, ValueFaults> {
    if !raw.starts_with('{') {
        return Err("must be an object".into());
    }
    let mut reader = serde_json::Deserializer::from_str(raw);
    // All else was found when the body was split.
    reader
        .deserialize_map(EntriesVisitor)
        .map_err(|_| "has a name that holds half of a surrogate pair".into())
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<Name<'de>>()? {
            let raw: &'de RawValue = map.next_value()?;
            entries.push((name.0, raw.get()));
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[{name, score?}]`, stored with both.
    const ROWS: Rule =
        Rule::Shape(&Shape { read: rows, name: "Row", description: "", members: &[], list: None });

    fn rows(raw: &str, profile: Profile) -> Result<String, ValueFaults> {
        let mut wrong = ValueFaults::none();
        let mut rows = Vec::new();
        for (index, raw) in array(raw)?.into_iter().enumerate() {
            let members =
                [("name", Rule::Text { characters: 5 }), ("score", Rule::Integer { min: 0, max: 3 })];
            let ([name, score], mut inner) = object(raw, profile, members);
            if matches!(name, InputValue::Missing | InputValue::Null) {
                inner.add(".name", "is required");
            }
            wrong.add_all(&format!("[{index}]"), inner);
            rows.push(format!(r#"{{"name":{},"score":{}}}"#, json(&name), json(&score)));
        }
        wrong.or(format!("[{}]", rows.join(",")))
    }

    fn json<'a>(nested: &'a InputValue<'_>) -> &'a str {
        match nested {
            InputValue::Value(value) => value,
            _ => "null",
        }
    }

    #[track_caller]
    fn check(profile: Profile, raw: &str, expected: Result<&str, &[(&str, &str)]>) {
        let found = ROWS.read(raw, profile).map(Cow::into_owned);
        let expected = expected.map(str::to_owned).map_err(|faults| {
            let mut wrong = ValueFaults::none();
            faults.iter().for_each(|(place, phrase)| wrong.add(place, *phrase));
            wrong
        });
        assert_eq!(found, expected, "{raw}");
    }

    #[test]
    fn members_are_read_by_their_rules_in_any_order() {
        let strict = |raw, stored| check(Profile::Strict, raw, Ok(stored));
        strict("[]", "[]");
        strict(r#"[ {"score" : 3, "name":" Ada "} ]"#, r#"[{"name":"Ada","score":3}]"#);
        strict(r#"[{"n\u0061me":"Ada","score":null}]"#, r#"[{"name":"Ada","score":null}]"#);
    }

    #[test]
    fn each_fault_tells_its_place() {
        let strict = |raw, faults: &[_]| check(Profile::Strict, raw, Err(faults));
        strict("5", &[("", "must be an array")]);
        strict("{}", &[("", "must be an array")]);
        strict(r#"["a",[]]"#, &[("[0]", "must be an object"), ("[1]", "must be an object")]);
        strict(
            r#"[{},{"name":5,"score":4},{"name":null}]"#,
            &[
                ("[0].name", "is required"),
                ("[1].name", "must be a string"),
                ("[1].score", "must be 0 to 3"),
                ("[2].name", "is required"),
            ],
        );
        strict(r#"[{"name":"a","name":"a"}]"#, &[("[0].name", "is given twice")]);
        strict(r#"[{"name":null,"name":"a"}]"#, &[("[0].name", "is given twice")]);
        strict(r#"[{"\ud83d":1,"name":"a"}]"#, &[("[0]", "has a name that holds half of a surrogate pair")]);
    }

    #[test]
    fn unknown_members_are_refused_by_the_strict_profile_alone() {
        let raw = r#"[{"name":"a","rank":1}]"#;
        check(Profile::Strict, raw, Err(&[("[0].rank", "is not a member")]));
        check(Profile::Documented, raw, Ok(r#"[{"name":"a","score":null}]"#));
    }

    #[test]
    fn an_empty_string_for_what_is_no_text_is_no_value_in_the_documented_profile() {
        let raw = r#"[{"name":"","score":" "}]"#;
        check(Profile::Documented, raw, Ok(r#"[{"name":"","score":null}]"#));
        check(Profile::Strict, raw, Err(&[("[0].score", "must be a number")]));
    }
}

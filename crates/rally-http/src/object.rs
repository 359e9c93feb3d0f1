//! Objects that are no records, whose members are read or made one by one.

use std::fmt;

use rally_core::{Code, Error, Faults, Profile};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};

/// The members of a JSON object, each with the JSON text of its value.
///
/// # Errors
/// [`Code::MalformedJson`], and [`Code::Validation`] for JSON that is no object.
pub(crate) fn members(json: &[u8]) -> Result<Vec<(String, &RawValue)>, Error> {
    let text = utf8(json)?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members).map_err(|error| {
        if error.is_data() && !text.trim_start().starts_with('{') {
            Error::new(Code::Validation, "the body must be a JSON object")
        } else {
            malformed(&error)
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(members)
}

/// An object of members, put in one after the other: `collect` sorts them first, which is compiled anew for each kind of
/// iterator.
pub(crate) fn object_of<N: Into<String>>(
    members: impl IntoIterator<Item = (N, Value)>,
) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name.into(), value);
    }
    object
}

fn utf8(json: &[u8]) -> Result<&str, Error> {
    if json.starts_with(b"\xEF\xBB\xBF") {
        let detail = "the body begins with a byte order mark; send it without";
        return Err(Error::new(Code::MalformedJson, detail));
    }
    std::str::from_utf8(json).map_err(|error| {
        let detail = format!("the body is not UTF-8 at byte {}", error.valid_up_to());
        Error::new(Code::MalformedJson, detail)
    })
}

fn malformed(error: &serde_json::Error) -> Error {
    Error::new(Code::MalformedJson, format!("the body is not JSON: {error}"))
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

/// Reads an object whose members are whole numbers: the values of these members, in their order, without one for a member
/// that is left out or null. No body at all is an object without members.
///
/// # Errors
/// [`Code::MalformedJson`], and [`Code::Validation`] with every fault; in the strict profile an unknown member is one.
pub(crate) fn numbers<const N: usize>(
    json: &[u8],
    names: [&str; N],
    profile: Profile,
) -> Result<[Option<u64>; N], Error> {
    let (mut numbers, mut given, mut faults) = ([None; N], [false; N], Faults::new());
    let members = if json.is_empty() { Vec::new() } else { members(json)? };
    for (name, raw) in &members {
        let slots = numbers.iter_mut().zip(given.iter_mut()).zip(names);
        match slots.into_iter().find(|(_, known)| known == name) {
            Some(((_, true), _)) => faults.add(name, "is given twice"),
            Some(((number, is_given), _)) => {
                *is_given = true;
                match whole(raw.get()) {
                    Ok(whole) => *number = whole,
                    Err(phrase) => faults.add(name, phrase),
                }
            }
            None if profile == Profile::Strict => faults.add(name, "is not a member here"),
            None => {}
        }
    }
    faults.into_result()?;
    Ok(numbers)
}

/// The number of a JSON text, which may be written `40.0` or `4e1`; nothing for `null`.
fn whole(raw: &str) -> Result<Option<u64>, &'static str> {
    if raw == "null" {
        return Ok(None);
    }
    let number = raw.parse::<rally_core::Decimal>().map_err(|_| "must be a number")?;
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err("must be a whole number");
    }
    whole.parse().map(Some).map_err(|_| "must be a whole number from 0 up")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, profile: Profile) -> Result<[Option<u64>; 2], String> {
        numbers(json.as_bytes(), ["from", "to"], profile).map_err(|error| error.detail().to_owned())
    }

    #[test]
    fn members_are_whole_numbers_or_nothing() {
        for (json, expected) in [
            ("", Ok([None, None])),
            ("{}", Ok([None, None])),
            (r#"{"from":7,"to":null,"other":"x"}"#, Ok([Some(7), None])),
            (r#"{"to":40.0,"from":4e1}"#, Ok([Some(40), Some(40)])),
            (r#"{"from":1.5}"#, Err("from must be a whole number")),
            (r#"{"from":-1}"#, Err("from must be a whole number from 0 up")),
            (r#"{"from":"1"}"#, Err("from must be a number")),
            (r#"{"from":1,"from":2}"#, Err("from is given twice")),
            (r#"{"from":[],"to":{}}"#, Err("2 fields are invalid")),
            ("[]", Err("the body must be a JSON object")),
            ("{", Err("the body is not JSON: EOF while parsing an object at line 1 column 1")),
        ] {
            assert_eq!(read(json, Profile::Documented), expected.map_err(str::to_owned), "{json}");
        }
        let strict = read(r#"{"fromm":1}"#, Profile::Strict);
        assert_eq!(strict, Err("fromm is not a member here".to_owned()));
    }
}

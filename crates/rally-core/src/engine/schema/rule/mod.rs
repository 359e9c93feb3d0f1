//! Rules for the values of members: the JSON text of an input becomes the JSON text that is stored, or phrases that say
//! what is wrong with it and where.

mod domain;
mod email;
mod number;
mod object;
mod tag;
mod text;
mod value_faults;
mod word;

use std::{borrow::Cow, str::FromStr};

use serde::Deserialize;

pub use self::object::{Shape, ShapeMember};
pub(crate) use self::{
    domain::fold_domain,
    email::fold_email,
    object::{InputValue, array, object},
    text::{UNSEEN, is_visible},
};
pub(crate) use self::{
    object::Name,
    value_faults::ValueFaults,
    word::{read_bool, reference_id},
};
use crate::{
    base::{ClosedSet, Kind, Profile, invariant},
    engine::schema::plain::is_plain,
    store::StoreError,
};

/// The values that a member can have.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Text of one line or more, of at most `characters`.
    Text {
        /// Unicode scalar values.
        characters: usize,
    },
    /// Text of at most [`LONG_TEXT_BYTES`](crate::limits::LONG_TEXT_BYTES).
    LongText,
    /// An e-mail address (RFC 5321, in any script as RFC 6532 has it), kept as typed.
    Email,
    /// An absolute `http` or `https` URL.
    Url,
    /// A whole number within bounds, both included.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A decimal number, exact to the digit: a [`Decimal`](crate::Decimal).
    Decimal,
    /// True or false.
    Boolean,
    /// One of a few words.
    Choice(ClosedSet),
    /// Some of a few words, in an array, each once.
    Choices(ClosedSet),
    /// The id of a record of this tenant.
    Reference(Kind),
    /// Any id.
    Id,
    /// Tags in one string, separated by commas.
    TagLine,
    /// Tags in an array.
    Tags,
    /// One tag, as a filter names it.
    Tag,
    /// An instant.
    Instant,
    /// A comma-separated list of scopes, such as `read,write`.
    Scopes,
    /// One DNS label in lower case (RFC 1035).
    Slug,
    /// The domain of an organisation (RFC 1035, in Unicode as IDNA has it); the other parts of a URL are removed.
    Domain,
    /// The alphabetic code of a currency (ISO 4217).
    Currency,
    /// The name of a time zone (IANA), spelt as the database does.
    TimeZone,
    /// A password, kept to the character.
    Password,
    /// An object or an array that one resource alone has.
    Shape(&'static Shape),
}

/// The JSON text that is stored, or what is wrong.
type RuleResult<'a> = Result<Cow<'a, str>, ValueFaults>;

impl Rule {
    /// Turns the JSON text of a value, which is not `null`, into the JSON text that is stored.
    pub(crate) fn read<'a>(&self, raw: &'a str, profile: Profile) -> RuleResult<'a> {
        match self {
            Rule::Text { characters } => text::short_text(raw, *characters),
            Rule::LongText => text::long_text(raw),
            Rule::Email => email::email(raw),
            Rule::Url => text::url(raw),
            Rule::Integer { min, max } => number::integer(raw, *min, *max),
            Rule::Decimal => number::decimal(raw),
            Rule::Boolean => word::boolean(raw),
            Rule::Choice(set) => word::choice(raw, set.words),
            Rule::Choices(set) => word::choices(raw, set.words),
            Rule::Reference(_) | Rule::Id => word::reference(raw),
            Rule::TagLine => tag::tag_line(raw),
            Rule::Tags => tag::tags(raw),
            Rule::Tag => tag::tag(raw),
            Rule::Instant => word::instant(raw),
            Rule::Scopes => word::scopes(raw),
            Rule::Slug => text::slug(raw),
            Rule::Domain => domain::domain(raw),
            Rule::Currency => word::currency(raw),
            Rule::TimeZone => word::time_zone(raw),
            Rule::Password => text::password(raw),
            Rule::Shape(shape) => (shape.read)(raw, profile).map(Cow::Owned),
        }
    }
}

impl Rule {
    /// Reads the JSON text of a member that may have no value. In the documented profile an empty string is none, unless
    /// the member is free text: forms and spreadsheets have nothing else to say that a date or an id is left open.
    pub(crate) fn read_optional<'a>(
        &self,
        raw: &'a str,
        profile: Profile,
    ) -> Result<InputValue<'a>, ValueFaults> {
        let is_none = raw == "null" || profile == Profile::Documented && self.is_left_open_by(raw);
        if is_none { Ok(InputValue::Null) } else { self.read(raw, profile).map(InputValue::Value) }
    }

    fn is_left_open_by(&self, raw: &str) -> bool {
        let is_free_text = matches!(self, Rule::Text { .. } | Rule::LongText | Rule::TagLine | Rule::Tag);
        // Of a credential nothing is guessed: neither that it is to have no password, nor the default scope.
        let is_of_credential = matches!(self, Rule::Password | Rule::Scopes);
        !is_free_text
            && !is_of_credential
            && raw.starts_with('"')
            && text::text(raw).is_ok_and(|text| text.value.is_empty())
    }

    /// Turns the JSON text of a host's value into the JSON text that is stored. Only tags differ from the JSON API:
    /// the Rust type is a list in any case, and an empty list is no value, as a host reads both the same.
    pub(crate) fn read_typed<'a>(&self, raw: &'a str) -> Result<Option<Cow<'a, str>>, ValueFaults> {
        let tags = match self {
            Rule::TagLine => tag::tag_line_of_array(raw)?,
            Rule::Tags => tag::tags(raw)?,
            rule => return rule.read(raw, Profile::Strict).map(Some),
        };
        Ok(if matches!(&*tags, "\"\"" | "[]") { None } else { Some(tags) })
    }
}

/// The JSON text of a string.
pub(crate) fn quote(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if !plain {
        return serde_json::Value::from(value).to_string();
    }
    // In one allocation, as each cell of a file comes through here.
    let mut json = String::with_capacity(value.len() + 2);
    json.push('"');
    json.push_str(value);
    json.push('"');
    json
}

/// Text of a stored JSON string; empty if there is no value.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not a JSON string.
pub(crate) fn unquote(stored: &[u8]) -> Result<String, StoreError> {
    if stored.is_empty() {
        return Ok(String::new());
    }
    if let Some(plain) = plain(stored) {
        return Ok(plain.to_owned());
    }
    serde_json::from_slice(stored)
        .map_err(|error| StoreError::Corrupt { what: format!("a member that is no text: {error}") })
}

/// Text of a JSON string that is nothing but printable ASCII, each character written as itself; `None` of any other.
pub(crate) fn plain(stored: &[u8]) -> Option<&str> {
    let [b'"', inner @ .., b'"'] = stored else { return None };
    if is_plain(inner) { std::str::from_utf8(inner).ok() } else { None }
}

/// The value of stored JSON text; `what` names it in the error.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no such value, also when there is none.
pub(crate) fn read_stored<'a, T: Deserialize<'a>>(stored: &'a [u8], what: &str) -> Result<T, StoreError> {
    serde_json::from_slice(stored).map_err(|error| StoreError::Corrupt { what: format!("{what}: {error}") })
}

/// Reads the value that is written as a plain string, without what it takes to read any JSON.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no such value, also when there is none.
pub(crate) fn parse_stored<T: FromStr>(stored: &[u8], what: &str) -> Result<T, StoreError> {
    let value = plain(stored).and_then(|text| text.parse().ok());
    value.ok_or_else(|| StoreError::Corrupt { what: format!("{what}: it cannot be read") })
}

/// Text of the JSON string that a rule has just made.
pub(crate) fn text_of(json: &str) -> String {
    invariant(serde_json::from_str(json).ok(), "rules for text make JSON strings")
}

#[cfg(test)]
#[track_caller]
fn check(rule: Rule, raw: &str, expected: Result<&str, &str>) {
    let found = rule.read(raw, Profile::Strict).map(Cow::into_owned);
    assert_eq!(found, expected.map(str::to_owned).map_err(|phrase| phrase.to_owned().into()), "{raw}");
}

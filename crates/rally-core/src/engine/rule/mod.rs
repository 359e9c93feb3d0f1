//! What values a member can have: the JSON text of an input becomes the JSON text that is stored, or a phrase that
//! says what is wrong with it.

mod number;
mod tag;
mod text;
mod word;

use std::borrow::Cow;

pub(crate) use self::word::reference_id;
use crate::base::Kind;

/// The values that a member can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One line or more of text, of at most so many characters.
    Text {
        /// Unicode scalar values.
        characters: usize,
    },
    /// Text of at most [`LONG_TEXT_BYTES`](crate::limits::LONG_TEXT_BYTES).
    LongText,
    /// An e-mail address (RFC 5321), kept as typed.
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
    /// True or false.
    Boolean,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// The id of a record of this tenant.
    Reference(Kind),
    /// Tags in one string, separated by commas.
    TagLine,
    /// An instant.
    Instant,
    /// A comma-separated list of scopes, such as `read,write`.
    Scopes,
    /// One DNS label in lower case (RFC 1035).
    Slug,
}

/// What is wrong with a value: completes "*member* …".
pub(crate) type Phrase = Cow<'static, str>;

impl Rule {
    /// Turns the JSON text of a value, which is not `null`, into the JSON text that is stored.
    pub(crate) fn read<'a>(&self, raw: &'a str) -> Result<Cow<'a, str>, Phrase> {
        match self {
            Rule::Text { characters } => text::short_text(raw, *characters),
            Rule::LongText => text::long_text(raw),
            Rule::Email => text::email(raw),
            Rule::Url => text::url(raw),
            Rule::Integer { min, max } => number::integer(raw, *min, *max),
            Rule::Boolean => word::boolean(raw),
            Rule::Choice(words) => word::choice(raw, words),
            Rule::Reference(_) => word::reference(raw),
            Rule::TagLine => tag::tag_line(raw),
            Rule::Instant => word::instant(raw),
            Rule::Scopes => word::scopes(raw),
            Rule::Slug => text::slug(raw),
        }
    }
}

/// The JSON text of a string.
pub(crate) fn quote(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
    if plain { format!("\"{value}\"") } else { serde_json::Value::from(value).to_string() }
}

/// The text that stored JSON text means, for comparing and looking up; empty for no value.
pub(crate) fn unquote(stored: &[u8]) -> String {
    serde_json::from_slice(stored).unwrap_or_default()
}

#[cfg(test)]
#[track_caller]
fn check(rule: Rule, raw: &str, expected: Result<&str, &str>) {
    let found = rule.read(raw).map(Cow::into_owned).map_err(Cow::into_owned);
    assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{raw}");
}

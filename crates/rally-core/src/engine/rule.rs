//! What values a member can have: the JSON text of an input becomes the JSON text that is stored, or a phrase that
//! says what is wrong with it.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};
use url::Url;
use uuid::Uuid;

use crate::base::{Kind, Scope, Timestamp, limits};

/// The values that a member can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One line or more of text, of at most so many characters.
    Text {
        /// Unicode scalar values.
        characters: usize,
    },
    /// Text of at most [`limits::LONG_TEXT_BYTES`].
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
            Rule::Text { characters } => within(text(raw)?, *characters).map(Text::into_json),
            Rule::LongText => long_text(raw),
            Rule::Email => email(raw),
            Rule::Url => url(raw),
            Rule::Integer { min, max } => integer(raw, *min, *max),
            Rule::Boolean => one_of_json(raw, &["true", "false"], "must be true or false"),
            Rule::Choice(words) => choice(raw, words),
            Rule::Reference(_) => reference(raw),
            Rule::TagLine => tag_line(raw),
            Rule::Instant => instant(raw),
            Rule::Scopes => scopes(raw),
            Rule::Slug => slug(raw),
        }
    }
}

/// A JSON string: as it was sent, and the text that it means.
struct Text<'a> {
    raw: &'a str,
    value: Cow<'a, str>,
}

impl<'a> Text<'a> {
    /// The JSON text of the value; the input itself when it already is that.
    fn into_json(self) -> Cow<'a, str> {
        if self.raw.len() == self.value.len() + 2 {
            Cow::Borrowed(self.raw)
        } else {
            quote(&self.value).into()
        }
    }
}

/// Reads a string, trims it at both ends and refuses characters that no text should hold.
fn text(raw: &str) -> Result<Text<'_>, Phrase> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("must be a string")?;
    let value = if inner.contains('\\') {
        let unescaped: String = serde_json::from_str(raw).map_err(|_| "holds half of a surrogate pair")?;
        Cow::Owned(unescaped.trim().to_owned())
    } else {
        Cow::Borrowed(inner.trim())
    };
    if value.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("holds a control character other than tab and line breaks".into());
    }
    Ok(Text { raw, value })
}

fn within(text: Text<'_>, characters: usize) -> Result<Text<'_>, Phrase> {
    if text.value.len() > characters && text.value.chars().count() > characters {
        return Err(format!("must not be longer than {characters} characters").into());
    }
    Ok(text)
}

fn long_text(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = text(raw)?;
    if text.value.len() > limits::LONG_TEXT_BYTES {
        return Err(format!("must not be longer than {} bytes", limits::LONG_TEXT_BYTES).into());
    }
    Ok(text.into_json())
}

fn email(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = within(text(raw)?, limits::EMAIL)?;
    let options = Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&text.value, options) {
        Ok(_) => Ok(text.into_json()),
        Err(_) => Err("is not an e-mail address".into()),
    }
}

fn url(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = within(text(raw)?, limits::URL)?;
    match Url::parse(&text.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.into_json()),
        _ => Err("is not a URL that begins with https:// or http://".into()),
    }
}

fn integer(raw: &str, min: i64, max: i64) -> Result<Cow<'_, str>, Phrase> {
    let is_number = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    match raw.parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number.to_string().into()),
        Ok(_) => Err(format!("must be {min} to {max}").into()),
        Err(_) if is_number && raw.contains(['.', 'e', 'E']) => Err("must be a whole number".into()),
        Err(_) if is_number => Err(format!("must be {min} to {max}").into()),
        Err(_) => Err("must be a number".into()),
    }
}

fn one_of_json<'a>(raw: &'a str, words: &[&str], phrase: &'static str) -> Result<Cow<'a, str>, Phrase> {
    if words.contains(&raw) { Ok(raw.into()) } else { Err(phrase.into()) }
}

fn choice<'a>(raw: &'a str, words: &[&str]) -> Result<Cow<'a, str>, Phrase> {
    let text = text(raw)?;
    if words.contains(&&*text.value) {
        return Ok(text.into_json());
    }
    Err(format!("must be one of {}", words.join(", ")).into())
}

fn reference(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = text(raw)?;
    let id: uuid::fmt::Hyphenated = text.value.parse().map_err(|_| "is not an id")?;
    Ok(quote(&id.to_string()).into())
}

/// Reads an id out of the JSON text that [`Rule::Reference`] has made.
pub(crate) fn reference_id(stored: &[u8]) -> Option<Uuid> {
    let inner = stored.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Uuid::try_parse_ascii(inner).ok()
}

fn tag_line(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = text(raw)?;
    let mut tags: Vec<&str> = Vec::new();
    for tag in text.value.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        if tag.chars().count() > limits::TAG {
            return Err(format!("has a tag longer than {} characters", limits::TAG).into());
        }
        if tags.contains(&tag) {
            continue;
        }
        // Before the next one is looked for among all others.
        if tags.len() == limits::TAGS {
            return Err(format!("must not have more than {} tags", limits::TAGS).into());
        }
        tags.push(tag);
    }
    let value = Cow::Owned(tags.join(","));
    Ok(quote(&value).into())
}

fn instant(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let instant: Timestamp = text(raw)?.value.parse().map_err(|error| format!("{error}"))?;
    Ok(quote(&instant.to_string()).into())
}

fn scopes(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = text(raw)?;
    let names: Vec<&str> = text.value.split(',').map(str::trim).collect();
    match Scope::highest(&text.value) {
        Ok(_) => Ok(quote(&names.join(",")).into()),
        Err(error) => Err(format!("is wrong: {error}").into()),
    }
}

fn slug(raw: &str) -> Result<Cow<'_, str>, Phrase> {
    let text = within(text(raw)?, limits::SLUG)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = |value: &str| value.starts_with('-') || value.ends_with('-');
    if text.value.is_empty() || !text.value.chars().all(fits) || edges(&text.value) {
        return Err("must be lower-case letters, digits and hyphens, as in a host name".into());
    }
    Ok(text.into_json())
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
mod tests {
    use super::*;

    const NAME: Rule = Rule::Text { characters: 5 };
    const SCORE: Rule = Rule::Integer { min: 0, max: 100 };

    #[track_caller]
    fn check(rule: Rule, raw: &str, expected: Result<&str, &str>) {
        let found = rule.read(raw).map(Cow::into_owned).map_err(Cow::into_owned);
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{raw}");
    }

    #[test]
    fn text_is_trimmed_and_canonical() {
        check(NAME, r#""Anna""#, Ok(r#""Anna""#));
        check(NAME, r#""  Anna\n""#, Ok(r#""Anna""#));
        check(NAME, r#""\u0041nna""#, Ok(r#""Anna""#));
        check(NAME, r#""\"\\\n\tb""#, Ok(r#""\"\\\n\tb""#));
        check(NAME, r#""a\/b""#, Ok(r#""a/b""#));
        check(NAME, r#""""#, Ok(r#""""#));
        check(NAME, r#""ééééé""#, Ok(r#""ééééé""#));
        check(NAME, r#""\ud83d\ude00""#, Ok(r#""😀""#));
    }

    #[test]
    fn text_that_is_none_is_named() {
        check(NAME, "5", Err("must be a string"));
        check(NAME, "[]", Err("must be a string"));
        check(NAME, r#""sechs!""#, Err("must not be longer than 5 characters"));
        check(NAME, r#""a\u0000b""#, Err("holds a control character other than tab and line breaks"));
        check(NAME, "\"a\u{7f}b\"", Err("holds a control character other than tab and line breaks"));
        check(NAME, r#""\ud83d""#, Err("holds half of a surrogate pair"));
        check(NAME, r#""\ude00x""#, Err("holds half of a surrogate pair"));
    }

    #[test]
    fn long_text_is_bounded_in_bytes() {
        let most = quote(&"é".repeat(32_768));
        check(Rule::LongText, &most, Ok(&most));
        check(Rule::LongText, &quote(&"x".repeat(65_537)), Err("must not be longer than 65536 bytes"));
    }

    #[test]
    fn emails_and_urls_are_checked_and_kept_as_typed() {
        check(Rule::Email, r#"" A.b+c@X.example ""#, Ok(r#""A.b+c@X.example""#));
        for raw in [r#""x""#, r#""@x""#, r#""a@""#, r#""a b@x.example""#, r#""A <a@x.example>""#, r#""""#] {
            check(Rule::Email, raw, Err("is not an e-mail address"));
        }
        check(Rule::Url, r#""https://x.example/a?b=c""#, Ok(r#""https://x.example/a?b=c""#));
        for raw in [r#""x.example""#, r#""javascript:alert(1)""#, r#""https://""#, r#""ftp://x.example""#] {
            check(Rule::Url, raw, Err("is not a URL that begins with https:// or http://"));
        }
    }

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        check(SCORE, "0", Ok("0"));
        check(SCORE, "100", Ok("100"));
        check(SCORE, "-0", Ok("0"));
        check(SCORE, "-1", Err("must be 0 to 100"));
        check(SCORE, "101", Err("must be 0 to 100"));
        check(SCORE, "99999999999999999999", Err("must be 0 to 100"));
        check(SCORE, "1.5", Err("must be a whole number"));
        check(SCORE, "1e2", Err("must be a whole number"));
        check(SCORE, r#""48""#, Err("must be a number"));
        check(SCORE, "true", Err("must be a number"));
    }

    #[test]
    fn words_and_ids_are_canonical() {
        check(Rule::Choice(&["lead", "customer"]), r#""lead""#, Ok(r#""lead""#));
        check(Rule::Choice(&["lead", "customer"]), r#""Lead""#, Err("must be one of lead, customer"));
        check(
            Rule::Reference(Kind::Company),
            r#""0191E3A2-9F00-7ABC-8DEF-0123456789AB""#,
            Ok(r#""0191e3a2-9f00-7abc-8def-0123456789ab""#),
        );
        check(Rule::Reference(Kind::Company), r#""7""#, Err("is not an id"));
        check(Rule::Boolean, "true", Ok("true"));
        check(Rule::Boolean, "1", Err("must be true or false"));
        check(Rule::Instant, r#""2025-02-01""#, Ok(r#""2025-02-01T00:00:00.000000Z""#));
        check(Rule::Scopes, r#""read, write""#, Ok(r#""read,write""#));
        check(Rule::Slug, r#""acme-2""#, Ok(r#""acme-2""#));
        for raw in [r#""""#, r#""Acme""#, r#""-a""#, r#""a.b""#, r#""ä""#] {
            check(Rule::Slug, raw, Err("must be lower-case letters, digits and hyphens, as in a host name"));
        }
    }

    #[test]
    fn tags_are_trimmed_without_empties_and_repeats_in_their_order() {
        check(Rule::TagLine, r#"" b ,, a,b , ""#, Ok(r#""b,a""#));
        check(Rule::TagLine, r#""""#, Ok(r#""""#));
        let tags = |count: usize| quote(&(0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        check(Rule::TagLine, &tags(50), Ok(&tags(50)));
        check(Rule::TagLine, &tags(51), Err("must not have more than 50 tags"));
        check(Rule::TagLine, &quote(&"x".repeat(65)), Err("has a tag longer than 64 characters"));
    }
}

//! Free text, and text of a well-known form that is kept as typed.

use std::borrow::Cow;

use email_address::{EmailAddress, Options};
use unicase::UniCase;
use url::Url;

use super::{RuleResult, ValueFaults, quote};
use crate::base::limits;

/// A JSON string: as it was sent, and the text that it means.
pub(super) struct Text<'a> {
    raw: &'a str,
    pub(super) value: Cow<'a, str>,
}

impl<'a> Text<'a> {
    /// The JSON text of the value; the input itself when it already is that.
    pub(super) fn into_json(self) -> Cow<'a, str> {
        if self.raw.len() == self.value.len() + 2 {
            Cow::Borrowed(self.raw)
        } else {
            quote(&self.value).into()
        }
    }
}

/// Reads a string, trims it at both ends and refuses characters that no text should hold.
pub(super) fn text(raw: &str) -> Result<Text<'_>, ValueFaults> {
    let value = match unescape(raw)? {
        Cow::Borrowed(value) => Cow::Borrowed(value.trim()),
        Cow::Owned(value) => Cow::Owned(value.trim().to_owned()),
    };
    if value.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("holds a control character other than tab and line breaks".into());
    }
    Ok(Text { raw, value })
}

/// The text that a JSON string means, to the character.
fn unescape(raw: &str) -> Result<Cow<'_, str>, ValueFaults> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("must be a string")?;
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    let unescaped: String = serde_json::from_str(raw).map_err(|_| "holds half of a surrogate pair")?;
    Ok(Cow::Owned(unescaped))
}

pub(super) fn within(text: Text<'_>, characters: usize) -> Result<Text<'_>, ValueFaults> {
    if text.value.len() > characters && text.value.chars().count() > characters {
        return Err(format!("must not be longer than {characters} characters").into());
    }
    Ok(text)
}

pub(super) fn short_text(raw: &str, characters: usize) -> RuleResult<'_> {
    within(text(raw)?, characters).map(Text::into_json)
}

pub(super) fn long_text(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    if text.value.len() > limits::LONG_TEXT_BYTES {
        return Err(format!("must not be longer than {} bytes", limits::LONG_TEXT_BYTES).into());
    }
    Ok(text.into_json())
}

pub(super) fn email(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::EMAIL)?;
    let options = Options::default().without_display_text().without_domain_literal();
    match EmailAddress::parse_with_options(&text.value, options) {
        Ok(_) => Ok(text.into_json()),
        Err(_) => Err("is not an e-mail address".into()),
    }
}

/// The form in which e-mail addresses are compared: case-folded (Unicode, full folding).
pub(crate) fn fold_email(email: &str) -> Option<String> {
    if email.is_empty() { None } else { Some(UniCase::new(email).to_folded_case()) }
}

pub(super) fn url(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::URL)?;
    match Url::parse(&text.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.into_json()),
        _ => Err("is not a URL that begins with https:// or http://".into()),
    }
}

pub(super) fn slug(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::SLUG)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edges = |value: &str| value.starts_with('-') || value.ends_with('-');
    if text.value.is_empty() || !text.value.chars().all(fits) || edges(&text.value) {
        return Err("must be lower-case letters, digits and hyphens, as in a host name".into());
    }
    Ok(text.into_json())
}

/// Keeps every character: the password that is set must equal the one that is typed at a login.
pub(super) fn password(raw: &str) -> RuleResult<'_> {
    let value = unescape(raw)?;
    let lengths = limits::PASSWORD_MIN..=limits::PASSWORD_MAX;
    if !lengths.contains(&value.chars().count()) {
        return Err(format!("must be {} to {} characters long", lengths.start(), lengths.end()).into());
    }
    Ok(quote(&value).into())
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, check, quote};

    const NAME: Rule = Rule::Text { characters: 5 };

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
    fn slugs_are_dns_labels() {
        check(Rule::Slug, r#""acme-2""#, Ok(r#""acme-2""#));
        for raw in [r#""""#, r#""Acme""#, r#""-a""#, r#""a.b""#, r#""ä""#] {
            check(Rule::Slug, raw, Err("must be lower-case letters, digits and hyphens, as in a host name"));
        }
    }

    #[test]
    fn passwords_are_kept_to_the_character() {
        check(Rule::Password, r#""  twelve \u00e9  ""#, Ok(r#""  twelve é  ""#));
        check(Rule::Password, &quote(&"é".repeat(12)), Ok(&quote(&"é".repeat(12))));
        check(Rule::Password, &quote(&"x".repeat(128)), Ok(&quote(&"x".repeat(128))));
        for raw in [String::new(), "x".repeat(11), "x".repeat(129), "é".repeat(11)] {
            check(Rule::Password, &quote(&raw), Err("must be 12 to 128 characters long"));
        }
        check(Rule::Password, "123456789012", Err("must be a string"));
        check(Rule::Password, r#""\ud83d12345678901""#, Err("holds half of a surrogate pair"));
    }
}

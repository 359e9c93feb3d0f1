//! Free text, and text of a well-known form that is kept as typed.

use std::borrow::Cow;

use url::Url;

use super::{RuleResult, ValueFaults, quote, text_of};
use crate::{
    base::{limits, unicode},
    engine::schema::plain::is_plain,
};

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
    if let Some(value) = plain(raw) {
        return Ok(Text { raw, value: Cow::Borrowed(value) });
    }
    let value = match unescape(raw)? {
        Cow::Borrowed(value) => Cow::Borrowed(value.trim()),
        Cow::Owned(value) => Cow::Owned(value.trim().to_owned()),
    };
    if value.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("holds a control character other than tab and line breaks".into());
    }
    Ok(Text { raw, value })
}

/// The text of a JSON string of visible ASCII characters and blanks, which needs no more than one look at each byte; `None`
/// of any other, and of one with a blank at an end.
fn plain(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    let is_trimmed = !inner.starts_with(' ') && !inner.ends_with(' ');
    (is_trimmed && is_plain(inner.as_bytes())).then_some(inner)
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

pub(super) fn url(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::URL)?;
    if is_plain_url(&text.value) {
        return Ok(text.into_json());
    }
    match Url::parse(&text.value) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(text.into_json()),
        _ => Err("is not a URL that begins with https:// or http://".into()),
    }
}

/// True of a URL of the plainest form, which nearly all have and the library takes: a host that is a name in ASCII, and
/// a path, as behind a host it takes any.
fn is_plain_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, path) =
        rest.find('/').map_or((rest, ""), |end| rest.split_at_checked(end).unwrap_or_default());
    // Two hyphens together may mean Unicode (`xn--`), and a last label that begins with a digit may be of an address.
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_plain && !label.is_empty() && !has_two_hyphens(label)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.split('.').all(is_label) && last.starts_with(|c: char| c.is_ascii_alphabetic()) && path.is_ascii()
}

/// True of a text with two hyphens together.
pub(super) fn has_two_hyphens(text: &str) -> bool {
    text.as_bytes().array_windows().any(|pair| pair == b"--")
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

/// Phrase about a text of blanks and characters that are not drawn.
pub(crate) const UNSEEN: &str = "must have a character that can be seen";

/// True when a reader sees something of the text that a rule has made JSON of.
pub(crate) fn is_visible(json: &str) -> bool {
    if let Some(text) = super::plain(json.as_bytes()) {
        return text.bytes().any(|byte| byte != b' ');
    }
    unicode::is_visible(&text_of(json))
}

/// Keeps every character, in the form in which a login compares them.
pub(super) fn password(raw: &str) -> RuleResult<'_> {
    let value = unescape(raw)?;
    let value = unicode::normal_password(&value);
    let lengths = limits::PASSWORD_MIN..=limits::PASSWORD_MAX;
    if !lengths.contains(&value.chars().count()) {
        return Err(format!("must be {} to {} characters long", lengths.start(), lengths.end()).into());
    }
    Ok(quote(&value).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Rule, check, quote},
        is_plain_url, is_visible, plain, unicode,
    };

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

    proptest! {
        #[test]
        fn plain_text_is_what_the_rules_make_of_it(inner in "[ a~\u{7f}\u{1f}\u{e9}]{0,5}") {
            let raw = format!("\"{inner}\"");
            if let Some(plain) = plain(&raw) {
                let is_control = plain.chars().any(char::is_control);
                prop_assert_eq!((plain, is_control), (inner.trim(), false));
            }
        }
    }

    proptest! {
        #[test]
        fn a_plain_url_is_one_of_the_library(
            host in "[aB1.\\-]{1,6}|xn--[ab]{1,3}|0x1[.]0x2|a[.]0x2|1[.]2|[ab]{60,70}",
            path in "(/[ -~é]{0,6})?",
        ) {
            for text in [format!("https://{host}{path}"), format!("http://{host}.example{path}")] {
                if is_plain_url(&text) {
                    let url = url::Url::parse(&text).unwrap();
                    prop_assert!(url.has_host() && url.scheme().starts_with("http"), "{text}");
                }
            }
        }

        #[test]
        fn a_text_is_seen_in_json_as_it_is_without(text in "[ a\\u{200b}é]{0,3}") {
            prop_assert_eq!(is_visible(&quote(&text)), unicode::is_visible(&text));
        }
    }

    #[test]
    fn nearly_all_urls_are_plain() {
        for text in ["https://linkedin.example/in/ada", "http://Looms-1.example", "https://x.example/a?b=c#d"]
        {
            assert!(is_plain_url(text), "{text}");
        }
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
    fn urls_are_checked_and_kept_as_typed() {
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
        // Composed or not, with any kind of blank: one password, of one length.
        check(Rule::Password, &quote(&"e\u{301}".repeat(12)), Ok(&quote(&"é".repeat(12))));
        check(Rule::Password, &quote(&"e\u{301}".repeat(11)), Err("must be 12 to 128 characters long"));
        check(Rule::Password, &quote("Ångström\u{A0}\u{3000}ｆ１"), Ok(&quote("Ångström  f1")));
        check(Rule::Password, &quote(&"\u{FDFA}".repeat(8)), Err("must be 12 to 128 characters long"));
        check(Rule::Password, r#""\ud83d12345678901""#, Err("holds half of a surrogate pair"));
    }
}

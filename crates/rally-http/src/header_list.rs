//! Lists in the values of headers, whose elements may be quoted (RFC 9110, section 5.6).

use std::borrow::Cow;

/// Splits a value at each separator that is not within a quoted string.
pub(crate) fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |c| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            _ if was_escaped => {}
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == separator && !is_quoted
    })
}

/// The text that a token or a quoted string means.
pub(crate) fn unquoted(value: &str) -> Cow<'_, str> {
    let value = value.trim();
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.into();
    };
    let mut is_escaped = false;
    let mut is_kept = |c: char| {
        is_escaped = c == '\\' && !is_escaped;
        !is_escaped
    };
    if inner.contains('\\') { inner.chars().filter(|c| is_kept(*c)).collect() } else { inner.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_within_quotes_do_not_split() {
        for (value, expected) in [
            ("", &[""][..]),
            ("a,b", &["a", "b"]),
            (r#"a="1,2",b"#, &[r#"a="1,2""#, "b"]),
            (r#"a="1\",2",b"#, &[r#"a="1\",2""#, "b"]),
            (r#"a="1\\",b"#, &[r#"a="1\\""#, "b"]),
            (r"a\,b", &[r"a\", "b"]),
            (r#"a",b"#, &[r#"a",b"#]),
        ] {
            assert_eq!(split(value, ',').collect::<Vec<_>>(), expected, "{value}");
        }
    }

    #[test]
    fn a_quoted_string_means_its_text() {
        for (value, expected) in
            [(" a ", "a"), (r#""a""#, "a"), (r#""a\"b\\""#, r#"a"b\"#), ("\"", "\""), (r#""""#, "")]
        {
            assert_eq!(unquoted(value), expected, "{value}");
        }
    }
}

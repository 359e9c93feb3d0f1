use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::header_list::{split, unquoted};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// True if the caller asks for no record in the answer (RFC 7240, section 4.2). Of two preferences the first counts.
pub(crate) fn wants_minimal(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(PREFER).into_iter().filter_map(|line| line.to_str().ok());
    let preferences = lines.flat_map(|line| split(line, ',')).filter_map(|preference| {
        let (name, value) = split(preference, ';').next()?.split_once('=')?;
        Some((name.trim(), unquoted(value)))
    });
    let mut returns = preferences.filter(|(name, _)| name.eq_ignore_ascii_case("return"));
    returns.next().is_some_and(|(_, value)| value.eq_ignore_ascii_case("minimal"))
}

/// Marks an answer as minimal by the caller's preference.
pub(crate) fn write_minimal(headers: &mut HeaderMap) {
    headers.insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=minimal"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&'static str], expected: bool) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(PREFER, HeaderValue::from_static(line));
        }
        assert_eq!(wants_minimal(&headers), expected, "{lines:?}");
    }

    #[test]
    fn the_first_preference_for_a_return_counts() {
        check(&[], false);
        check(&["return=minimal"], true);
        check(&["respond-async, RETURN = \"minimal\"; foo=bar"], true);
        check(&["wait=5", "return=minimal"], true);
        check(&["return=representation, return=minimal"], false);
        check(&["minimal"], false);
        check(&[r#"a="b, return=minimal""#], false);
        check(&[r#"a="b; \", c", return=minimal"#], true);
        check(&[r#"a; b="c, d", return=minimal"#], true);
    }
}

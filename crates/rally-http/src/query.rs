use percent_encoding::percent_decode_str;
use rally_core::{Error, Faults};

/// The parameters of a query string, decoded.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) when one is not UTF-8.
pub(crate) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Error> {
    raw(query).map(|(name, value)| Ok((decode(name, name)?, decode(name, value)?))).collect()
}

/// The query of another page: this one's with some parameters set anew.
pub(crate) fn with(query: Option<&str>, replaced: &[&str], name: &str, value: &str) -> String {
    let mut other = String::with_capacity(query.map_or(0, str::len) + 40);
    for (kept, value) in raw(query).filter(|(kept, _)| !replaced.contains(kept)) {
        other.extend([kept, "=", value, "&"]);
    }
    other.extend([name, "=", value]);
    other
}

fn raw(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode(name: &str, text: &str) -> Result<String, Error> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| Faults::one(name, "is not UTF-8").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let pairs = pairs(Some("a=1&b=x%20y+z&c&&d==&%C3%A9=%c3%a9&e=%zz")).unwrap();
        let expected = [("a", "1"), ("b", "x y z"), ("c", ""), ("d", "="), ("é", "é"), ("e", "%zz")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let error = super::pairs(Some("a=1&fields=%ff")).unwrap_err();
        assert_eq!(error.detail(), "fields is not UTF-8");
    }

    #[test]
    fn another_page_keeps_the_other_parameters_as_they_were_sent() {
        let other = with(
            Some("limit=2&offset=4&updatedSince=2025-02-01T10:15:00%2B02:00"),
            &["offset"],
            "offset",
            "6",
        );
        assert_eq!(other, "limit=2&updatedSince=2025-02-01T10:15:00%2B02:00&offset=6");
        assert_eq!(with(None, &["offset"], "offset", "100"), "offset=100");
    }
}

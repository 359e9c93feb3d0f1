use percent_encoding::percent_decode_str;
use rally_core::{Code, Error, Faults};

/// Refuses a query that is longer than so many bytes.
///
/// # Errors
/// [`Code::LimitExceeded`].
pub(crate) fn check(query: Option<&str>, longest: usize) -> Result<(), Error> {
    if query.is_some_and(|query| query.len() > longest) {
        let detail = format!("the query must not be longer than {longest} bytes");
        return Err(Error::new(Code::LimitExceeded, detail));
    }
    Ok(())
}

/// The parameters of a query string, decoded.
///
/// # Errors
/// [`Code::Validation`](rally_core::Code::Validation) when one is not UTF-8.
pub(crate) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Error> {
    raw(query).map(|(name, value)| Ok((decode(name, name)?, decode(name, value)?))).collect()
}

/// The query of another page: this page's, without the parameters that were `ignored`, and with others in the place of
/// those that are `replaced`.
pub(crate) fn with(
    query: Option<&str>,
    ignored: &[String],
    replaced: &[&str],
    added: &[(&str, &str)],
) -> String {
    let is_kept = |name: &str| {
        decode(name, name).is_ok_and(|name| !replaced.contains(&name.as_str()) && !ignored.contains(&name))
    };
    let kept = raw(query).filter(|(name, _)| is_kept(name));
    let pairs = kept.chain(added.iter().copied()).map(|(name, value)| format!("{name}={value}"));
    pairs.collect::<Vec<_>>().join("&")
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
            Some("limit=2&offset=4&_=%31&updatedSince=2025-02-01T10:15:00%2B02:00&%5f=2"),
            &["_".to_owned()],
            &["offset"],
            &[("offset", "6")],
        );
        assert_eq!(other, "limit=2&updatedSince=2025-02-01T10:15:00%2B02:00&offset=6");
        assert_eq!(with(None, &[], &["offset"], &[("offset", "100")]), "offset=100");
        assert_eq!(
            with(Some("%6fffset=1&limit=2"), &[], &["offset"], &[("offset", "3")]),
            "limit=2&offset=3"
        );
    }
}

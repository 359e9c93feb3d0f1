//! Versions of records as entity tags (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use rally_core::{Code, Error, Faults, Resource, Row, Timestamp};

/// How many versions one `If-Match` may name.
const MOST_VERSIONS: usize = 10;

/// The entity tag of a record: the microseconds of its version's instant and, where the record shows something of others,
/// what tells that apart, both in hexadecimal. A write asks for the version alone: that others have changed does not
/// matter to it.
pub(crate) fn etag<R: Resource>(row: &Row<R>) -> Result<HeaderValue, Error> {
    let version = row.updated_at()?.as_micros();
    let text = match row.shown_of_others() {
        Some(others) => format!("\"{version:x}-{others:x}\""),
        None => format!("\"{version:x}\""),
    };
    HeaderValue::try_from(text).map_err(Error::internal)
}

/// The version that an entity tag of ours names.
fn version(tag: &str) -> Option<Timestamp> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (digits, others) = digits.split_once('-').unwrap_or((digits, "0"));
    let is_ours =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| is_ours(digits));
    number(others).and(number(digits)).map(|micros| Timestamp::from_micros(micros.cast_signed()))
}

/// Which versions of a record a write may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Any, and a record that is not there yet.
    Unconditional,
    /// Any that there is.
    Any,
    /// One of these; without any, none.
    Versions(Vec<Timestamp>),
}

impl IfMatch {
    /// Reads the header of a request.
    ///
    /// # Errors
    /// [`Code::Validation`] when it names more than ten versions.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Unconditional);
        }
        let tags: Vec<&str> = tags(headers, &header::IF_MATCH).collect();
        if tags.contains(&"*") {
            return Ok(Self::Any);
        }
        if tags.len() > MOST_VERSIONS {
            let phrase = format!("must not name more than {MOST_VERSIONS} versions");
            return Err(Faults::one("If-Match", phrase).into());
        }
        // A weak tag never matches here, and nor does one that we have not made.
        Ok(Self::Versions(tags.into_iter().filter_map(version).collect()))
    }

    /// Tries a write with each version that it may find. A record moves on to new versions only, never to another of
    /// these, so at most one of them can be its present one, and asking one after the other loses no race.
    pub(crate) fn attempt<T>(
        &self,
        mut write: impl FnMut(Option<Timestamp>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self::Versions(versions) = self else { return write(None) };
        let (last, others) = match versions.split_last() {
            Some((last, others)) => (*last, others),
            // No record ever changed at this instant; whether there is one is still told.
            None => (Timestamp::MIN, &[][..]),
        };
        for version in others {
            match write(Some(*version)) {
                Err(error) if error.code() == Code::PreconditionFailed => {}
                result => return result,
            }
        }
        write(Some(last))
    }
}

/// True when the caller has what this tag is of already.
pub(crate) fn has(headers: &HeaderMap, present: &HeaderValue) -> bool {
    tags(headers, &header::IF_NONE_MATCH)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == present.as_bytes())
}

fn tags<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_its_version_and_nothing_else_does() {
        for micros in [0, 1, 1_738_404_900_000_000, Timestamp::MAX.as_micros()] {
            let instant = Timestamp::from_micros(micros);
            assert_eq!(version(&format!("\"{micros:x}\"")), Some(instant));
            assert_eq!(version(&format!("\"{micros:x}-1f\"")), Some(instant));
        }
        for tag in [
            "",
            "\"\"",
            "x",
            "\"x\"",
            "W/\"1\"",
            "\"+1\"",
            "\"FF\"",
            "\"11112222333344445\"",
            "\"1-\"",
            "\"1-1-1\"",
        ] {
            assert_eq!(version(tag), None, "{tag}");
        }
    }

    #[test]
    fn versions_are_tried_until_one_is_present() {
        let versions = [1, 2, 3].map(Timestamp::from_micros);
        let mut tried = Vec::new();
        let result = IfMatch::Versions(versions.to_vec()).attempt(|version| {
            tried.push(version);
            if version == Some(versions[1]) { Ok(()) } else { Err(Error::new(Code::PreconditionFailed, "")) }
        });
        assert!(result.is_ok());
        assert_eq!(tried, [Some(versions[0]), Some(versions[1])]);
    }
}

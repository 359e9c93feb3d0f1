//! Versions of records as entity tags (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use rally_core::{
    Code, Error, Faults, Timestamp,
    schema::{Resource, Row},
};

/// The most versions that one `If-Match` may name.
const MOST_VERSIONS: usize = 10;

/// The entity tag of a record: the microseconds of its version's instant and, if the record shows members of others, a
/// hash of those, both in hexadecimal. A write compares the version alone, as changes of the others do not matter to it.
pub(crate) fn etag<R: Resource>(row: &Row<R>) -> Result<HeaderValue, Error> {
    let version = row.updated_at()?.as_micros();
    let text = match row.joined_digest() {
        Some(others) => format!("\"{version:x}-{others:x}\""),
        None => format!("\"{version:x}\""),
    };
    HeaderValue::try_from(text).map_err(Error::internal)
}

/// The version that an entity tag names; `None` for a tag that is not one of ours.
fn version(tag: &str) -> Option<Timestamp> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let (digits, others) = digits.split_once('-').unwrap_or((digits, "0"));
    let is_ours =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| is_ours(digits));
    number(others).and(number(digits)).map(|micros| Timestamp::from_micros(micros.cast_signed()))
}

/// The versions of a record that a write may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Any version, and a record that does not exist yet.
    Unconditional,
    /// Any version.
    Any,
    /// One of these versions; none if this is empty.
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

    /// Tries a write with each of the versions. A record only ever changes to a new version, so at most one of these is
    /// its present one, and trying them in turn loses no race.
    pub(crate) fn attempt<T>(
        &self,
        mut write: impl FnMut(Option<Timestamp>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self::Versions(versions) = self else { return write(None) };
        let (last, others) = match versions.split_last() {
            Some((last, others)) => (*last, others),
            // No record has this version, so the write fails: with 412 if the record exists, else with 404.
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

/// True if the caller already has the version with this tag.
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

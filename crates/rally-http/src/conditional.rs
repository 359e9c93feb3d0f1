//! Versions of records as entity tags (RFC 9110, sections 8.8.3 and 13.1).

use axum::http::{HeaderMap, HeaderValue, header};
use rally_core::{
    Code, Error, Faults, IdempotencyKey, Timestamp, Unless, WriteOptions,
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

/// The version of a record that an entity tag names; `None` for a tag that is not one of ours.
fn version(opaque: &[u8]) -> Option<Timestamp> {
    let opaque = std::str::from_utf8(opaque).ok()?;
    let (digits, others) = opaque.split_once('-').unwrap_or((opaque, "0"));
    let is_ours =
        |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let number = |digits: &str| u64::from_str_radix(digits, 16).ok().filter(|_| is_ours(digits));
    number(others).and(number(digits)).map(|micros| Timestamp::from_micros(micros.cast_signed()))
}

/// The preconditions of a write: `If-Match`, and then `If-None-Match` (RFC 9110, section 13.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preconditions {
    pub(crate) if_match: IfMatch,
    unless: Unless,
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

impl Preconditions {
    /// Reads the headers of a request.
    ///
    /// # Errors
    /// [`Code::Validation`] when `If-Match` names more than ten versions, or `If-None-Match` cannot be read.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        Ok(Self { if_match: IfMatch::of(headers)?, unless: unless(headers)? })
    }

    /// Tries a write with each of the versions. A record only ever changes to a new version, so at most one of these is
    /// its present one, and trying them in turn loses no race.
    pub(crate) fn attempt<T>(
        &self,
        idempotency_key: Option<IdempotencyKey>,
        mut write: impl FnMut(&WriteOptions) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut options = WriteOptions { idempotency_key, unless: self.unless.clone(), if_version: None };
        let IfMatch::Versions(versions) = &self.if_match else { return write(&options) };
        let (last, others) = match versions.split_last() {
            Some((last, others)) => (*last, others),
            // No record has this version, so the write fails: with 412 if the record exists, else with 404.
            None => (Timestamp::MIN, &[][..]),
        };
        for version in others {
            options.if_version = Some(*version);
            match write(&options) {
                Err(error) if error.code() == Code::PreconditionFailed => {}
                result => return result,
            }
        }
        options.if_version = Some(last);
        write(&options)
    }
}

impl IfMatch {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        if !headers.contains_key(header::IF_MATCH) {
            return Ok(Self::Unconditional);
        }
        let elements = elements(headers, &header::IF_MATCH);
        if elements == [Element::Any] {
            return Ok(Self::Any);
        }
        if elements.len() > MOST_VERSIONS {
            let phrase = format!("must not name more than {MOST_VERSIONS} versions");
            return Err(Faults::one("If-Match", phrase).into());
        }
        // A weak tag never matches here, and nor does one that we have not made, or what is no tag.
        let version = |element: &Element<'_>| match element {
            Element::Tag { is_weak: false, opaque } => version(opaque),
            _ => None,
        };
        Ok(Self::Versions(elements.iter().filter_map(version).collect()))
    }
}

/// Reads the `If-None-Match` of a write. What cannot be read is refused: the caller wants to be kept from writing.
fn unless(headers: &HeaderMap) -> Result<Unless, Error> {
    if !headers.contains_key(header::IF_NONE_MATCH) {
        return Ok(Unless::Never);
    }
    let elements = elements(headers, &header::IF_NONE_MATCH);
    if elements == [Element::Any] {
        return Ok(Unless::Exists);
    }
    let mut versions = Vec::new();
    for element in elements {
        let Element::Tag { opaque, .. } = element else {
            let phrase = "must be *, or entity tags in double quotes that are separated by commas";
            return Err(Faults::one("If-None-Match", phrase).into());
        };
        versions.extend(version(opaque));
    }
    Ok(Unless::IsAt(versions))
}

/// True if the caller already has the version with this tag.
pub(crate) fn has(headers: &HeaderMap, present: &HeaderValue) -> bool {
    let elements = elements(headers, &header::IF_NONE_MATCH);
    let present = present.as_bytes();
    let is_present = |element: &Element<'_>| match element {
        Element::Tag { opaque, .. } => present.strip_prefix(b"\"") == Some(&[opaque, &b"\""[..]].concat()),
        _ => false,
    };
    elements == [Element::Any] || elements.iter().any(is_present)
}

/// An element of a list of entity tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element<'h> {
    /// `*`, which means something alone.
    Any,
    /// A tag, without its quotes.
    Tag { is_weak: bool, opaque: &'h [u8] },
    /// Neither.
    Malformed,
}

fn elements<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Vec<Element<'h>> {
    let mut elements = Vec::new();
    for line in headers.get_all(name) {
        let mut rest = line.as_bytes().trim_ascii();
        while !rest.is_empty() {
            let (element, behind) = element(rest);
            elements.extend(element);
            rest = behind.trim_ascii_start();
        }
    }
    elements
}

/// The first element of a list, if it is not empty, and what comes behind the comma after it. A comma within quotes is
/// part of a tag; nothing in a tag is escaped (RFC 9110, section 8.8.3).
fn element(list: &[u8]) -> (Option<Element<'_>>, &[u8]) {
    let (is_weak, quoted) = match list.strip_prefix(b"W/") {
        Some(rest) => (true, rest),
        None => (false, list),
    };
    if let Some(inner) = quoted.strip_prefix(b"\"")
        && let Some((opaque, behind)) = split_once(inner, b'"')
    {
        let (rest, behind) = until_comma(behind);
        let is_tag = rest.is_empty() && opaque.iter().all(|byte| matches!(byte, 0x21..=0x7E | 0x80..));
        let tag = if is_tag { Element::Tag { is_weak, opaque } } else { Element::Malformed };
        return (Some(tag), behind);
    }
    match until_comma(list) {
        (b"", behind) => (None, behind),
        (b"*", behind) => (Some(Element::Any), behind),
        (_, behind) => (Some(Element::Malformed), behind),
    }
}

/// The text before the first comma, without blanks around it, and the text behind it.
fn until_comma(text: &[u8]) -> (&[u8], &[u8]) {
    let (before, behind) = split_once(text, b',').unwrap_or((text, b""));
    (before.trim_ascii(), behind)
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    let (before, rest) = text.split_at_checked(place)?;
    Some((before, rest.split_first()?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        headers
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[track_caller]
    fn if_match(lines: &[&str], expected: &IfMatch) {
        let found = IfMatch::of(&headers(header::IF_MATCH, lines)).unwrap();
        assert_eq!(found, *expected, "{lines:?}");
    }

    #[test]
    fn a_tag_names_its_version_and_nothing_else_does() {
        for micros in [0, 1, 1_738_404_900_000_000, Timestamp::MAX.as_micros()] {
            let instant = at(micros);
            assert_eq!(version(format!("{micros:x}").as_bytes()), Some(instant));
            assert_eq!(version(format!("{micros:x}-1f").as_bytes()), Some(instant));
        }
        for tag in ["", "\"\"", "x", "\"1\"", "+1", "FF", "11112222333344445", "1-", "1-1-1", "a,*,b", "é"] {
            assert_eq!(version(tag.as_bytes()), None, "{tag}");
        }
    }

    #[test]
    fn a_list_of_tags_is_split_between_tags_alone() {
        if_match(&[], &IfMatch::Unconditional);
        let any: [&[&str]; 4] = [&["*"], &[" * "], &["*,"], &["", ", *"]];
        for lines in any {
            if_match(lines, &IfMatch::Any);
        }
        for (line, versions) in [
            (r#""1""#, &[1][..]),
            (r#""1", "2" ,"3","#, &[1, 2, 3]),
            (r#",, "1" ,,"#, &[1]),
            (r#""1-ff""#, &[1]),
            (r#""a,*,b""#, &[]),
            (r#""1,2""#, &[]),
            (r#""a,*,b", "1""#, &[1]),
            (r#""a\", "1""#, &[1]),
            (r#"W/"1""#, &[]),
            (r#"W/"1", "2""#, &[2]),
            (r#"w/"1""#, &[]),
            (r#"*, "1""#, &[1]),
            (r#""1", *"#, &[1]),
            ("*, *", &[]),
            ("**", &[]),
            ("1", &[]),
            ("", &[]),
            (r#""1"#, &[]),
            (r#""1" "2""#, &[]),
            (r#""1""2", "3""#, &[3]),
            (r#""*""#, &[]),
            (r#""é", "1""#, &[1]),
            (r#"" 1""#, &[]),
        ] {
            let versions = versions.iter().map(|micros| at(*micros)).collect();
            if_match(&[line], &IfMatch::Versions(versions));
        }
        if_match(&[r#""1""#, r#""2""#], &IfMatch::Versions(vec![at(1), at(2)]));
    }

    #[test]
    fn a_write_that_excludes_versions_says_which() {
        let check = |lines: &[&str], expected: Option<Unless>| {
            let found = unless(&headers(header::IF_NONE_MATCH, lines)).ok();
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&[], Some(Unless::Never));
        check(&["*"], Some(Unless::Exists));
        check(&[r#""1", W/"2", "x", "a,*,b""#], Some(Unless::IsAt(vec![at(1), at(2)])));
        check(&[r#""*""#], Some(Unless::IsAt(vec![])));
        for line in ["1", r#"*, "1""#, r#""1", *"#, r#""1"#, "**", r#""1" 2"#] {
            check(&[line], None);
        }
    }

    #[test]
    fn a_known_version_is_told_from_others() {
        let present = HeaderValue::from_static("\"1-f\"");
        for (line, expected) in [
            ("*", true),
            (r#""1-f""#, true),
            (r#"W/"1-f""#, true),
            (r#""x", "1-f""#, true),
            (r#""1""#, false),
            ("1-f", false),
            (r#""1-f", *"#, true),
            (r#""a,*,b""#, false),
            (r#""x,"1-f""#, false),
            ("", false),
        ] {
            assert_eq!(has(&headers(header::IF_NONE_MATCH, &[line]), &present), expected, "{line}");
        }
    }

    #[test]
    fn versions_are_tried_until_one_is_present() {
        let versions = [1, 2, 3].map(at);
        let preconditions =
            Preconditions { if_match: IfMatch::Versions(versions.to_vec()), unless: Unless::Exists };
        let mut tried = Vec::new();
        let result = preconditions.attempt(None, |options| {
            assert_eq!(options.unless, Unless::Exists);
            tried.push(options.if_version);
            if options.if_version == Some(versions[1]) {
                Ok(())
            } else {
                Err(Error::new(Code::PreconditionFailed, ""))
            }
        });
        assert!(result.is_ok());
        assert_eq!(tried, [Some(versions[0]), Some(versions[1])]);
    }
}

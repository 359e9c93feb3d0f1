//! One of a known set of values, or a value with one canonical form.

use std::borrow::Cow;

use uuid::Uuid;

use super::{RuleResult, ValueFaults, array, quote, text::text};
use crate::{
    base::{Currency, Scopes, TimeZone, Timestamp},
    store::StoreError,
};

pub(super) fn boolean(raw: &str) -> RuleResult<'_> {
    if matches!(raw, "true" | "false") { Ok(raw.into()) } else { Err("must be true or false".into()) }
}

pub(super) fn choice<'a>(raw: &'a str, words: &[&str]) -> RuleResult<'a> {
    let text = text(raw)?;
    if words.contains(&&*text.value) {
        return Ok(text.into_json());
    }
    Err(format!("must be one of {}", words.join(", ")).into())
}

pub(super) fn choices<'a>(raw: &'a str, words: &[&str]) -> RuleResult<'a> {
    let (mut chosen, mut wrong) = (Vec::new(), ValueFaults::none());
    for (index, raw) in array(raw)?.into_iter().enumerate() {
        match choice(raw, words) {
            Ok(word) if chosen.contains(&word) => {}
            Ok(word) => chosen.push(word),
            Err(inner) => wrong.add_all(&format!("[{index}]"), inner),
        }
        // A longer list has words that no set has, and all of them are told no better than a few.
        if index > words.len() {
            return Err(format!("must have at most {} words", words.len()).into());
        }
    }
    if raw_is_empty(&chosen, &wrong) {
        return Err(format!("must have at least one of {}", words.join(", ")).into());
    }
    wrong.or(format!("[{}]", chosen.join(",")).into())
}

fn raw_is_empty(chosen: &[Cow<'_, str>], wrong: &ValueFaults) -> bool {
    chosen.is_empty() && wrong.clone().or(()).is_ok()
}

pub(super) fn currency(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let _: Currency = text.value.parse().map_err(|error| format!("{error}"))?;
    Ok(text.into_json())
}

pub(super) fn time_zone(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let _: TimeZone = text.value.parse().map_err(|error| format!("{error}"))?;
    Ok(text.into_json())
}

pub(super) fn reference(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let id: uuid::fmt::Hyphenated = text.value.parse().map_err(|_| "is not an id")?;
    Ok(quote(&id.to_string()).into())
}

/// Reads an id out of the JSON text that [`Rule::Reference`] has made; `None` if there is no value.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is not the text of an id.
pub(crate) fn reference_id(stored: &[u8]) -> Result<Option<Uuid>, StoreError> {
    if stored.is_empty() {
        return Ok(None);
    }
    let inner = stored.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    let id = inner.and_then(|text| Uuid::try_parse_ascii(text).ok());
    id.map(Some).ok_or_else(|| StoreError::Corrupt { what: "a member that is no id".to_owned() })
}

/// Reads the JSON text that [`Rule::Boolean`] has made; false if there is no value.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is neither `true` nor `false`.
pub(crate) fn read_bool(stored: &[u8]) -> Result<bool, StoreError> {
    match stored {
        b"true" => Ok(true),
        b"false" | b"" => Ok(false),
        _ => Err(StoreError::Corrupt { what: "a member that is neither true nor false".to_owned() }),
    }
}

pub(super) fn instant(raw: &str) -> RuleResult<'_> {
    let instant: Timestamp = text(raw)?.value.parse().map_err(|error| format!("{error}"))?;
    Ok(quote(&instant.to_string()).into())
}

pub(super) fn scopes(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let names: Vec<&str> = text.value.split(',').map(str::trim).collect();
    match text.value.parse::<Scopes>() {
        Ok(_) => Ok(quote(&names.join(",")).into()),
        Err(error) => Err(format!("is wrong: {error}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, check};
    use crate::base::{ClosedSet, Kind};

    const TWO: ClosedSet = ClosedSet { name: "Two", words: &["lead", "customer"], description: "" };

    #[test]
    fn words_and_ids_are_canonical() {
        check(Rule::Choice(TWO), r#""lead""#, Ok(r#""lead""#));
        check(Rule::Choice(TWO), r#""Lead""#, Err("must be one of lead, customer"));
        check(Rule::Choices(TWO), r#"[ "customer","lead", "customer"]"#, Ok(r#"["customer","lead"]"#));
        check(Rule::Choices(TWO), "[]", Err("must have at least one of lead, customer"));
        check(Rule::Choices(TWO), r#""lead""#, Err("must be an array"));
        check(Rule::Choices(TWO), r#"["lead","lead","lead","lead"]"#, Err("must have at most 2 words"));
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
    }

    #[test]
    fn currencies_are_codes_in_upper_case() {
        check(Rule::Currency, r#""USD""#, Ok(r#""USD""#));
        check(Rule::Currency, r#"" JPY ""#, Ok(r#""JPY""#));
        for raw in [r#""usd""#, r#""XXY""#, r#""US""#, r#""USDT""#, r#""840""#, r#""""#] {
            check(Rule::Currency, raw, Err("must be a currency code of ISO 4217, such as USD"));
        }
        check(Rule::Currency, "840", Err("must be a string"));
    }

    #[test]
    fn time_zones_are_names_as_the_database_writes_them() {
        for raw in [r#""Europe/Berlin""#, r#""UTC""#, r#""America/Argentina/Ushuaia""#, r#""US/Pacific""#] {
            check(Rule::TimeZone, raw, Ok(raw));
        }
        for raw in [r#""europe/berlin""#, r#""Europe/Atlantis""#, r#""CEST""#, r#""+02:00""#, r#""""#] {
            check(
                Rule::TimeZone,
                raw,
                Err("must be a time zone of the IANA database, such as Europe/Berlin"),
            );
        }
    }
}

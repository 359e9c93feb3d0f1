use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A span of time, of whole microseconds: `"250ms"`, `"90s"`, `"5m"`, `"24h"`, `"3d"`, or a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(i64);

/// Units by their names, in microseconds.
const UNITS: [(&str, f64); 5] = [("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3_600e6), ("d", 86_400e6)];

/// The longest span, which is a hundred years.
const LONGEST: f64 = 100.0 * 366.0 * 86_400e6;

const SPELLING: &str =
    "must be a span of time such as \"90s\", \"5m\", \"24h\" or \"3d\", or a number of seconds";

impl Span {
    pub(crate) const fn as_micros(self) -> i64 {
        self.0
    }

    pub(crate) fn as_duration(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }

    fn of(number: f64, unit: f64) -> Result<Self, String> {
        let micros = (number * unit).round();
        if !(0.0..=LONGEST).contains(&micros) {
            return Err("must be from 0 to a hundred years".to_owned());
        }
        // A whole number of at most 16 digits, which its text has exactly.
        format!("{micros:.0}").parse().map(Self).map_err(|_| SPELLING.to_owned())
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The spelling that is read as the same span, of whole milliseconds.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000_000 == 0 {
            write!(f, "{}s", self.0 / 1_000_000)
        } else {
            write!(f, "{}ms", self.0 / 1_000)
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Durations that are spelt as spans.
pub(crate) mod spelling {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Span;

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        Span::from(*duration).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        Span::deserialize(deserializer).map(Span::as_duration)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = text.strip_prefix(digits).unwrap_or_default();
        let unit = UNITS.iter().find(|(name, _)| *name == unit).ok_or(SPELLING)?;
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match digits.parse() {
            Ok(number) if is_plain => Self::of(number, unit.1),
            _ => Err(SPELLING.to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time such as \"24h\", or a number of seconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Span, E> {
        Span::of(seconds, 1e6).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Span, E> {
        let seconds = u32::try_from(seconds).map_err(|_| E::custom("must be from 0 to a hundred years"))?;
        self.visit_f64(seconds.into())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Span, E> {
        Err(E::custom("must be from 0 to a hundred years"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_a_unit() {
        for (text, micros) in [
            ("0s", 0),
            ("250ms", 250_000),
            ("1.5s", 1_500_000),
            ("5m", 300_000_000),
            ("24h", 86_400_000_000),
            ("3d", 259_200_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Span(micros)), "{text}");
            assert_eq!(Span(micros).to_string().parse(), Ok(Span(micros)), "{text}");
        }
        for text in ["", "s", "5", "-1s", "1 week", "1e3s", "infs", "NaNs", "1.2.3s", "99999999d", "5S"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn in_json_a_bare_number_is_seconds() {
        let read = |json: &str| serde_json::from_str::<Span>(json).ok();
        assert_eq!(read("90"), Some(Span(90_000_000)));
        assert_eq!(read("0.25"), Some(Span(250_000)));
        assert_eq!(read("\"2m\""), Some(Span(120_000_000)));
        for json in ["-1", "1e300", "null", "[]", "99999999999"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}

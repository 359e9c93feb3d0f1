use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::invariant;

/// An instant, in whole microseconds since 1970-01-01 UTC.
///
/// Written as RFC 3339 in UTC with exactly six fraction digits and `Z`, so that text order is time order. Read from
/// any RFC 3339 form; without an offset UTC is meant, and a date alone is its midnight in UTC. Years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Says that a text is not an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date-time such as 2025-02-01T10:15:00Z, or a date")]
pub struct NotAnInstant;

impl Timestamp {
    /// The first instant that can be written.
    pub const MIN: Timestamp = Timestamp(-62_167_219_200_000_000);
    /// The last instant that can be written.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);

    /// The instant `micros` microseconds after 1970-01-01 UTC, clamped to [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// Microseconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The instant `micros` microseconds later, clamped to [`MIN`](Self::MIN) and [`MAX`](Self::MAX).
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// Appends the 27 bytes of the written form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (year, month, day) = civil(self.0.div_euclid(86_400_000_000));
        let micros = self.0.rem_euclid(86_400_000_000);
        let (seconds, micros) = (small(micros / 1_000_000), small(micros % 1_000_000));
        let ([y1, y2], [y3, y4]) = (digits(year / 100), digits(year % 100));
        let ([m1, m2], [d1, d2]) = (digits(month), digits(day));
        let ([h1, h2], [n1, n2], [s1, s2]) =
            (digits(seconds / 3_600), digits(seconds / 60 % 60), digits(seconds % 60));
        let ([f1, f2], [f3, f4], [f5, f6]) =
            (digits(micros / 10_000), digits(micros / 100 % 100), digits(micros % 100));
        #[rustfmt::skip]
        let text = [
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.',
            f1, f2, f3, f4, f5, f6, b'Z',
        ];
        out.extend_from_slice(&text);
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01, in the years 0000 to 9999.
///
/// The arithmetic is Howard Hinnant's `civil_from_days`, begun one era of 400 years early so that no number is
/// negative.
fn civil(days: i64) -> (u32, u32, u32) {
    let shifted = small(days + 719_468 + 146_097);
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u32::from(month <= 2) - 400, month, day)
}

/// A number that fits 32 bits, whose arithmetic is quicker.
fn small(number: i64) -> u32 {
    invariant(u32::try_from(number).ok(), "parts of an instant of four-digit years are small")
}

/// The two decimal digits of a number below a hundred.
fn digits(number: u32) -> [u8; 2] {
    let number = invariant(u8::try_from(number).ok(), "a number below a hundred");
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(27);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl FromStr for Timestamp {
    type Err = NotAnInstant;

    fn from_str(text: &str) -> Result<Self, NotAnInstant> {
        let micros = parse(text.trim()).ok_or(NotAnInstant)?;
        if (Self::MIN.0..=Self::MAX.0).contains(&micros) { Ok(Self(micros)) } else { Err(NotAnInstant) }
    }
}

fn parse(text: &str) -> Option<i64> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_micros());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(instant) = NaiveDateTime::parse_from_str(text, form) {
            return Some(instant.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl From<Timestamp> for DateTime<chrono::Utc> {
    fn from(instant: Timestamp) -> Self {
        invariant(DateTime::from_timestamp_micros(instant.0), "chrono knows the years 0000 to 9999")
    }
}

impl From<DateTime<chrono::Utc>> for Timestamp {
    /// Drops fractions of a microsecond.
    fn from(instant: DateTime<chrono::Utc>) -> Self {
        Self::from_micros(instant.timestamp_micros())
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_written_form_is_that_of_chrono_and_is_read_back(micros in Timestamp::MIN.0..=Timestamp::MAX.0) {
            let instant = Timestamp(micros);
            let known = DateTime::<chrono::Utc>::from(instant).to_rfc3339_opts(SecondsFormat::Micros, true);
            prop_assert_eq!(instant.to_string(), known);
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }

    #[test]
    fn the_documented_forms_are_read() {
        let known: Timestamp = "2025-02-01T10:15:00Z".parse().unwrap();
        for form in [
            "2025-02-01T12:15:00+02:00",
            "2025-02-01T10:15:00",
            "2025-02-01T10:15:00.000000000Z",
            "2025-02-01 10:15:00",
            "2025-02-01T10:15",
        ] {
            assert_eq!(form.parse(), Ok(known), "{form}");
        }
        assert_eq!("2025-02-01".parse::<Timestamp>().unwrap().to_string(), "2025-02-01T00:00:00.000000Z");
        for form in [
            "yesterday",
            "",
            "2025-02-30",
            "2025-02-01T10:15:00+2",
            "2025-02-01T12:15:00 02:00",
            "1738404900",
            "99999-01-01T00:00:00Z",
        ] {
            assert_eq!(form.parse::<Timestamp>(), Err(NotAnInstant), "{form}");
        }
    }
}

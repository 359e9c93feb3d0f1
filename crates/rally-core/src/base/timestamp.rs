use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::invariant;

/// An instant, in whole microseconds since 1970-01-01 UTC.
///
/// Written as RFC 3339 in UTC with exactly six fraction digits and `Z`, so that text order is time order. Read from
/// any RFC 3339 form, also with a blank before the offset, and with an offset without a colon or without minutes, as
/// programs print them; without an offset UTC is meant, and a date alone is its midnight in UTC. Years 0000 to 9999.
///
/// A leap second, which is read only where there can be one, is the first second of the next day.
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

    /// Writes the written form where it is to stand.
    #[inline]
    pub(crate) fn write(self, text: &mut [u8; 27]) {
        let (year, month, day) = civil(self.0.div_euclid(86_400_000_000));
        let micros = self.0.rem_euclid(86_400_000_000);
        let (seconds, micros) = (small(micros / 1_000_000), small(micros % 1_000_000));
        *text = *b"0000-00-00T00:00:00.000000Z";
        put::<0>(text, year / 100);
        put::<2>(text, year % 100);
        put::<5>(text, month);
        put::<8>(text, day);
        put::<11>(text, seconds / 3_600);
        put::<14>(text, seconds / 60 % 60);
        put::<17>(text, seconds % 60);
        put::<20>(text, micros / 10_000);
        put::<22>(text, micros / 100 % 100);
        put::<24>(text, micros % 100);
    }
}

/// Puts the two digits of a number below a hundred at a place of a text.
#[inline]
fn put<const PLACE: usize>(text: &mut [u8; 27], number: u32) {
    let two = text.get_mut(PLACE..).and_then(|rest| rest.first_chunk_mut());
    *invariant(two, "each place is within the text") = digits(number);
}

/// The proleptic Gregorian date of a day counted from 1970-01-01, in the years 0000 to 9999.
///
/// The arithmetic is that of Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application to calendar
/// algorithms" (2022), where each step waits for few before; begun one era of 400 years early so that no number is negative.
fn civil(days: i64) -> (u32, u32, u32) {
    let quarters = 4 * small(days + 719_468 + 146_097) + 3;
    let (century, day_of_century) = (quarters / 146_097, quarters % 146_097 / 4);
    let product = 2_939_745 * u64::from(4 * day_of_century + 3);
    let (year_of_century, day_of_year) = (small_part(product >> 32), small_part(product) / 2_939_745 / 4);
    let months = 2_141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xFFFF) / 2_141 + 1);
    // The year begins in March.
    let is_next_year = day_of_year >= 306;
    let month = if is_next_year { month - 12 } else { month };
    (100 * century + year_of_century + u32::from(is_next_year) - 400, month, day)
}

/// The low 32 bits of a number.
fn small_part(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// A number that fits 32 bits, whose arithmetic is quicker.
fn small(number: i64) -> u32 {
    invariant(u32::try_from(number).ok(), "parts of an instant of four-digit years are small")
}

/// The two decimal digits of each number below a hundred.
#[expect(
    clippy::indexing_slicing,
    reason = "a constant that would not compile if a place were beyond its end"
)]
const DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    let mut ten = 0;
    while ten < 10 {
        let mut one = 0;
        while one < 10 {
            pairs[number] = [b'0' + ten, b'0' + one];
            number += 1;
            one += 1;
        }
        ten += 1;
    }
    pairs
};

/// The two decimal digits of a number below a hundred.
#[inline]
fn digits(number: u32) -> [u8; 2] {
    *invariant(usize::try_from(number).ok().and_then(|number| DIGITS.get(number)), "a number below a hundred")
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 27];
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

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 1_440 * MINUTE;

fn parse(text: &str) -> Option<i64> {
    let mut rest = Rest(text);
    let midnight = rest.date()?;
    if rest.0.is_empty() {
        return Some(midnight);
    }
    if !rest.skips(&['T', 't', ' ']) {
        return None;
    }
    let (minutes, seconds, fraction) = rest.time()?;
    let second = midnight + minutes * MINUTE + seconds * SECOND - rest.offset()?;
    let is_possible = rest.0.is_empty() && (seconds < 60 || is_after_leap_second(second));
    if is_possible { Some(second + fraction) } else { None }
}

/// True for the midnights that a leap second can come before: those after the last days of June and December (RFC 3339,
/// section 5.7).
fn is_after_leap_second(micros: i64) -> bool {
    let (_, month, day) = civil(micros.div_euclid(DAY));
    micros.rem_euclid(DAY) == 0 && matches!((month, day), (1 | 7, 1))
}

/// The part of a text that has not been read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// `YYYY-MM-DD`: its midnight in UTC, in microseconds.
    fn date(&mut self) -> Option<i64> {
        let year = self.number(4)?;
        let month = self.number_behind('-')?;
        let day = self.number_behind('-')?;
        let date = NaiveDate::from_ymd_opt(year.cast_signed(), month, day)?;
        Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
    }

    /// `HH:MM`, with seconds or without: minutes, seconds and the microseconds of a fraction.
    fn time(&mut self) -> Option<(i64, i64, i64)> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        let minute = self.number_behind(':').filter(|minute| *minute < 60)?;
        let minutes = i64::from(60 * hour + minute);
        if !self.0.starts_with(':') {
            return Some((minutes, 0, 0));
        }
        let second = self.number_behind(':').filter(|second| *second <= 60)?;
        let fraction = if self.skips(&['.']) { self.fraction()? } else { 0 };
        Some((minutes, i64::from(second), fraction))
    }

    /// The digits behind a point, at least one, in microseconds; what is less is dropped.
    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(length).filter(|(digits, _)| !digits.is_empty())?;
        self.0 = rest;
        digits.chars().chain("000000".chars()).take(6).collect::<String>().parse().ok()
    }

    /// `Z`, `+HH:MM`, `+HHMM`, `+HH` or nothing, in microseconds.
    fn offset(&mut self) -> Option<i64> {
        if self.0.is_empty() {
            return Some(0);
        }
        let _ = self.skips(&[' ']);
        if self.skips(&['Z', 'z']) {
            return Some(0);
        }
        let sign = if self.0.starts_with('-') { -1 } else { 1 };
        let hour = if self.skips(&['+', '-']) { self.number(2) } else { None };
        let hour = hour.filter(|hour| *hour < 24)?;
        let has_minutes = self.skips(&[':']) || !self.0.is_empty();
        let minute = if has_minutes { self.number(2)? } else { 0 };
        if minute < 60 { Some(sign * i64::from(60 * hour + minute) * MINUTE) } else { None }
    }

    fn number_behind(&mut self, separator: char) -> Option<u32> {
        if self.skips(&[separator]) { self.number(2) } else { None }
    }

    /// Exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        if number.bytes().all(|byte| byte.is_ascii_digit()) { number.parse().ok() } else { None }
    }

    /// Passes over one of some characters, if it is next.
    fn skips(&mut self, any: &[char]) -> bool {
        let rest = self.0.strip_prefix(any);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
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
            "2025-02-01T10:15:00Z",
            "2025-02-01t10:15:00z",
            "2025-02-01T12:15:00+02:00",
            "2025-02-01T10:15:00",
            "2025-02-01T10:15:00.000000000Z",
            "2025-02-01T10:15:00.0000009Z",
            "2025-02-01 10:15:00",
            "2025-02-01T10:15",
            "2025-02-01T10:15Z",
            "2025-02-01 10:15:00Z",
            "  2025-02-01T10:15:00Z\n",
        ] {
            assert_eq!(form.parse(), Ok(known), "{form}");
        }
        assert_eq!("2025-02-01".parse::<Timestamp>().unwrap().to_string(), "2025-02-01T00:00:00.000000Z");
        let written = |text: &str| text.parse::<Timestamp>().unwrap().to_string();
        assert_eq!(written("2025-02-01T10:15:00.5"), "2025-02-01T10:15:00.500000Z");
        assert_eq!(written("2025-02-01T00:15+23:59"), "2025-01-31T00:16:00.000000Z");
        assert_eq!(written("0001-01-01"), "0001-01-01T00:00:00.000000Z");
        assert_eq!(written("2024-02-29"), "2024-02-29T00:00:00.000000Z");
    }

    #[test]
    fn offsets_are_read_as_programs_print_them() {
        let known: Timestamp = "2025-02-01T10:15:00Z".parse().unwrap();
        for form in [
            "2025-02-01T10:15:00+0000",
            "2025-02-01T10:15:00-0000",
            "2025-02-01T10:15:00 +00:00",
            "2025-02-01 10:15:00 +0000",
            "2025-02-01 12:15:00 +0200",
            "2025-02-01T04:45:00-0530",
            "2025-02-01 10:15:00.000000+00",
            "2025-02-01T12:15+02",
            "2025-02-01T10:15:00 Z",
        ] {
            assert_eq!(form.parse(), Ok(known), "{form}");
        }
    }

    #[track_caller]
    fn refused(form: &str) {
        assert_eq!(form.parse::<Timestamp>(), Err(NotAnInstant), "{form}");
    }

    #[test]
    fn years_have_four_digits_and_all_other_parts_two() {
        for date in [
            "26-12-31",
            "01-02-26",
            "126-12-31",
            "02026-12-31",
            "+2026-12-31",
            "-2026-12-31",
            "2026-1-31",
            "2026-12-1",
            "2026-012-31",
            "2026-12-031",
            "2026 -12-31",
            "2026- 12-31",
            "2026-12- 1",
            "2026-+2-01",
            "2026/12/31",
            "20261231",
            "2026-12",
            "2026",
            "2026-W01-1",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2025-02-29",
            "２０２６-12-31",
            "2026−12−31",
        ] {
            refused(date);
            refused(&format!("{date}T10:15:00Z"));
        }
        for time in [
            "T",
            "T1:15:00",
            "T10",
            "T10:",
            "T10:1:00",
            "T10:15:0",
            "T10:15:",
            "T10:15:000",
            "T 10:15:00",
            "T10:15:00.",
            "T10:15:00.Z",
            "T10:15:00,5",
            "T24:00:00",
            "T10:60:00",
            "T10:15:61",
            "T+1:15:00",
            "T10:15: 5",
            "T10:15:00x",
            "T1015",
            "  10:15:00",
        ] {
            refused(&format!("2026-12-31{time}"));
        }
    }

    #[test]
    fn offsets_have_two_digits_a_part() {
        for offset in [
            "+2",
            "+2:00",
            "+020",
            "+02000",
            "+24:00",
            "+02:60",
            "+02:",
            "+02:0",
            "+",
            "-",
            "  +02:00",
            "02:00",
            " 02:00",
            "+ 02:00",
            "ZZ",
            "Z+02:00",
            "+02:00Z",
            " UTC",
            "+02:00:00",
            "−02:00",
        ] {
            refused(&format!("2025-02-01T12:15:00{offset}"));
        }
        for text in
            ["2025-02-01Z", "2025-02-01+02:00", "yesterday", "", "1738404900", "99999-01-01T00:00:00Z"]
        {
            refused(text);
        }
        refused("0000-01-01T00:00:00+00:01");
        refused("9999-12-31T23:59:59-00:01");
    }

    #[test]
    fn a_leap_second_is_read_where_there_can_be_one() {
        let written = |text: &str| text.parse::<Timestamp>().unwrap().to_string();
        for text in [
            "2016-12-31T23:59:60Z",
            "2016-12-31T15:59:60-08:00",
            "2017-01-01T05:29:60+05:30",
            "2016-12-31T23:59:60",
            "2016-12-31 23:59:60+0000",
        ] {
            assert_eq!(written(text), "2017-01-01T00:00:00.000000Z", "{text}");
        }
        assert_eq!(written("2015-06-30T23:59:60.5Z"), "2015-07-01T00:00:00.500000Z");
        for text in [
            "2016-12-31T10:15:60Z",
            "2016-12-31T23:58:60Z",
            "2016-12-31T22:59:60Z",
            "2016-12-31T23:59:60-08:00",
            "2016-12-30T23:59:60Z",
            "2025-03-31T23:59:60Z",
            "2025-02-01T00:00:60Z",
            "9999-12-31T23:59:60Z",
        ] {
            refused(text);
        }
    }
}

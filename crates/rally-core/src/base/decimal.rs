use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

use super::{invariant, limits::DECIMAL_DIGITS};

/// An exact decimal number, such as an amount of money, with as many fraction digits as it was given.
///
/// Read from the text of a JSON number of at most [`DECIMAL_DIGITS`] digits; an exponent is resolved. Two are equal
/// when they are the same number, however many zeros end them.
///
/// In JSON it is a number of exactly its digits. That needs `serde_json`, from text and to text: a
/// `serde_json::Value` between them holds a binary fraction.
///
/// ```
/// use rally_core::Decimal;
///
/// let amount: Decimal = "10.00".parse()?;
/// assert_eq!(amount.to_string(), "10.00");
/// assert_eq!(amount, Decimal::from(10));
/// assert_eq!("1.5e3".parse::<Decimal>()?.to_string(), "1500");
/// assert_eq!("ten".parse::<Decimal>().unwrap_err().to_string(), "must be a number");
/// # Ok::<(), rally_core::parse::NotADecimal>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(rust_decimal::Decimal);

/// Says why a text is not a decimal number: completes "*value* …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotADecimal {
    /// It is not the text of a JSON number.
    #[error("must be a number")]
    NotANumber,
    /// More digits than are kept, in all or after the point.
    #[error("must not have more than {DECIMAL_DIGITS} digits")]
    TooManyDigits,
}

impl FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let magnitude = Parts::split(unsigned)?.magnitude()?;
        Ok(Self::from(if is_negative { -magnitude } else { magnitude }))
    }
}

/// Reads the text of a JSON number that is an integer to JSON Schema, however it is written: `40`, `40.0`, `4e1`.
/// A number that is too large for 64 bits is the greatest or the least of these.
///
/// # Errors
/// [`NotAnInteger`].
pub(crate) fn integer(text: &str) -> Result<i64, NotAnInteger> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let magnitude = Parts::split(unsigned).map_err(|_| NotAnInteger::NotANumber)?.whole()?;
    Ok(sign * magnitude)
}

/// Says why a text is not an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAnInteger {
    NotANumber,
    NotWhole,
}

/// Digits of the greatest number of 64 bits.
const INTEGER_DIGITS: usize = 19;

/// The digits of a number without a sign.
struct Parts<'a> {
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn split(unsigned: &'a str) -> Result<Self, NotADecimal> {
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, digits(fraction)?),
            None => (mantissa, ""),
        };
        if whole.len() > 1 && whole.starts_with('0') {
            return Err(NotADecimal::NotANumber);
        }
        Ok(Self { whole: digits(whole)?, fraction, exponent })
    }

    /// The number, if it is whole; the greatest of 64 bits in place of a greater one.
    fn whole(&self) -> Result<i64, NotAnInteger> {
        let all = || self.whole.bytes().chain(self.fraction.bytes());
        let zeros_behind = all().rev().take_while(|digit| *digit == b'0').count();
        let significant = all().count() - zeros_behind;
        if significant == 0 {
            return Ok(0);
        }
        let length =
            |length: usize| invariant(i64::try_from(length).ok(), "a text has fewer than 2^63 bytes");
        let zeros = self.exponent.saturating_add(length(zeros_behind)) - length(self.fraction.len());
        let zeros = usize::try_from(zeros).map_err(|_| NotAnInteger::NotWhole)?;
        // Of the zeros no more are taken than make any number too large.
        let digits = all().take(significant).chain(std::iter::repeat_n(b'0', zeros.min(INTEGER_DIGITS)));
        let add = |number: i64, digit: u8| number.checked_mul(10)?.checked_add(i64::from(digit - b'0'));
        Ok(digits.into_iter().try_fold(0, add).unwrap_or(i64::MAX))
    }

    fn magnitude(&self) -> Result<rust_decimal::Decimal, NotADecimal> {
        let all = self.whole.bytes().chain(self.fraction.bytes()).skip_while(|digit| *digit == b'0');
        let mut coefficient = all.clone().try_fold(Coefficient::default(), Coefficient::push)?;
        let places = invariant(i64::try_from(self.fraction.len()).ok(), "a text has fewer than 2^63 bytes")
            .saturating_sub(self.exponent);
        if coefficient.digits > 0 {
            for _ in places..0 {
                coefficient = coefficient.push(b'0')?;
            }
        }
        let scale = u32::try_from(places.max(0)).map_err(|_| NotADecimal::TooManyDigits)?;
        // Fails for a scale of more than 28 alone: 28 digits always fit.
        rust_decimal::Decimal::try_from_i128_with_scale(coefficient.value, scale)
            .map_err(|_| NotADecimal::TooManyDigits)
    }
}

/// A whole number while its digits come in.
#[derive(Default)]
struct Coefficient {
    value: i128,
    digits: usize,
}

impl Coefficient {
    fn push(self, digit: u8) -> Result<Self, NotADecimal> {
        if self.digits == DECIMAL_DIGITS {
            return Err(NotADecimal::TooManyDigits);
        }
        Ok(Self { value: self.value * 10 + i128::from(digit - b'0'), digits: self.digits + 1 })
    }
}

fn digits(text: &str) -> Result<&str, NotADecimal> {
    let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { Ok(text) } else { Err(NotADecimal::NotANumber) }
}

/// An exponent beyond all that could matter is brought near enough to still be beyond.
fn parse_exponent(text: &str) -> Result<i64, NotADecimal> {
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (-1, magnitude),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    Ok(sign * digits(magnitude)?.parse().unwrap_or(i64::from(u32::MAX) * 2))
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<rust_decimal::Decimal> for Decimal {
    /// Zero loses its sign. A whole number of 29 digits, which `rust_decimal` just holds, is written but not read back.
    fn from(number: rust_decimal::Decimal) -> Self {
        Self(if number.is_zero() { number.abs() } else { number })
    }
}

impl From<Decimal> for rust_decimal::Decimal {
    fn from(number: Decimal) -> Self {
        number.0
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(number.into())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer)?.get().parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MANY: Result<&str, NotADecimal> = Err(NotADecimal::TooManyDigits);
    const NONE: Result<&str, NotADecimal> = Err(NotADecimal::NotANumber);

    #[track_caller]
    fn check(text: &str, expected: Result<&str, NotADecimal>) {
        let found = text.parse::<Decimal>().map(|number| number.to_string());
        assert_eq!(found, expected.map(str::to_owned), "{text}");
    }

    proptest! {
        #[test]
        fn plain_text_of_at_most_28_digits_is_read_and_written_as_it_is(
            text in "-?([1-9][0-9]{0,13}|0)(\\.[0-9]{0,13}[1-9])?",
        ) {
            prop_assume!(text != "-0");
            let number: Decimal = text.parse().unwrap();
            prop_assert_eq!(number.to_string(), text);
        }

        #[test]
        fn json_holds_exactly_the_digits(mantissa in -10_i128.pow(28) + 1..10_i128.pow(28), scale in 0_u32..=28) {
            let number = Decimal::from(rust_decimal::Decimal::from_i128_with_scale(mantissa, scale));
            let json = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(&json, &number.to_string());
            let read: Decimal = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.to_string(), json);
        }

        #[test]
        fn a_text_is_a_number_when_json_says_so(text in "[-+0-9.eE_ ]{0,8}") {
            let is_number = serde_json::from_str::<&RawValue>(&text).is_ok_and(|raw| raw.get() == text);
            prop_assert_eq!(text.parse::<Decimal>() != Err(NotADecimal::NotANumber), is_number);
        }
    }

    proptest! {
        #[test]
        fn an_integer_is_read_however_it_is_written(number in any::<i32>(), zeros in 0_usize..40, shift in 0_usize..40) {
            let number = i64::from(number);
            let plain = number.to_string();
            // A number that begins with a zero has no more digits before its point.
            let shifted = format!("{plain}{}e-{shift}", "0".repeat(if number == 0 { 0 } else { shift }));
            for text in [plain.clone(), format!("{plain}.{}", "0".repeat(zeros + 1)), shifted] {
                prop_assert_eq!(integer(&text), Ok(number), "{}", text);
            }
            prop_assert_eq!(integer(&format!("{plain}.{}1", "0".repeat(zeros))), Err(NotAnInteger::NotWhole));
        }
    }

    #[test]
    fn integers_are_what_json_schema_says() {
        for (text, number) in [
            ("40", 40),
            ("40.0", 40),
            ("250.000", 250),
            ("4e1", 40),
            ("4E+1", 40),
            ("0.4e2", 40),
            ("400e-1", 40),
            ("4.05e2", 405),
            ("-0", 0),
            ("-0.0", 0),
            ("0e999999999999", 0),
            ("0.00e-999999999999", 0),
            ("-1.0", -1),
            ("9223372036854775807", i64::MAX),
            ("9223372036854775808", i64::MAX),
            ("1e19", i64::MAX),
            ("1e999999999999999999999", i64::MAX),
            ("-1e999999999999999999999", -i64::MAX),
        ] {
            assert_eq!(integer(text), Ok(number), "{text}");
        }
        for text in ["40.5", "4e-1", "1e-999999999999999999999", "0.1", "-0.5", "1.5e0", "405e-1"] {
            assert_eq!(integer(text), Err(NotAnInteger::NotWhole), "{text}");
        }
        for text in ["", "4.", ".4", "4e", "+4", "04", "4 ", "0x4", "\"4\"", "true", "4e1.0"] {
            assert_eq!(integer(text), Err(NotAnInteger::NotANumber), "{text}");
        }
    }

    #[test]
    fn exponents_are_resolved_and_fraction_digits_kept() {
        check("10.00", Ok("10.00"));
        check("1e3", Ok("1000"));
        check("1.5e1", Ok("15"));
        check("1.50E+1", Ok("15.0"));
        check("1E-2", Ok("0.01"));
        check("-0", Ok("0"));
        check("-0.00", Ok("0.00"));
        check("0e99999999999999999999", Ok("0"));
    }

    #[test]
    fn what_is_no_json_number_is_refused() {
        for text in [
            "", "-", "+1", " 1", "1 ", "1_0", "1.", ".5", "1e", "1e+", "--1", "01", "-00", "0x1", "NaN",
            "\"1\"", "١",
        ] {
            check(text, NONE);
        }
    }

    #[test]
    fn there_are_at_most_28_digits() {
        let most = "9".repeat(28);
        check(&most, Ok(&most));
        check(&format!("{most}9"), MANY);
        check("0.0000000000000000000000000012", Ok("0.0000000000000000000000000012"));
        check("99999999999999.99999999999999", Ok("99999999999999.99999999999999"));
        check("99999999999999.999999999999999", MANY);
        check("1e27", Ok("1000000000000000000000000000"));
        check("1e28", MANY);
        check("1e-28", Ok("0.0000000000000000000000000001"));
        check("1e-29", MANY);
        check("0e-29", MANY);
        check("1e99999999999999999999", MANY);
        check("1e-99999999999999999999", MANY);
    }

    #[test]
    fn json_of_another_type_is_refused() {
        for json in ["\"1\"", "true", "[1]", "null"] {
            assert!(serde_json::from_str::<Decimal>(json).is_err(), "{json}");
        }
        assert_eq!(serde_json::from_str::<Option<Decimal>>("null").unwrap(), None);
    }
}

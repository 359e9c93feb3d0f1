//! Numbers of cells as JSON has them.

use super::DecimalMark;
use crate::{
    base::{Decimal, NotADecimal},
    engine::schema::quote,
};

/// Digits that a spreadsheet keeps of a number.
const DIGITS: usize = 15;

/// The JSON text of a number that is text. What is no number becomes a JSON string, which the member's rule refuses.
pub(super) fn number_text(text: &str, mark: DecimalMark) -> String {
    let text = match mark {
        DecimalMark::Point => text.to_owned(),
        DecimalMark::Comma => with_point(text),
    };
    match text.parse::<Decimal>() {
        Err(NotADecimal::NotANumber) => quote(&text),
        _ => text,
    }
}

/// A number with a decimal comma, written with a point and without marks between thousands; other text as it is.
fn with_point(text: &str) -> String {
    let (whole, fraction) = text.split_once(',').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = match whole.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", whole),
    };
    let is_mark = |c: char| matches!(c, '.' | ' ' | '\'' | '\u{2019}' | '\u{A0}' | '\u{202F}');
    let groups: Vec<&str> = digits.split(is_mark).collect();
    let is_grouped = groups.len() == 1
        || groups.first().is_some_and(|first| (1..=3).contains(&first.len()))
            && groups.iter().skip(1).all(|group| group.len() == 3);
    if !is_grouped {
        // `12.5` is no number here: that it means 125 or twelve and a half is for the caller to say.
        return text.to_owned() + if text.contains(',') { "" } else { "?" };
    }
    match fraction {
        Some(fraction) => format!("{sign}{}.{fraction}", groups.concat()),
        None => format!("{sign}{}", groups.concat()),
    }
}

/// A number of a workbook without an exponent, to the digits that a spreadsheet keeps.
///
/// # Errors
/// Completes "*member* …" for one of more digits: it is not what was once entered.
pub(super) fn plain_number(number: f64) -> Result<String, String> {
    let scientific = format!("{number:.*e}", DIGITS - 1);
    let parts = scientific
        .split_once('e')
        .and_then(|(mantissa, exponent)| Some((mantissa, exponent.parse::<i32>().ok()?)));
    let Some((mantissa, exponent)) = parts.filter(|_| number.is_finite()) else {
        return Err("is not a number".to_owned());
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    if exponent >= 15 {
        return Err(format!(
            "is a number of more than {DIGITS} digits, which a workbook does not keep; make it text"
        ));
    }
    Ok(if digits.is_empty() { "0".to_owned() } else { format!("{sign}{}", placed(digits, exponent)) })
}

/// A number of a workbook with at least so many digits behind the point, as its format shows it: `1.10`.
///
/// # Errors
/// Those of [`plain_number`].
pub(super) fn scaled_number(number: f64, places: usize) -> Result<String, String> {
    let mut text = plain_number(number)?;
    let fraction = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if fraction == 0 && places > 0 {
        text.push('.');
    }
    text.extend(std::iter::repeat_n('0', places.saturating_sub(fraction)));
    Ok(text)
}

/// Digits with a point behind the first `exponent + 1` of them.
fn placed(digits: &str, exponent: i32) -> String {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = usize::try_from(-(exponent + 1)).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    };
    match digits.split_at_checked(whole) {
        Some(("", fraction)) => format!("0.{fraction}"),
        Some((whole, "")) => whole.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{digits:0<whole$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_a_comma_are_read_when_that_is_asked_for() {
        for (text, expected) in [
            ("1054", "1054"),
            ("1054,50", "1054.50"),
            ("1.054,50", "1054.50"),
            ("-1 054 000,5", "-1054000.5"),
            ("1'054", "1054"),
            ("1.054", "1054"),
            ("12.5", "\"12.5?\""),
            ("1,2,3", "\"1.2,3\""),
            ("x", "\"x\""),
        ] {
            assert_eq!(number_text(text, DecimalMark::Comma), expected, "{text}");
        }
    }

    #[test]
    fn numbers_with_a_point_are_as_json_has_them() {
        for (text, expected) in [("10.00", "10.00"), ("-5", "-5"), ("1,054", "\"1,054\""), ("$5", "\"$5\"")] {
            assert_eq!(number_text(text, DecimalMark::Point), expected);
        }
    }

    #[test]
    fn numbers_of_workbooks_are_plain() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1500.0, "-1500"),
            (444_123_456.0, "444123456"),
            (0.1 + 0.2, "0.3"),
            (1e-7, "0.0000001"),
            (12.5, "12.5"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e14, "100000000000000"),
        ] {
            assert_eq!(plain_number(number).as_deref(), Ok(expected));
        }
        assert!(plain_number(1e15).is_err());
        assert!(plain_number(f64::NAN).is_err());
        for (number, places, expected) in
            [(1.1, 2, "1.10"), (1.0, 2, "1.00"), (-1.125, 2, "-1.125"), (0.0, 1, "0.0"), (7.0, 0, "7")]
        {
            assert_eq!(scaled_number(number, places).as_deref(), Ok(expected));
        }
    }
}

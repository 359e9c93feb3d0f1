//! Dates of cells as RFC 3339 has them.

use super::DateOrder;
use crate::base::Timestamp;

/// The text of a date, with a time if it has one, for the rule of instants to read.
///
/// # Errors
/// Completes "*member* …" for a date in numbers whose order nobody has said.
pub(super) fn as_rfc_3339(text: &str, order: Option<DateOrder>) -> Result<String, String> {
    if text.parse::<Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    let (date, time) = match text.split_once([' ', 'T']) {
        Some((date, time)) => (date, time.trim()),
        None => (text, ""),
    };
    let parts: Vec<&str> = date.split(['.', '/', '-']).collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let [first, second, third] = parts.as_slice() else { return Ok(text.to_owned()) };
    if !parts.iter().all(is_number) {
        return Ok(text.to_owned());
    }
    let (year, month, day) = match order {
        None => {
            return Err("is a date in numbers; say the order of day, month and year (dateOrder)".to_owned());
        }
        Some(DateOrder::DayMonthYear) => (third, second, first),
        Some(DateOrder::MonthDayYear) => (third, first, second),
        Some(DateOrder::YearMonthDay) => (first, second, third),
    };
    if year.len() != 4 {
        return Err("is a date whose year has not four digits".to_owned());
    }
    let day = format!("{year}-{month:0>2}-{day:0>2}");
    let instant = if time.is_empty() { day } else { format!("{day}T{}", time_of_day(time)) };
    match instant.parse::<Timestamp>() {
        Ok(_) => Ok(instant),
        Err(_) => Err("is not a date in the order that was said (dateOrder)".to_owned()),
    }
}

/// A time of day with seconds, of 24 hours.
fn time_of_day(time: &str) -> String {
    let lower = time.to_ascii_lowercase();
    let (clock, half) = match lower
        .strip_suffix("am")
        .map(|clock| (clock, 0))
        .or(lower.strip_suffix("pm").map(|clock| (clock, 12)))
    {
        Some((clock, half)) => (clock.trim(), Some(half)),
        None => (time, None),
    };
    let mut parts = clock.splitn(3, ':');
    let (hour, minute, second) = (parts.next().unwrap_or(""), parts.next(), parts.next().unwrap_or("00"));
    let Some(minute) = minute else { return time.to_owned() };
    let hour = match (hour.parse::<u8>(), half) {
        (Ok(hour @ 1..=12), Some(half)) => (hour % 12 + half).to_string(),
        _ => hour.to_owned(),
    };
    format!("{hour:0>2}:{minute}:{second}")
}

#[cfg(test)]
mod tests {
    use super::{DateOrder::*, *};

    #[track_caller]
    fn check(text: &str, order: Option<DateOrder>, expected: Result<&str, &str>) {
        let found = as_rfc_3339(text, order);
        assert_eq!(found.as_deref().map_err(|error| error.split(';').next().unwrap()), expected, "{text}");
    }

    #[test]
    fn dates_are_read_in_the_order_asked_for() {
        check("28.09.2025", Some(DayMonthYear), Ok("2025-09-28"));
        check("3/4/2025", Some(MonthDayYear), Ok("2025-03-04"));
        check("3/4/2025", Some(DayMonthYear), Ok("2025-04-03"));
        check("2025/4/3", Some(YearMonthDay), Ok("2025-04-03"));
        check("28.09.2025 7:05", Some(DayMonthYear), Ok("2025-09-28T07:05:00"));
        check("9/28/2025 7:05:09 PM", Some(MonthDayYear), Ok("2025-09-28T19:05:09"));
        check("9/28/2025 12:00 am", Some(MonthDayYear), Ok("2025-09-28T00:00:00"));
        check("28.09.2025", Some(MonthDayYear), Err("is not a date in the order that was said (dateOrder)"));
        check("28.09.25", Some(DayMonthYear), Err("is a date whose year has not four digits"));
    }

    #[test]
    fn no_order_is_guessed() {
        check("03/04/2025", None, Err("is a date in numbers"));
        check("28.09.2025", None, Err("is a date in numbers"));
    }

    #[test]
    fn what_is_rfc_3339_or_no_date_is_left() {
        check("2025-02-01", None, Ok("2025-02-01"));
        check("2025-02-01T10:15:00.000000Z", Some(DayMonthYear), Ok("2025-02-01T10:15:00.000000Z"));
        check("soon", None, Ok("soon"));
    }
}

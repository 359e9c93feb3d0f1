use std::time::SystemTime;

use axum::http::{HeaderMap, header};
use rally_core::{RetryAfter, Timestamp};

/// The time that a receiver asks for before the next attempt (RFC 9110, section 10.2.3). What is neither seconds nor a date
/// is nothing.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<RetryAfter> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are as good as the most that it holds.
        return Some(RetryAfter::Seconds(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(RetryAfter::At(Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(text: &'static str, expected: Option<RetryAfter>) {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
        assert_eq!(retry_after(&headers), expected, "{text:?}");
    }

    #[test]
    fn a_receiver_asks_for_seconds_or_for_a_date() {
        let seconds = |seconds| Some(RetryAfter::Seconds(seconds));
        let date = Some(RetryAfter::At(Timestamp::from_micros(784_111_777_000_000)));
        for (text, expected) in [
            ("0", seconds(0)),
            ("120", seconds(120)),
            (" 7 ", seconds(7)),
            ("99999999999999999999", seconds(u64::MAX)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", date),
            ("Sunday, 06-Nov-94 08:49:37 GMT", date),
            ("Sun Nov  6 08:49:37 1994", date),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 06 Nov 1894 08:49:37 GMT", None),
        ] {
            check(text, expected);
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}

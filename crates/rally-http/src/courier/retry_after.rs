use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, header};
use rally_core::Timestamp;

/// The time that a receiver asks for before the next attempt (RFC 9110, section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So long after the answer.
    Delay(Duration),
    /// From this instant on.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the header; what is neither seconds nor a date is nothing.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More seconds than a number holds are as good as the most that it holds.
            let seconds = text.parse().unwrap_or(u32::MAX);
            return Some(Self::Delay(Duration::from_secs(seconds.into())));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        let since = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self::At(Timestamp::from_micros(i64::try_from(since.as_micros()).ok()?)))
    }

    /// The time from an instant on; none for one that is past.
    #[must_use]
    pub fn from(self, now: Timestamp) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::At(instant) => {
                let micros = instant.as_micros().saturating_sub(now.as_micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(text: &'static str, expected: Option<RetryAfter>) {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
        assert_eq!(RetryAfter::of(&headers), expected, "{text:?}");
    }

    #[test]
    fn a_receiver_asks_for_seconds_or_for_a_date() {
        let seconds = |seconds| Some(RetryAfter::Delay(Duration::from_secs(seconds)));
        let date = Some(RetryAfter::At(Timestamp::from_micros(784_111_777_000_000)));
        for (text, expected) in [
            ("0", seconds(0)),
            ("120", seconds(120)),
            (" 7 ", seconds(7)),
            ("99999999999999999999", seconds(u32::MAX.into())),
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
        assert_eq!(RetryAfter::of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_is_the_time_until_then_and_a_past_one_is_none() {
        let now = Timestamp::from_micros(5_000_000);
        let at = |micros| RetryAfter::At(Timestamp::from_micros(micros)).from(now);
        assert_eq!((at(7_000_000), at(4_000_000)), (Duration::from_secs(2), Duration::ZERO));
    }
}

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use rally_core::{Code, Error};
use tokio::time::{Instant, timeout_at};

use crate::{
    budget::{Budget, Holder, Permit},
    config::Config,
    header_list::{split, unquoted},
    problem::{Failure, Problem},
};

/// The terms on which the body of a request is read.
pub(crate) struct Terms<'a> {
    pub(crate) budget: &'a Budget,
    pub(crate) config: &'a Config,
    pub(crate) holder: Holder,
    /// Bytes of it at most.
    pub(crate) limit: usize,
    /// The longest time that it may take to arrive.
    pub(crate) timeout: Duration,
    /// The code of the failure of a body that does not arrive whole.
    pub(crate) incomplete: Code,
}

/// A body while it arrives. Its bytes are counted until this is dropped: by the length that is declared, before the first
/// of them is read, or else as they come.
pub(crate) struct Incoming {
    body: Body,
    pace: Pace,
    permit: Permit,
    limit: usize,
    /// Bytes that have come.
    length: usize,
}

impl Incoming {
    /// Begins to read a body.
    ///
    /// # Errors
    /// [`Failure::PayloadTooLarge`], and [`Failure::Busy`] when the bodies on their way leave no room for it.
    pub(crate) fn begin(headers: &HeaderMap, body: Body, terms: &Terms<'_>) -> Result<Self, Problem> {
        let declared = declared_length(headers).unwrap_or(0);
        if declared > terms.limit {
            return Err(too_large(terms.limit));
        }
        let permit = terms.budget.take(terms.holder, declared)?;
        Ok(Self { body, pace: Pace::begin(terms), permit, limit: terms.limit, length: 0 })
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// Those of `begin`, and that of a body that is cut off or comes too slowly.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(bytes) = self.pace.next(&mut self.body, self.length).await? else { return Ok(None) };
        self.length += bytes.len();
        if self.length > self.limit {
            return Err(too_large(self.limit));
        }
        self.permit.grow(self.length.saturating_sub(self.permit.bytes()))?;
        Ok(Some(bytes))
    }

    /// The count of its bytes, for whoever keeps them.
    pub(crate) fn into_permit(self) -> Permit {
        self.permit
    }
}

/// Reads the body of a request without parsing its JSON. Its bytes are counted until the last of them is dropped.
///
/// # Errors
/// [`Failure::UnsupportedMediaType`], [`Failure::PayloadTooLarge`], [`Failure::Busy`] when the bodies on their way leave no
/// room for it, or [`Code::MalformedJson`] when it is cut off or comes too slowly.
pub(crate) async fn read(headers: &HeaderMap, body: Body, terms: &Terms<'_>) -> Result<Bytes, Problem> {
    check_type(headers)?;
    let mut incoming = Incoming::begin(headers, body, terms)?;
    let mut whole = Vec::with_capacity(incoming.permit.bytes());
    while let Some(bytes) = incoming.next().await? {
        // Copied, as a caller who sends byte by byte would have each of them keep a buffer of its own.
        whole.extend_from_slice(&bytes);
    }
    Ok(incoming.into_permit().around(whole))
}

/// The speed at which a body has to come.
struct Pace {
    begun: Instant,
    timeout: Duration,
    grace: Duration,
    bytes_per_second: u32,
    /// The code of the failure to keep it.
    incomplete: Code,
}

impl Pace {
    fn begin(terms: &Terms<'_>) -> Self {
        Self {
            begun: Instant::now(),
            timeout: terms.timeout,
            grace: terms.config.body_grace,
            bytes_per_second: terms.config.body_bytes_per_second,
            incomplete: terms.incomplete,
        }
    }

    /// The next bytes after so many; `None` at the end.
    async fn next(&self, body: &mut Body, so_many: usize) -> Result<Option<Bytes>, Problem> {
        loop {
            match timeout_at(self.begun + self.patience(so_many), body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(_trailers) => {}
                },
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(self.cut_off("the body ended before it was whole")),
                Err(_) => return Err(self.too_slow()),
            }
        }
    }

    /// The time from the beginning in which more than so many bytes must have come.
    fn patience(&self, so_many: usize) -> Duration {
        let Ok(bytes) = u32::try_from(so_many) else { return self.timeout };
        let earned = Duration::from_secs(1) * bytes / self.bytes_per_second.max(1);
        (self.grace + earned).min(self.timeout)
    }

    fn too_slow(&self) -> Problem {
        let (rate, whole) = (self.bytes_per_second, self.timeout.as_secs());
        self.cut_off(format!(
            "the body came too slowly; send {rate} bytes a second, and all within {whole} seconds"
        ))
    }

    fn cut_off(&self, detail: impl Into<String>) -> Problem {
        Error::new(self.incomplete, detail).into()
    }
}

/// Refuses any type but JSON. A body without a type is taken for JSON, as many small clients send none.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    check_coding(headers)?;
    match headers.get(header::CONTENT_TYPE) {
        Some(kind) if !kind.to_str().is_ok_and(is_json) => {
            Err(unsupported("send the body as application/json, in UTF-8"))
        }
        _ => Ok(()),
    }
}

/// Refuses a body that is compressed.
///
/// # Errors
/// [`Failure::UnsupportedContentCoding`].
pub(crate) fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    if is_plain(headers) {
        return Ok(());
    }
    let detail = "send the body as it is, without a Content-Encoding other than identity";
    Err(Problem::new(Failure::UnsupportedContentCoding, detail))
}

/// True for a body that is not coded: `identity` says so, and names no coding.
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().all(|line| {
        let codings = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        codings.into_iter().all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity"))
    })
}

fn is_json(kind: &str) -> bool {
    let mut parts = split(kind, ';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json =
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    is_json && parts.all(is_no_other_charset)
}

/// Names of charsets in which JSON that we take is written; `utf8` is no registered one, and common.
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

fn is_no_other_charset(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            CHARSETS.contains(&unquoted(value).to_ascii_lowercase().as_str())
        }
        _ => true,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Failure::PayloadTooLarge, format!("the body must not be larger than {limit} bytes"))
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(Failure::UnsupportedMediaType, detail)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::CONTENT_ENCODING};

    use super::*;
    use crate::limits;

    #[test]
    fn a_body_has_time_by_what_has_come() {
        let pace = Pace {
            begun: Instant::now(),
            timeout: limits::BODY_TIMEOUT,
            grace: limits::BODY_GRACE,
            bytes_per_second: limits::BODY_BYTES_PER_SECOND,
            incomplete: Code::MalformedJson,
        };
        for (bytes, seconds) in
            [(0, 5), (1_024, 6), (10 * 1_024, 15), (25 * 1_024, 30), (8 << 20, 30), (usize::MAX, 30)]
        {
            assert_eq!(pace.patience(bytes).as_secs(), seconds, "{bytes}");
        }
    }

    #[test]
    fn json_goes_by_several_names() {
        for kind in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; charset=utf8",
            "application/json; Charset=\"UTF8\"",
            "application/json; charset=US-ASCII",
            "application/json; a=\"b; charset=latin1\"",
            "application/json; charset=utf-8; charset=utf8",
            "application/json;",
            "application/merge-patch+json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "text/plain",
            "application/xml",
            "application/json; charset=latin1",
            "application/json; charset=utf-16",
            "application/json; charset=utf80",
            "application/json; charset=",
            "application/json; charset=utf8; charset=latin1",
            "json",
            "",
            "text/json",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }

    #[test]
    fn identity_is_no_coding() {
        let is_taken = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| (CONTENT_ENCODING, HeaderValue::from_static(line)));
            is_plain(&lines.collect::<HeaderMap>())
        };
        let taken: [&[&str]; 5] =
            [&[], &["identity"], &["Identity"], &[""], &["identity, IDENTITY", "identity"]];
        for lines in taken {
            assert!(is_taken(lines), "{lines:?}");
        }
        let refused: [&[&str]; 6] =
            [&["gzip"], &["identity, gzip"], &["identity", "br"], &["x-gzip"], &["*"], &["identity;q=1"]];
        for lines in refused {
            assert!(!is_taken(lines), "{lines:?}");
        }
    }
}

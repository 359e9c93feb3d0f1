use std::{fmt, str::FromStr};

use super::hexadecimal;

/// The place of a request in a trace (W3C Trace Context): what follows from the request, such as the delivery of an event,
/// names it, so that a reader of traces finds them together.
///
/// ```
/// use rally_core::Trace;
///
/// let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let trace: Trace = sent.parse()?;
/// assert_eq!((trace.to_string(), trace.id()), (sent.to_owned(), "0af7651916cd43dd8448eb211c80319c".to_owned()));
/// # Ok::<(), rally_core::NotATrace>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trace {
    id: [u8; 16],
    span: [u8; 8],
    flags: u8,
}

/// Text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no traceparent")]
pub struct NotATrace;

/// Bytes of a stored trace.
pub(crate) const TRACE_BYTES: usize = 25;

impl Trace {
    /// The id of the whole trace, as 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        hexadecimal(&self.id)
    }

    /// The same trace, as something that has begun in it names itself.
    pub(crate) const fn with_span(self, span: [u8; 8]) -> Self {
        Self { span, ..self }
    }

    pub(crate) fn to_bytes(self) -> [u8; TRACE_BYTES] {
        let mut bytes = [self.flags; TRACE_BYTES];
        bytes.iter_mut().zip(self.id.into_iter().chain(self.span)).for_each(|(place, byte)| *place = byte);
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; TRACE_BYTES]) -> Self {
        let (mut id, mut span, mut flags) = ([0; 16], [0; 8], [0]);
        let places = id.iter_mut().chain(&mut span).chain(&mut flags);
        places.zip(bytes).for_each(|(place, byte)| *place = byte);
        let [flags] = flags;
        Self { id, span, flags }
    }
}

impl FromStr for Trace {
    type Err = NotATrace;

    /// Reads a `traceparent`. One of a later version may have more behind it, which is left out.
    fn from_str(text: &str) -> Result<Self, NotATrace> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NotATrace);
        let (version, id, span, flags) = (part()?, part()?, part()?, part()?);
        let [version] = bytes(version)?;
        let ends = parts.next().is_none();
        if version == 0xff || version == 0 && !ends {
            return Err(NotATrace);
        }
        let (id, span, [flags]) = (bytes(id)?, bytes(span)?, bytes(flags)?);
        if id == [0; 16] || span == [0; 8] { Err(NotATrace) } else { Ok(Self { id, span, flags }) }
    }
}

/// Bytes from twice as many hexadecimal digits, in lower case.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], NotATrace> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != 2 * N || !text.bytes().all(is_digit) {
        return Err(NotATrace);
    }
    let mut bytes = [0; N];
    for (place, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = str::from_utf8(pair).map_err(|_| NotATrace)?;
        *place = u8::from_str_radix(pair, 16).map_err(|_| NotATrace)?;
    }
    Ok(bytes)
}

impl fmt::Display for Trace {
    /// The `traceparent`, of version 0. Of its flags only that of sampling has a meaning there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.id(), hexadecimal(&self.span), self.flags & 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_traceparent_is_read_by_the_letter() {
        for (text, shown) in [
            (format!("00-{ID}-{SPAN}-01"), format!("00-{ID}-{SPAN}-01")),
            (format!("00-{ID}-{SPAN}-ff"), format!("00-{ID}-{SPAN}-01")),
            (format!("cc-{ID}-{SPAN}-00-what-comes-later"), format!("00-{ID}-{SPAN}-00")),
        ] {
            assert_eq!(text.parse().map(|trace: Trace| trace.to_string()), Ok(shown));
        }
        let zeros = (&"0".repeat(32), &"0".repeat(16));
        for text in [
            String::new(),
            format!("00-{ID}-{SPAN}"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", ID.to_uppercase()),
            format!("00-{}-{SPAN}-01", zeros.0),
            format!("00-{ID}-{}-01", zeros.1),
            format!("0-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-+1"),
            format!("00-{ID}é-{SPAN}-01"),
        ] {
            assert_eq!(text.parse::<Trace>(), Err(NotATrace), "{text}");
        }
    }

    #[test]
    fn a_stored_trace_is_read_back() {
        let trace: Trace = format!("00-{ID}-{SPAN}-01").parse().unwrap();
        assert_eq!(Trace::from_bytes(trace.to_bytes()), trace);
        assert_eq!(trace.with_span([1; 8]).to_string(), format!("00-{ID}-0101010101010101-01"));
    }
}

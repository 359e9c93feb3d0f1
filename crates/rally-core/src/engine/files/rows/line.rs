use std::io::{self, Read};

/// Text that is given to a reader of rows no further than a bound for each row, and that ends in a row of its own: if
/// that row is part of another's cell, a quote was never closed.
pub(crate) struct Bounded<R> {
    inner: R,
    /// Bytes since the last row ended.
    taken: usize,
    most: usize,
    is_exceeded: bool,
    /// Bytes of the end that have been given; `None` before the text is over.
    end: Option<usize>,
}

/// The end of the last line.
const END: &[u8] = b"\n\x01";

impl<R: Read> Bounded<R> {
    pub(crate) fn new(inner: R, most: usize) -> Self {
        Self { inner, taken: 0, most, is_exceeded: false, end: None }
    }

    /// Notes that a row has ended.
    pub(crate) fn row_ended(&mut self) {
        self.taken = 0;
    }

    /// True when a row was longer than the bound.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken > self.most {
            self.is_exceeded = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if self.end.is_none() {
            let length = self.inner.read(out)?;
            self.taken += length;
            if length > 0 || out.is_empty() {
                return Ok(length);
            }
        }
        let given = self.end.unwrap_or(0);
        let left = END.get(given..).unwrap_or_default();
        let length = left.len().min(out.len());
        out.iter_mut().zip(left).for_each(|(place, byte)| *place = *byte);
        self.end = Some(given + length);
        Ok(length)
    }
}

/// True for the row behind the last one.
pub(crate) fn is_end(row: &csv::StringRecord) -> bool {
    row.len() == 1 && row.get(0) == Some("\x01")
}

/// True when the end of the file is a part of the last cell.
pub(crate) fn holds_end(row: &csv::StringRecord) -> bool {
    row.iter().next_back().is_some_and(|cell| cell.as_bytes().ends_with(END))
}

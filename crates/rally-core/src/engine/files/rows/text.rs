//! The text of a file, decoded while it is read.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use super::{cell::NO_TEXT, charset::Charset};

/// Bytes in UTF-8 of a file in some charset.
pub(crate) enum Text<R> {
    /// A file that is known to be UTF-8.
    Plain(R),
    Decoded(Box<Decoding<R>>),
}

/// A file while it is decoded.
pub(crate) struct Decoding<R> {
    inner: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// The place in `raw` of the next byte to decode, and the end of those that are there.
    next: (usize, usize),
    text: String,
    /// The bytes of `text` that have been read.
    read: usize,
    is_over: bool,
}

const CHUNK: usize = 32 * 1024;

impl<R: Read> Text<R> {
    /// The text of a file from behind its byte order mark.
    pub(crate) fn new(inner: R, charset: Charset) -> Self {
        if charset.is_checked {
            return Text::Plain(inner);
        }
        Text::Decoded(Box::new(Decoding {
            inner,
            decoder: charset.encoding.new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK],
            next: (0, 0),
            text: String::with_capacity(CHUNK),
            read: 0,
            is_over: false,
        }))
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Text::Plain(inner) => inner.read(out),
            Text::Decoded(decoding) => decoding.read(out),
        }
    }
}

impl<R: Read> Decoding<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.read == self.text.len() && !self.is_over {
            self.decode()?;
        }
        let left = self.text.as_bytes().get(self.read..).unwrap_or_default();
        let length = left.len().min(out.len());
        out.iter_mut().zip(left).for_each(|(place, byte)| *place = *byte);
        self.read += length;
        Ok(length)
    }

    fn decode(&mut self) -> io::Result<()> {
        self.text.clear();
        self.read = 0;
        if self.next.0 == self.next.1 {
            self.next = (0, self.inner.read(&mut self.raw)?);
        }
        let is_last = self.next.1 == 0;
        let raw = self.raw.get(self.next.0..self.next.1).unwrap_or_default();
        let (result, read) = self.decoder.decode_to_string_without_replacement(raw, &mut self.text, is_last);
        self.next.0 += read;
        match result {
            DecoderResult::Malformed(..) => self.text.push(NO_TEXT),
            DecoderResult::InputEmpty => self.is_over = is_last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], label: &str, expected: &str) {
        let charset = Charset::of(&mut Cursor::new(bytes), Some(label)).unwrap();
        let mut text = String::new();
        Text::new(bytes, charset).read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }

    #[test]
    fn text_is_decoded_and_wrong_bytes_are_marked() {
        check(b"Ci\xEAncia", "windows-1252", "Ciência");
        check(b"C\0i\0\xEA\0", "utf-16le", "Ciê");
        check(b"a\xE9b\xFF", "utf-8", "a\0b\0");
        check(b"\xFF", "utf-16le", "\0");
        check(b"", "utf-8", "");
        let long = "Ciência €".repeat(20_000);
        check(long.as_bytes(), "utf-8", &long);
    }
}

//! The charset of a file: by its byte order mark, else UTF-8 if it is that, else Windows-1252.

use std::io::{Read, Seek, SeekFrom};

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, WINDOWS_1252};

use super::super::faults::unreadable;
use crate::base::{Error, Faults};

/// The charset that a file is read in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charset {
    pub(crate) encoding: &'static Encoding,
    /// Bytes of the byte order mark at the beginning.
    pub(crate) mark: u64,
    /// True when all of it is known to be UTF-8.
    pub(crate) is_checked: bool,
}

impl Charset {
    /// Finds the charset of a file, which is read to its end if need be.
    ///
    /// # Errors
    /// Fails if the label is that of no charset.
    pub(crate) fn of(file: &mut (impl Read + Seek), label: Option<&str>) -> Result<Self, Error> {
        file.rewind().map_err(unreadable)?;
        let mut start = Vec::new();
        file.by_ref().take(4).read_to_end(&mut start).map_err(unreadable)?;
        let marked = Encoding::for_bom(&start);
        let asked = label.map(by_label).transpose()?;
        let length = |mark: usize| u64::try_from(mark).unwrap_or(0);
        match (asked, marked) {
            (Some(encoding), Some((of_mark, mark))) if of_mark == encoding => {
                Ok(Self { encoding, mark: length(mark), is_checked: false })
            }
            (Some(encoding), _) => Ok(Self { encoding, mark: 0, is_checked: false }),
            (None, Some((encoding, mark))) => Ok(Self { encoding, mark: length(mark), is_checked: false }),
            (None, None) => guessed(file),
        }
    }

    /// The name of the charset.
    pub(crate) fn name(&self) -> String {
        self.encoding.name().to_owned()
    }
}

fn by_label(label: &str) -> Result<&'static Encoding, Error> {
    let encoding = Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT);
    let phrase = "is not a charset that is known, such as utf-8, utf-16le or windows-1252";
    Ok(encoding.ok_or_else(|| Faults::one("charset", phrase))?)
}

/// Reads the whole file. One with more letters in UTF-8 than bytes that are none is UTF-8 with damaged rows: in a file
/// of Windows-1252, what looks like a letter in UTF-8 is rare.
fn guessed(file: &mut (impl Read + Seek)) -> Result<Charset, Error> {
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut scan = Scan::default();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut chunk).map_err(unreadable)?;
        match chunk.get(..length) {
            Some(bytes) if !bytes.is_empty() => scan.add(bytes),
            _ => break,
        }
    }
    let wrong = scan.wrong + if scan.rest.is_empty() { 0 } else { 1 };
    let encoding = if wrong == 0 || scan.letters > wrong { UTF_8 } else { WINDOWS_1252 };
    Ok(Charset { encoding, mark: 0, is_checked: wrong == 0 })
}

/// Counts over the bytes of a file.
#[derive(Default)]
struct Scan {
    /// Characters of several bytes.
    letters: u64,
    /// Sequences that are not UTF-8.
    wrong: u64,
    /// The beginning of a character whose end is in the next chunk.
    rest: Vec<u8>,
}

impl Scan {
    fn add(&mut self, chunk: &[u8]) {
        let mut joined = std::mem::take(&mut self.rest);
        let mut bytes = chunk;
        if !joined.is_empty() {
            joined.extend_from_slice(chunk);
            bytes = &joined;
        }
        loop {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    self.letters += letters(text.as_bytes());
                    return;
                }
                Err(error) => {
                    let (good, bad) = bytes.split_at(error.valid_up_to());
                    self.letters += letters(good);
                    let Some(length) = error.error_len() else {
                        self.rest = bad.to_vec();
                        return;
                    };
                    self.wrong += 1;
                    bytes = bad.get(length..).unwrap_or_default();
                }
            }
        }
    }
}

/// The characters of several bytes in UTF-8.
fn letters(text: &[u8]) -> u64 {
    if text.is_ascii() { 0 } else { text.iter().map(|byte| u64::from(*byte >= 0xC0)).sum() }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str, mark: u64) {
        let found = Charset::of(&mut Cursor::new(bytes), None).unwrap();
        assert_eq!((found.name().as_str(), found.mark), (expected, mark));
    }

    #[test]
    fn the_charset_is_told_by_the_bytes() {
        check(b"name", "UTF-8", 0);
        check("Ciência".as_bytes(), "UTF-8", 0);
        check(b"\xEF\xBB\xBFname", "UTF-8", 3);
        check(b"\xFF\xFEn\0a\0", "UTF-16LE", 2);
        check(b"\xFE\xFF\0n\0a", "UTF-16BE", 2);
        check(b"Ci\xEAncia", "windows-1252", 0);
        check(b"caf\xE9", "windows-1252", 0);
        check(b"", "UTF-8", 0);
    }

    #[test]
    fn one_wrong_byte_among_letters_in_utf_8_does_not_change_the_charset() {
        let mut bytes = "Ciência, Ångström".repeat(10).into_bytes();
        bytes.push(0xE9);
        check(&bytes, "UTF-8", 0);
    }

    #[test]
    fn a_letter_between_two_chunks_is_one() {
        for ahead in 0..4 {
            let text = "x".repeat(64 * 1024 - ahead) + "êê€";
            check(text.as_bytes(), "UTF-8", 0);
        }
    }

    #[test]
    fn a_label_counts_above_all() {
        let found = Charset::of(&mut Cursor::new("ê"), Some("latin1")).unwrap();
        assert_eq!(found.name(), "windows-1252");
        assert!(Charset::of(&mut Cursor::new(""), Some("klingon")).unwrap_err().is_invalid());
    }
}

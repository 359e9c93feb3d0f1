//! Files of values with a delimiter between them (RFC 4180, and what programs make of it).

use std::{
    borrow::Cow,
    io::{Read, Seek, SeekFrom},
};

use csv::StringRecord;

use super::{
    super::{
        FileLimits,
        faults::{bad_file, unreadable},
    },
    cell::{Cell, EachRow, NO_TEXT, RawRow},
    charset::Charset,
    line::{Bounded, holds_end, is_end},
    text::Text,
};
use crate::base::{Error, Faults, count};

/// A file with delimiters, and all that was found out to read it.
pub(crate) struct Delimited<F> {
    file: F,
    pub(crate) charset: Charset,
    pub(crate) delimiter: u8,
    /// True when the first line is no row, but names the delimiter.
    names_delimiter: bool,
    pub(crate) names: Vec<String>,
    row_bytes: usize,
}

/// The delimiters that a file may have, the most usual first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Bytes of the beginning of a file in which its header row is looked for.
const HEAD: u64 = 256 * 1024;

/// Reads rows of a text.
type Rows<'f, F> = csv::Reader<Bounded<Text<&'f mut F>>>;

impl<F: Read + Seek> Delimited<F> {
    /// Finds out how a file is to be read; `is_known` says that a name is that of a column.
    ///
    /// # Errors
    /// Fails if the file has no row, or if the charset or the delimiter that is asked for is none.
    pub(crate) fn open(
        mut file: F,
        asked: (Option<&str>, Option<char>),
        limits: &FileLimits,
        is_known: &dyn Fn(&str) -> bool,
    ) -> Result<Self, Error> {
        let charset = Charset::of(&mut file, asked.0)?;
        let head = head(&mut file, charset)?;
        let named = named_delimiter(&head);
        let asked = asked.1.map(ascii_delimiter).transpose()?;
        let text = if named.is_some() { head.split_once('\n').map_or("", |(_, rest)| rest) } else { &head };
        let delimiter = asked.or(named).unwrap_or_else(|| guessed_delimiter(text, is_known));
        let names = first_row(text, delimiter);
        if names.iter().all(|name| name.trim().is_empty()) {
            return Err(bad_file("is empty; its first row must be the names of its columns"));
        }
        if names.iter().any(|name| name.contains(NO_TEXT)) {
            return Err(bad_file(
                "has bytes in its first row that are no text; if it is text, name its charset",
            ));
        }
        let names_delimiter = named.is_some();
        Ok(Self { file, charset, delimiter, names_delimiter, names, row_bytes: limits.row_bytes })
    }

    /// Hands on each row behind the header row.
    pub(crate) fn each_row(&mut self, each: EachRow<'_>) -> Result<(), Error> {
        let (columns, skipped) = (self.names.len(), if self.names_delimiter { 2 } else { 1 });
        let mut rows = self.rows()?;
        let mut row = StringRecord::new();
        for _ in 0..skipped {
            next(&mut rows, &mut row, 1)?;
        }
        let mut number = 1;
        loop {
            let lines = next(&mut rows, &mut row, number + 1)?;
            if row.is_empty() || is_end(&row) {
                return Ok(());
            }
            // Lines that are neither a row nor within a cell are blank, and are rows to whoever sees the file.
            let breaks = row.iter().map(|cell| cell.bytes().filter(|byte| *byte == b'\n').count()).sum();
            number += 1 + lines.saturating_sub(1 + count(breaks));
            if row.iter().any(|cell| !cell.trim().is_empty()) {
                let cells: Vec<Cell<'_>> = row.iter().take(columns).map(cell).collect();
                each(RawRow { number, cells: &cells, fault: fault(&row, columns) })?;
            }
        }
    }

    fn rows(&mut self) -> Result<Rows<'_, F>, Error> {
        self.file.seek(SeekFrom::Start(self.charset.mark)).map_err(unreadable)?;
        let text = Bounded::new(Text::new(&mut self.file, self.charset), self.row_bytes);
        Ok(reader(self.delimiter).buffer_capacity(64 * 1024).from_reader(text))
    }
}

fn reader(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter).has_headers(false).flexible(true);
    builder
}

/// Reads the next row, and answers the number of lines that it took.
fn next<R: Read>(
    rows: &mut csv::Reader<Bounded<R>>,
    row: &mut StringRecord,
    number: u64,
) -> Result<u64, Error> {
    let before = rows.position().line();
    if let Err(error) = rows.read_record(row) {
        if rows.get_ref().is_exceeded() {
            let phrase =
                format!("has a row that is too long, at row {number}; is a quote never closed there?");
            return Err(bad_file(phrase));
        }
        return Err(unreadable(error.into()));
    }
    rows.get_mut().row_ended();
    Ok(rows.position().line().saturating_sub(before))
}

fn cell(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Empty } else { Cell::Text(Cow::Borrowed(text)) }
}

/// The fault of a row as a whole.
fn fault(row: &StringRecord, columns: usize) -> Option<String> {
    if holds_end(row) {
        return Some("has a quote that is never closed".to_owned());
    }
    let has_more = row.iter().skip(columns).any(|cell| !cell.trim().is_empty());
    if has_more { Some(format!("has {} cells, and the header row {columns}", row.len())) } else { None }
}

/// The beginning of a file, as text.
fn head(file: &mut (impl Read + Seek), charset: Charset) -> Result<String, Error> {
    file.seek(SeekFrom::Start(charset.mark)).map_err(unreadable)?;
    let mut head = Vec::new();
    Text::new(file, charset).take(HEAD).read_to_end(&mut head).map_err(unreadable)?;
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The delimiter that the first line names for Excel, as in `sep=;`.
fn named_delimiter(head: &str) -> Option<u8> {
    let line = head.split(['\r', '\n']).next()?;
    let (word, delimiter) = line.split_at_checked(4)?;
    match delimiter.as_bytes() {
        [delimiter] if word.eq_ignore_ascii_case("sep=") => Some(*delimiter),
        _ => None,
    }
}

fn ascii_delimiter(delimiter: char) -> Result<u8, Error> {
    let is_used = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'\r' | b'\n' | 0);
    match u8::try_from(delimiter) {
        Ok(byte) if byte.is_ascii() && !is_used(byte) => Ok(byte),
        _ => Err(Faults::one("delimiter", "must be one ASCII character such as , or ; and no letter").into()),
    }
}

/// The delimiter that makes most names known of the first row; of equal ones that which makes most names.
fn guessed_delimiter(text: &str, is_known: &dyn Fn(&str) -> bool) -> u8 {
    let mut best = (0, 0, b',');
    for delimiter in DELIMITERS {
        let names = first_row(text, delimiter);
        let known = names.iter().filter(|name| is_known(name.trim())).count();
        if (known, names.len()) > (best.0, best.1) {
            best = (known, names.len(), delimiter);
        }
    }
    best.2
}

fn first_row(text: &str, delimiter: u8) -> Vec<String> {
    let mut row = StringRecord::new();
    match reader(delimiter).from_reader(text.as_bytes()).read_record(&mut row) {
        Ok(true) => row.iter().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

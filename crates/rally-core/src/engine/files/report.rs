//! Answers of an import, and who is told of it meanwhile.

use std::{collections::BTreeMap, fmt, io};

use serde::Serialize;

use crate::base::Error;

/// The result of an import.
///
/// As JSON it has the names that the API gives its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImportReport {
    /// Rows behind the header row.
    pub total_rows: u64,
    /// Records that were created or changed.
    pub imported: u64,
    /// Rows that were refused, or changed nothing.
    pub skipped: u64,
    /// Reasons of refused rows, such as `Row 3: email is not an e-mail address`; the header is row 1.
    pub errors: Vec<String>,
    /// Records that were created.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows whose record already was as the row has it.
    pub unchanged: u64,
    /// The charset that a CSV file was read in; `None` for a workbook.
    pub charset: Option<String>,
    /// The delimiter that a CSV file was read with; `None` for a workbook.
    pub delimiter: Option<char>,
    /// The member that each column was read as.
    pub mapping: BTreeMap<String, String>,
    /// Columns that are no members and were not read.
    pub unknown_columns: Vec<String>,
    /// True when it changed nothing because that was asked for.
    pub dry_run: bool,
    /// True when all of it had been done before under the same idempotency key.
    #[serde(skip)]
    pub replayed: bool,
}

/// Rows of an import that are done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportProgress {
    /// Rows behind the header row.
    pub rows: u64,
    /// Records that were created.
    pub created: u64,
    /// Records that were changed.
    pub updated: u64,
    /// Rows whose record already was as the row has it.
    pub unchanged: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// A row that an import has refused.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefusedRow<'r> {
    /// The number of the row; the header is row 1.
    pub row: u64,
    /// The name of the [`Code`](crate::Code), such as `duplicate`.
    pub code: &'r str,
    /// The reason.
    pub error: &'r str,
    /// The cells, as they came.
    pub cells: &'r [String],
}

impl<'r> RefusedRow<'r> {
    /// A row that another engine has refused, for whoever is told of both alike.
    #[must_use]
    pub const fn new(row: u64, code: &'r str, error: &'r str, cells: &'r [String]) -> Self {
        Self { row, code, error, cells }
    }
}

/// Somebody who is told how an import goes on.
///
/// ```
/// use rally_core::{ImportProgress, ImportWatch};
///
/// struct Bar(u64);
///
/// impl ImportWatch for Bar {
///     fn progressed(&mut self, progress: &ImportProgress) {
///         self.0 = progress.rows;
///     }
/// }
/// ```
pub trait ImportWatch {
    /// Hears that a transaction has been committed.
    fn progressed(&mut self, _: &ImportProgress) {}

    /// True to be told of refused rows, which are kept for it until their transaction is committed.
    fn wants_refused(&self) -> bool {
        false
    }

    /// Hears the names of the columns, before any row.
    ///
    /// # Errors
    /// An error ends the import.
    fn began(&mut self, _: &[String]) -> io::Result<()> {
        Ok(())
    }

    /// Hears of a refused row.
    ///
    /// # Errors
    /// An error ends the import; what was committed stays.
    fn refused(&mut self, _: &RefusedRow<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody.
impl ImportWatch for () {}

/// Writes the refused rows of an import as a CSV file: the cells as they came, and `_line`, `_code` and `_error`. It can
/// be mended and imported again.
///
/// ```
/// # use std::io::Cursor;
/// # use rally_core::*;
/// # let engine = Engine::new(store::MemoryStore::new());
/// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
/// let file = Cursor::new("firstName,lastName,email\r\nAda,Lovelace,ada\r\n");
/// let mut refused = ErrorFile::new(Vec::new());
/// acme.contacts().import_watched(file, &ImportOptions::new(), &mut refused)?;
/// let text = String::from_utf8(refused.finish()?).unwrap();
/// assert!(text.ends_with("Ada,Lovelace,ada,2,validation,email is not an e-mail address\r\n"));
/// # Ok::<(), Error>(())
/// ```
pub struct ErrorFile<W: io::Write> {
    rows: csv::Writer<W>,
    columns: usize,
}

/// The columns of an error file behind those of the file itself.
pub(super) const ERROR_COLUMNS: [&str; 3] = ["_line", "_code", "_error"];

impl<W: io::Write> ErrorFile<W> {
    /// A file that nothing is written to yet.
    pub fn new(writer: W) -> Self {
        let rows =
            csv::WriterBuilder::new().flexible(true).terminator(csv::Terminator::CRLF).from_writer(writer);
        Self { rows, columns: 0 }
    }

    /// The writer, when all is written.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the rest cannot be written.
    pub fn finish(self) -> Result<W, Error> {
        self.rows.into_inner().map_err(|error| super::faults::unwritable(error.into_error()))
    }
}

impl<W: io::Write> ImportWatch for ErrorFile<W> {
    fn wants_refused(&self) -> bool {
        true
    }

    fn began(&mut self, columns: &[String]) -> io::Result<()> {
        // Those of an error file that is imported again are of the round before.
        let own = columns.iter().map(String::as_str).filter(|name| !ERROR_COLUMNS.contains(name));
        let names: Vec<&str> = own.collect();
        self.columns = names.len();
        Ok(self.rows.write_record(names.into_iter().chain(ERROR_COLUMNS))?)
    }

    fn refused(&mut self, row: &RefusedRow<'_>) -> io::Result<()> {
        let line = row.row.to_string();
        let cells = (0..self.columns).map(|column| row.cells.get(column).map_or("", String::as_str));
        let about = [line.as_str(), row.code, row.error];
        Ok(self.rows.write_record(cells.chain(about))?)
    }
}

impl<W: io::Write> fmt::Debug for ErrorFile<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorFile").field("columns", &self.columns).finish_non_exhaustive()
    }
}

//! Lines of JSON that tell how an import goes on.

use std::{
    io::{self, Write},
    time::Instant,
};

use rally_core::{Code, Error, ImportProgress, ImportReport, ImportWatch, RefusedRow};
use serde::Serialize;
use serde_json::{Value, json};

use super::pipe::PipeWriter;
use crate::problem;

/// The type of lines of JSON.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// Tells the caller of an import how it goes on. A caller who leaves, or reads too slowly, is told no more; the import goes
/// on without.
pub(crate) struct Teller<'w> {
    writer: &'w mut PipeWriter,
    tells_refused: bool,
    began: Instant,
    /// True once a line has been written.
    has_begun: bool,
    has_reader: bool,
}

/// A line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Line<'l> {
    /// The names of the columns, before any refused row.
    Columns { columns: &'l [String] },
    /// Rows that are done, and those a second.
    #[serde(rename_all = "camelCase")]
    Progress { rows: u64, created: u64, updated: u64, unchanged: u64, refused: u64, rate: u64 },
    /// A row that was refused.
    Refused { row: u64, code: &'l str, error: &'l str, cells: &'l [String] },
    /// The report, at the end.
    Report {
        #[serde(flatten)]
        report: &'l ImportReport,
        replayed: bool,
    },
    /// The reason why the import has ended before the last row.
    Problem { problem: Value },
}

impl<'w> Teller<'w> {
    pub(crate) fn new(writer: &'w mut PipeWriter, tells_refused: bool) -> Self {
        Self { writer, tells_refused, began: Instant::now(), has_begun: false, has_reader: true }
    }

    /// Tells the end of the import. One that has failed before its first row is answered as any request.
    pub(crate) fn end(mut self, imported: Result<ImportReport, Error>) -> Result<(), Error> {
        match &imported {
            Ok(report) => self.tell(&Line::Report { report, replayed: report.replayed }),
            Err(error) if self.has_begun => {
                if matches!(error.code(), Code::Internal | Code::Unavailable) {
                    tracing::warn!(?error, "an import has ended before its last row");
                }
                let problem = serde_json::from_slice(&problem::item(error)).map_err(Error::internal)?;
                self.tell(&Line::Problem { problem });
            }
            Err(_) => return imported.map(drop),
        }
        Ok(())
    }

    fn tell(&mut self, line: &Line<'_>) {
        if self.has_reader {
            self.has_begun = true;
            self.has_reader = self.write(line).is_ok();
        }
    }

    fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut *self.writer, line)?;
        self.writer.write_all(b"\n")?;
        // A refused row is told with the others of its transaction.
        if matches!(line, Line::Refused { .. }) { Ok(()) } else { self.writer.flush() }
    }

    /// Rows a second so far.
    fn rate(&self, rows: u64) -> u64 {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        rows.saturating_mul(1_000) / millis
    }
}

impl ImportWatch for Teller<'_> {
    fn progressed(&mut self, progress: &ImportProgress) {
        let ImportProgress { rows, created, updated, unchanged, refused, .. } = *progress;
        let rate = self.rate(rows);
        self.tell(&Line::Progress { rows, created, updated, unchanged, refused, rate });
    }

    fn wants_refused(&self) -> bool {
        self.tells_refused
    }

    fn began(&mut self, columns: &[String]) -> io::Result<()> {
        self.tell(&Line::Columns { columns });
        Ok(())
    }

    fn refused(&mut self, row: &RefusedRow<'_>) -> io::Result<()> {
        let RefusedRow { row, code, error, cells, .. } = *row;
        self.tell(&Line::Refused { row, code, error, cells });
        Ok(())
    }
}

/// A line that names the columns.
pub(crate) fn columns_example() -> Value {
    json!(Line::Columns { columns: &["E-Mail".to_owned(), "Last name".to_owned()] })
}

/// A line that tells of rows that are done.
pub(crate) fn progress_example() -> Value {
    json!(Line::Progress { rows: 2_000, created: 1_990, updated: 0, unchanged: 0, refused: 10, rate: 9_500 })
}

/// A line that tells of a refused row.
pub(crate) fn refused_example() -> Value {
    let cells = ["ada".to_owned(), "Lovelace".to_owned()];
    json!(Line::Refused {
        row: 3,
        code: "validation",
        error: "email is not an e-mail address",
        cells: &cells
    })
}

//! Options of imports and exports.

use std::{collections::BTreeMap, path::PathBuf};

use super::FileLimits;
use crate::{
    base::{Error, Faults, closed_set},
    engine::{schema::Fields, write::Scratch},
};

closed_set! {
    /// Format of a file.
    pub enum Format {
        /// Values separated by commas (RFC 4180), in UTF-8.
        Csv = "csv",
        /// A workbook of Excel (ECMA-376).
        Xlsx = "xlsx",
    }
}

closed_set! {
    /// Treatment of the rows of an import.
    pub enum ImportMode {
        /// Each row is a new record; one that exists already is refused.
        Create = "create",
        /// Each row changes a record that exists; one without is refused.
        Update = "update",
        /// Each row changes the record that exists, or is a new one.
        Upsert = "upsert",
    }
}

closed_set! {
    /// The column by which a row finds its record.
    pub enum ImportKey {
        /// The record's id.
        Id = "id",
        /// The e-mail address.
        Email = "email",
        /// The domain.
        Domain = "domain",
        /// The name; of a deal, the name within its pipeline.
        Name = "name",
    }
}

closed_set! {
    /// The mark between the whole and the fraction of a number.
    pub enum DecimalMark {
        /// `1054.50`
        Point = ".",
        /// `1054,50`; points, blanks and apostrophes may part thousands.
        Comma = ",",
    }
}

closed_set! {
    /// The order of day, month and year in dates such as `03/04/2025`.
    pub enum DateOrder {
        /// Day, month, year.
        DayMonthYear = "dmy",
        /// Month, day, year.
        MonthDayYear = "mdy",
        /// Year, month, day.
        YearMonthDay = "ymd",
    }
}

closed_set! {
    /// Protection from text that a spreadsheet program would take for a formula.
    pub enum Guard {
        /// Such text has one more `'` in front in a CSV file, and is read back without it.
        On = "on",
        /// Text is written and read as it is.
        Off = "off",
    }
}

/// Options of an import.
///
/// ```
/// use rally_core::{DateOrder, DecimalMark, ImportKey, ImportMode, ImportOptions};
///
/// let options = ImportOptions::new()
///     .mode(ImportMode::Upsert)
///     .key(ImportKey::Email)
///     .map("Kundenname", "lastName")
///     .ignore("Fax")
///     .decimal(DecimalMark::Comma)
///     .date_order(DateOrder::DayMonthYear)
///     .dry_run();
/// assert!(options.dry_run && options.mapping.len() == 2);
/// ```
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Treatment of the rows.
    pub mode: ImportMode,
    /// The column by which a row finds its record; the resource's natural key, or else `id`, unless it is set.
    pub key: Option<ImportKey>,
    /// True for an import that changes nothing and answers what it would have done.
    pub dry_run: bool,
    /// Members that columns are for, by the columns' names; `None` for a column that is to be ignored.
    pub mapping: BTreeMap<String, Option<String>>,
    /// The delimiter of a CSV file; found by the header row unless it is set.
    pub delimiter: Option<char>,
    /// The charset of a CSV file, by a label of the Encoding Standard; found by its bytes unless it is set.
    pub charset: Option<String>,
    /// The mark between the whole and the fraction of numbers that are text.
    pub decimal: DecimalMark,
    /// The order of day, month and year in dates that are not RFC 3339.
    pub date_order: Option<DateOrder>,
    /// Whether a `'` in front of what would be a formula is read away.
    pub guard: Guard,
    /// The sheet of a workbook; the first one unless it is set.
    pub sheet: Option<String>,
    /// The key under which each row of a file is imported once, however often the import is started.
    pub idempotency_key: Option<String>,
    /// Room for what a dry run would change, if it is more than is kept in memory; all of it is, unless this is set.
    pub scratch: Option<Scratch>,
    /// The bounds.
    pub limits: FileLimits,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            mode: ImportMode::Create,
            key: None,
            dry_run: false,
            mapping: BTreeMap::new(),
            delimiter: None,
            charset: None,
            decimal: DecimalMark::Point,
            date_order: None,
            guard: Guard::On,
            sheet: None,
            idempotency_key: None,
            scratch: None,
            limits: FileLimits::default(),
        }
    }
}

impl ImportOptions {
    /// Options of an import that creates records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the treatment of the rows.
    #[must_use]
    pub fn mode(self, mode: ImportMode) -> Self {
        Self { mode, ..self }
    }

    /// Sets the column by which a row finds its record.
    #[must_use]
    pub fn key(self, key: ImportKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Makes it change nothing.
    #[must_use]
    pub fn dry_run(self) -> Self {
        Self { dry_run: true, ..self }
    }

    /// Says which member a column is for.
    #[must_use]
    pub fn map(mut self, column: impl Into<String>, member: impl Into<String>) -> Self {
        self.mapping.insert(column.into(), Some(member.into()));
        self
    }

    /// Ignores a column.
    #[must_use]
    pub fn ignore(mut self, column: impl Into<String>) -> Self {
        self.mapping.insert(column.into(), None);
        self
    }

    /// Adds a mapping as a JSON object from names of columns to members, or to `null` for columns to be ignored.
    ///
    /// ```
    /// # use rally_core::*;
    /// let options = ImportOptions::new().map_json(r#"{"Mail": "email", "Fax": null}"#)?;
    /// assert_eq!(options.mapping["Fax"], None);
    /// assert!(ImportOptions::new().map_json("Mail=email").unwrap_err().is_invalid());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) unless it is such an object.
    pub fn map_json(mut self, json: &str) -> Result<Self, Error> {
        let phrase = "must be a JSON object from names of columns to names of members, or to null";
        let given: BTreeMap<String, Option<String>> =
            serde_json::from_str(json).map_err(|_| Faults::one("mapping", phrase))?;
        self.mapping.extend(given);
        Ok(self)
    }

    /// Sets the delimiter of a CSV file.
    #[must_use]
    pub fn delimiter(self, delimiter: char) -> Self {
        Self { delimiter: Some(delimiter), ..self }
    }

    /// Sets the charset of a CSV file, by a label of the Encoding Standard such as `utf-16le` or `iso-8859-15`.
    #[must_use]
    pub fn charset(self, label: impl Into<String>) -> Self {
        Self { charset: Some(label.into()), ..self }
    }

    /// Sets the mark between the whole and the fraction of numbers that are text.
    #[must_use]
    pub fn decimal(self, decimal: DecimalMark) -> Self {
        Self { decimal, ..self }
    }

    /// Sets the order of day, month and year in dates that are not RFC 3339.
    #[must_use]
    pub fn date_order(self, order: DateOrder) -> Self {
        Self { date_order: Some(order), ..self }
    }

    /// Reads every `'` as it is.
    #[must_use]
    pub fn without_guard(self) -> Self {
        Self { guard: Guard::Off, ..self }
    }

    /// Reads this sheet of a workbook.
    #[must_use]
    pub fn sheet(self, name: impl Into<String>) -> Self {
        Self { sheet: Some(name.into()), ..self }
    }

    /// Sets the key under which each row of the file is imported once. What was done is kept with each transaction, for
    /// [`IDEMPOTENCY_HOURS`](crate::limits::IDEMPOTENCY_HOURS): the same file goes on where it stopped, and another
    /// file under the same key is refused.
    #[must_use]
    pub fn once(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }

    /// Has a dry run keep there what is more than is kept in memory.
    #[must_use]
    pub fn scratch(self, scratch: Scratch) -> Self {
        Self { scratch: Some(scratch), ..self }
    }

    /// Sets the bounds.
    #[must_use]
    pub fn limits(self, limits: FileLimits) -> Self {
        Self { limits, ..self }
    }
}

/// Options of an export.
///
/// ```
/// use rally_core::{ExportOptions, Format};
///
/// let options = ExportOptions::new(Format::Csv).with_byte_order_mark().without_guard();
/// assert_eq!(options.format, Format::Csv);
/// ```
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The format.
    pub format: Format,
    /// The members that become columns, in the model's order. Unless they are set: the id, all members that can be
    /// written, and the names of the records that it refers to.
    pub fields: Option<Fields>,
    /// Protection from text that would be taken for a formula, in CSV.
    pub guard: Guard,
    /// True for a CSV file that begins with a byte order mark, by which Excel tells UTF-8.
    pub has_byte_order_mark: bool,
    /// The folder in which a workbook's rows are kept until it is written; the system's unless it is set.
    pub temporary_folder: Option<PathBuf>,
    /// Rows of one sheet of a workbook, the header row included.
    pub sheet_rows: u32,
}

impl ExportOptions {
    /// Options of an export in a format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            fields: None,
            guard: Guard::On,
            has_byte_order_mark: false,
            temporary_folder: None,
            sheet_rows: crate::base::limits::SHEET_ROWS,
        }
    }

    /// Makes these members the columns.
    #[must_use]
    pub fn fields(self, fields: Fields) -> Self {
        Self { fields: Some(fields), ..self }
    }

    /// Writes text as it is.
    #[must_use]
    pub fn without_guard(self) -> Self {
        Self { guard: Guard::Off, ..self }
    }

    /// Begins a CSV file with a byte order mark.
    #[must_use]
    pub fn with_byte_order_mark(self) -> Self {
        Self { has_byte_order_mark: true, ..self }
    }

    /// Sets the folder in which a workbook's rows are kept until it is written.
    #[must_use]
    pub fn temporary_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self { temporary_folder: Some(folder.into()), ..self }
    }
}

impl From<Format> for ExportOptions {
    fn from(format: Format) -> Self {
        Self::new(format)
    }
}

use crate::base::limits;

/// Bounds of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Rows that are applied in one transaction, at most.
    pub rows_at_once: usize,
    /// Bytes of the rows of one transaction, beyond which the next one begins.
    pub bytes_at_once: usize,
    /// Bytes of one row of a CSV file.
    pub row_bytes: usize,
    /// Columns of a file.
    pub columns: usize,
    /// Bytes that a dry run would change, keys and indexes included: those of the store, or of memory without a
    /// [scratch](crate::ImportOptions::scratch).
    pub dry_run_bytes: u64,
    /// Bytes of these that are kept in memory, where there is a scratch for more.
    pub dry_run_memory_bytes: u64,
    /// Refused rows that the report tells; all are counted.
    pub errors_told: usize,
    /// The bounds of workbooks.
    pub workbook: WorkbookLimits,
}

/// Bounds of a workbook, which are checked before anything of it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkbookLimits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Files in the archive.
    pub entries: usize,
    /// Bytes of all files when they are inflated.
    pub inflated_bytes: u64,
    /// Bytes of a file when it is inflated for each byte that it has in the archive, if it is larger than a megabyte.
    pub ratio: u64,
    /// Cells of all sheets.
    pub cells: u64,
    /// Formulas whose value is not kept, which are looked for before the sheet is read.
    pub unkept_formulas: usize,
    /// Entries of the table of shared strings.
    pub shared_strings: u64,
    /// Bytes of the parts that are kept in memory while a sheet is read: shared strings, styles and the list of sheets.
    pub kept_bytes: u64,
    /// Bytes of one tag, or of the text between two.
    pub piece_bytes: usize,
}

impl Default for FileLimits {
    fn default() -> Self {
        Self {
            rows_at_once: limits::IMPORT_ROWS_AT_ONCE,
            bytes_at_once: limits::IMPORT_BYTES_AT_ONCE,
            row_bytes: limits::IMPORT_ROW_BYTES,
            columns: limits::IMPORT_COLUMNS,
            dry_run_bytes: limits::DRY_RUN_BYTES,
            dry_run_memory_bytes: limits::DRY_RUN_MEMORY_BYTES,
            errors_told: limits::IMPORT_ERRORS,
            workbook: WorkbookLimits::default(),
        }
    }
}

impl Default for WorkbookLimits {
    fn default() -> Self {
        Self {
            bytes: limits::WORKBOOK_BYTES,
            entries: limits::WORKBOOK_ENTRIES,
            inflated_bytes: limits::WORKBOOK_INFLATED_BYTES,
            ratio: limits::WORKBOOK_RATIO,
            cells: limits::WORKBOOK_CELLS,
            unkept_formulas: limits::WORKBOOK_UNKEPT_FORMULAS,
            shared_strings: limits::WORKBOOK_SHARED_STRINGS,
            kept_bytes: limits::WORKBOOK_KEPT_BYTES,
            piece_bytes: limits::WORKBOOK_PIECE_BYTES,
        }
    }
}

use axum::http::HeaderValue;
use rally_core::{Format, Kind};

/// The type of a CSV file. Ours are in UTF-8 and begin with a header row.
pub(crate) const CSV: &str = "text/csv; charset=utf-8; header=present";

/// The type of a workbook.
pub(crate) const WORKBOOK: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// The type of a file in a format.
pub(crate) const fn content_type(format: Format) -> HeaderValue {
    match format {
        Format::Csv => HeaderValue::from_static(CSV),
        Format::Xlsx => HeaderValue::from_static(WORKBOOK),
    }
}

/// The name under which a browser saves a file.
pub(crate) fn file_name(kind: Kind, what: &str, format: Format) -> String {
    format!("attachment; filename=\"{}{what}.{format}\"", kind.plural())
}

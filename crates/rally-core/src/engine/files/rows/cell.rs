use std::borrow::Cow;

use crate::base::Error;

/// The value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'r> {
    Empty,
    Text(Cow<'r, str>),
    /// A number, with the digits that its format shows behind the point at least.
    Number {
        number: f64,
        places: usize,
    },
    Boolean(bool),
    /// A date, with a time if it has one, as RFC 3339 has it.
    Date(String),
    /// No value that could be read; completes "*member* …".
    Wrong(String),
}

/// A row as it came.
#[derive(Debug)]
pub(crate) struct RawRow<'r> {
    /// The number of the row; the header is row 1.
    pub(crate) number: u64,
    /// The cells below the header's; fewer if the row ends before.
    pub(crate) cells: &'r [Cell<'r>],
    /// The fault of the row as a whole.
    pub(crate) fault: Option<String>,
}

/// Hears of each row.
pub(crate) type EachRow<'f> = &'f mut dyn FnMut(RawRow<'_>) -> Result<(), Error>;

/// Stands in decoded text for bytes that are none in its charset; as a character it is refused in any case.
pub(crate) const NO_TEXT: char = '\0';

impl Cell<'_> {
    pub(crate) fn to_owned_cell(&self) -> Cell<'static> {
        match self {
            Cell::Empty => Cell::Empty,
            Cell::Text(text) => Cell::Text(Cow::Owned(text.to_string())),
            Cell::Number { number, places } => Cell::Number { number: *number, places: *places },
            Cell::Boolean(is_true) => Cell::Boolean(*is_true),
            Cell::Date(date) => Cell::Date(date.clone()),
            Cell::Wrong(fault) => Cell::Wrong(fault.clone()),
        }
    }

    /// Bytes of the cell's text, about.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Cell::Text(text) => text.len() + 1,
            Cell::Date(text) | Cell::Wrong(text) => text.len() + 1,
            Cell::Number { .. } => 9,
            Cell::Empty | Cell::Boolean(_) => 1,
        }
    }

    /// True for a cell without a value, or with one of nothing but blanks.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Cell::Empty => true,
            Cell::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// The cell as a person reads it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.replace(NO_TEXT, "\u{FFFD}"),
            Cell::Number { number, .. } => number.to_string(),
            Cell::Boolean(is_true) => is_true.to_string(),
            Cell::Date(date) => date.clone(),
            Cell::Wrong(fault) => format!("({fault})"),
        }
    }
}

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::{admin::print, failure::Failure};

/// The form in which a command prints what it has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Columns under a header, separated by tabs.
    Text,
    /// A line of JSON for each row.
    Json,
}

/// Rows of values, printed one by one.
pub(crate) struct Table<const N: usize> {
    form: Form,
    columns: [&'static str; N],
}

/// A value of a row.
pub(crate) struct Cell {
    json: Value,
    text: String,
}

impl<const N: usize> Table<N> {
    /// Begins a table by printing its header. Columns have the names of JSON members.
    pub(crate) fn begin(form: Form, columns: [&'static str; N]) -> Result<Self, Failure> {
        if form == Form::Text {
            print(&line(columns.map(title)))?;
        }
        Ok(Self { form, columns })
    }

    pub(crate) fn row(&self, cells: [Cell; N]) -> Result<(), Failure> {
        match self.form {
            Form::Text => print(&line(cells.map(|cell| cell.text))),
            Form::Json => {
                let names = self.columns.iter().map(|name| (*name).to_owned());
                let mut members = Map::new();
                members.extend(names.zip(cells.map(|cell| cell.json)));
                print(&format!("{}\n", Value::Object(members)))
            }
        }
    }
}

impl Cell {
    pub(crate) fn of(value: impl Display) -> Self {
        let text = value.to_string();
        Self { json: Value::from(text.as_str()), text }
    }

    /// A value that may be missing, with the word that people read then.
    pub(crate) fn or(value: Option<impl Display>, missing: &str) -> Self {
        match value {
            Some(value) => Self::of(value),
            None => Self { json: Value::Null, text: missing.to_owned() },
        }
    }

    /// A number that may be missing, with the word that people read then.
    pub(crate) fn number(value: Option<impl Into<u64>>, missing: &str) -> Self {
        let value: Option<u64> = value.map(Into::into);
        Self { json: Value::from(value), text: Self::or(value, missing).text }
    }
}

/// A line of a table, which stays one line whatever its texts hold.
fn line<const N: usize>(texts: [String; N]) -> String {
    texts.map(|text| text.replace(char::is_control, " ")).join("\t") + "\n"
}

/// The title of a column: `lastUsedAt` is `LAST USED AT`.
fn title(name: &str) -> String {
    let spaced =
        |c: char| if c.is_ascii_uppercase() { format!(" {c}") } else { c.to_ascii_uppercase().to_string() };
    name.chars().map(spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_tab_between_two_columns_and_one_end() {
        assert_eq!(line(["a\tb\n".to_owned(), "c".to_owned()]), "a b \tc\n");
        assert_eq!(["id", "lastUsedAt"].map(title), ["ID", "LAST USED AT"]);
    }

    #[test]
    fn a_missing_value_is_a_word_for_people_and_null_for_programs() {
        let never = Cell::or(None::<u8>, "never");
        assert_eq!((never.text.as_str(), never.json), ("never", Value::Null));
        let seven = Cell::number(Some(7_u32), "default");
        assert_eq!((seven.text.as_str(), seven.json), ("7", Value::from(7)));
    }
}

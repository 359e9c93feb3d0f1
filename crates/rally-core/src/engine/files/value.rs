//! Values of cells as the JSON that the API takes for them, which the rules of the members then judge.

use std::borrow::Cow;

use super::{
    DateOrder, DecimalMark, Guard, ImportOptions,
    date::as_rfc_3339,
    guard,
    number::{number_text, plain_number, scaled_number},
    rows::Cell,
    tags,
};
use crate::engine::schema::{Rule, quote};

/// How the text of cells is to be understood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    decimal: DecimalMark,
    date_order: Option<DateOrder>,
    /// True when a `'` in front of what looks like a formula is not part of the value.
    is_guarded: bool,
}

/// The value that a row gives a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// It is to be cleared.
    Clear,
    /// JSON text.
    Json(String),
}

impl Input {
    pub(super) fn json(&self) -> &str {
        match self {
            Input::Clear => "null",
            Input::Json(json) => json,
        }
    }
}

impl Reading {
    /// The reading that options ask for; text in workbooks has no guard.
    pub(super) fn of(options: &ImportOptions, is_workbook: bool) -> Self {
        let is_guarded = options.guard == Guard::On && !is_workbook;
        Self { decimal: options.decimal, date_order: options.date_order, is_guarded }
    }

    /// The text of a cell, trimmed; `None` for a cell that leaves its member as it is.
    ///
    /// # Errors
    /// Completes "*member* …" for a cell without a value that can be read.
    pub(super) fn text<'c>(&self, cell: &'c Cell<'_>) -> Result<Option<Cow<'c, str>>, String> {
        Ok(match cell {
            Cell::Empty => None,
            Cell::Text(text) if text.contains('\0') => {
                return Err("holds bytes that are no text in the charset of the file".to_owned());
            }
            Cell::Text(text) => Some(Cow::Borrowed(text.trim())).filter(|text| !text.is_empty()),
            Cell::Number { number, .. } => Some(plain_number(*number)?.into()),
            Cell::Boolean(is_true) => Some(is_true.to_string().into()),
            Cell::Date(date) => Some(Cow::Borrowed(date)),
            Cell::Wrong(fault) => return Err(fault.clone()),
        })
    }

    /// The value of a text, without what marks it.
    pub(super) fn unmarked<'c>(&self, text: &'c str) -> &'c str {
        guard::read(text, self.is_guarded)
    }

    /// The value that a cell gives a member with a rule; `None` for a cell that leaves it as it is.
    ///
    /// # Errors
    /// Those of `text`.
    pub(super) fn input(&self, cell: &Cell<'_>, rule: Rule) -> Result<Option<Input>, String> {
        let Some(text) = self.text(cell)? else { return Ok(None) };
        if text == guard::CLEAR {
            return Ok(Some(Input::Clear));
        }
        let text = self.unmarked(&text);
        let json = match (rule, cell) {
            // The mark of decimals is one of text: a number of a workbook has none.
            (Rule::Integer { .. }, Cell::Number { .. }) => text.to_owned(),
            (Rule::Decimal, Cell::Number { number, places }) => scaled_number(*number, *places)?,
            (Rule::Integer { .. } | Rule::Decimal, _) => number_text(text, self.decimal),
            (Rule::Boolean, _) => boolean(text),
            (Rule::Choice(set), _) => quote(word(text, set.words)),
            (Rule::Tags, _) => tags::read(text),
            (Rule::Instant, _) => quote(&as_rfc_3339(text, self.date_order)?),
            _ => quote(text),
        };
        Ok(Some(Input::Json(json)))
    }
}

/// The word that a text is in another case, or else the text.
fn word<'t>(text: &'t str, words: &[&'static str]) -> &'t str {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).copied().unwrap_or(text)
}

fn boolean(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        word @ ("true" | "false") => word.to_owned(),
        "yes" | "1" => "true".to_owned(),
        "no" | "0" => "false".to_owned(),
        _ => quote(text),
    }
}

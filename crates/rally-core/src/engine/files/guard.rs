//! Text in CSV that must come back as it was: what a spreadsheet program would take for a formula, and what stands for
//! something else here.

use std::borrow::Cow;

/// The cell that clears a member.
pub(super) const CLEAR: &str = r"\N";

/// The text of a cell for a value; `is_guarded` when what looks like a formula gets a `'` in front.
pub(super) fn written(value: &str, is_guarded: bool) -> Cow<'_, str> {
    if is_escaped(value) {
        return format!("\\{value}").into();
    }
    if is_guarded && is_formula(value) && !is_number(value) {
        format!("'{value}").into()
    } else {
        value.into()
    }
}

/// The value of a cell's text: the reverse of [`written`].
pub(super) fn read(text: &str, is_guarded: bool) -> &str {
    let inner = match text.strip_prefix('\\') {
        Some(inner) if is_escaped(inner) => return inner,
        _ => text.strip_prefix('\''),
    };
    match inner {
        Some(inner) if is_guarded && is_formula(inner) => inner,
        _ => text,
    }
}

/// True for `\N` behind any number of further backslashes.
fn is_escaped(text: &str) -> bool {
    text.strip_suffix('N').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte == b'\\'))
}

/// True for text that begins like a formula, behind any number of `'`.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// True for numbers and telephone numbers, which are no danger and are often read by others.
fn is_number(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b" +-()/.".contains(&byte);
    text.bytes().all(is_part) && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, cell: &str) {
        assert_eq!(written(value, true), cell);
        assert_eq!(read(cell, true), value);
    }

    #[test]
    fn what_looks_like_a_formula_is_written_with_a_mark_and_read_without() {
        check("=1+1", "'=1+1");
        check("@SUM(1)", "'@SUM(1)");
        check("-x", "'-x");
        check("+", "'+");
        check("'=1", "''=1");
        check("''=1", "'''=1");
        check("\t=1", "'\t=1");
        check("plain", "plain");
        check("'tis", "'tis");
        check("", "");
        check("'", "'");
    }

    #[test]
    fn numbers_and_telephone_numbers_stay_as_they_are() {
        check("+49 (30) 12/34.5-6", "+49 (30) 12/34.5-6");
        check("-5.5", "-5.5");
        // From a file that marks them in spite of that.
        assert_eq!(read("'+49 30", true), "+49 30");
    }

    #[test]
    fn the_word_for_nothing_is_a_value_too() {
        check(r"\N", r"\\N");
        check(r"\\N", r"\\\N");
        check("N", "N");
        check(r"\n", r"\n");
    }

    #[test]
    fn without_a_guard_all_text_is_as_it_is() {
        assert_eq!(written("=1", false), "=1");
        assert_eq!(read("'=1", false), "'=1");
    }
}

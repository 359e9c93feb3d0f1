//! A list of tags in one cell: commas part them, and a tag that has one is in quotes, as in a line of CSV.

use crate::engine::schema::quote;

/// The text of a cell for tags.
pub(super) fn written(tags: &[String]) -> String {
    let needs_quotes = |tag: &str| tag.contains([',', '"']) || tag != tag.trim();
    let one = |tag: &String| {
        if needs_quotes(tag) { format!("\"{}\"", tag.replace('"', "\"\"")) } else { tag.clone() }
    };
    tags.iter().map(one).collect::<Vec<_>>().join(",")
}

/// The JSON array of the tags in a cell.
pub(super) fn read(cell: &str) -> String {
    let mut tags = Vec::new();
    let mut rest = cell;
    loop {
        let (tag, behind) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => rest
                .split_once(',')
                .map_or((rest.to_owned(), None), |(tag, rest)| (tag.to_owned(), Some(rest))),
        };
        tags.push(quote(&tag));
        match behind {
            Some(behind) => rest = behind,
            None => return format!("[{}]", tags.join(",")),
        }
    }
}

/// The tag in front of the quote that closes it, and what is behind the next comma.
fn unquoted(text: &str) -> (String, Option<&str>) {
    let mut tag = String::new();
    let mut rest = text;
    loop {
        let Some((inner, behind)) = rest.split_once('"') else {
            return (tag + rest, None);
        };
        tag.push_str(inner);
        match behind.strip_prefix('"') {
            Some(more) => {
                tag.push('"');
                rest = more;
            }
            None => return (tag, behind.split_once(',').map(|(_, next)| next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tags: &[&str], cell: &str) {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(written(&tags), cell);
        assert_eq!(serde_json::from_str::<Vec<String>>(&read(cell)).unwrap(), tags);
    }

    #[test]
    fn tags_with_any_character_come_back() {
        check(&["a", "b c"], "a,b c");
        check(&["a,b", "c"], "\"a,b\",c");
        check(&["say \"hi\"", "x;y"], "\"say \"\"hi\"\"\",x;y");
        check(&["\"", ",", "\",\""], "\"\"\"\",\",\",\"\"\",\"\"\"");
    }

    #[test]
    fn tags_of_other_programs_are_read() {
        for (cell, expected) in
            [("a, b", r#"["a"," b"]"#), ("a", r#"["a"]"#), ("\"a", r#"["a"]"#), ("a,", r#"["a",""]"#)]
        {
            assert_eq!(read(cell), expected);
        }
    }
}

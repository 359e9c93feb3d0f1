use std::borrow::Cow;

use super::{Read, quote, text::text};
use crate::base::limits;

pub(super) fn tag_line(raw: &str) -> Read<'_> {
    let text = text(raw)?;
    let mut tags: Vec<&str> = Vec::new();
    for tag in text.value.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        if tag.chars().count() > limits::TAG {
            return Err(format!("has a tag longer than {} characters", limits::TAG).into());
        }
        if tags.contains(&tag) {
            continue;
        }
        // Before the next one is looked for among all others.
        if tags.len() == limits::TAGS {
            return Err(format!("must not have more than {} tags", limits::TAGS).into());
        }
        tags.push(tag);
    }
    let value = Cow::Owned(tags.join(","));
    Ok(quote(&value).into())
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, check, quote};

    #[test]
    fn tags_are_trimmed_without_empties_and_repeats_in_their_order() {
        check(Rule::TagLine, r#"" b ,, a,b , ""#, Ok(r#""b,a""#));
        check(Rule::TagLine, r#""""#, Ok(r#""""#));
        let tags = |count: usize| quote(&(0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        check(Rule::TagLine, &tags(50), Ok(&tags(50)));
        check(Rule::TagLine, &tags(51), Err("must not have more than 50 tags"));
        check(Rule::TagLine, &quote(&"x".repeat(65)), Err("has a tag longer than 64 characters"));
    }
}

//! Tags: in one string, in an array, or one alone.

use std::borrow::Cow;

use super::{
    RuleResult, ValueFaults,
    object::array,
    quote,
    text::{text, within},
};
use crate::base::{limits, unicode};

/// Tags separated by commas, in one string.
pub(super) fn tag_line(raw: &str) -> RuleResult<'_> {
    let text = text(raw)?;
    let mut tags = TagList::default();
    for tag in text.value.split(',') {
        tags.add(tag.trim().into())?;
    }
    // As long as what was given, it is what was given: tags are only ever left out or cut.
    let length = tags.0.iter().map(|tag| tag.len() + 1).sum::<usize>();
    let is_unchanged = length == text.value.len() + usize::from(length > 0);
    Ok(if is_unchanged { text.into_json() } else { quote(&tags.0.join(",")).into() })
}

/// An array of strings, each a tag, to be stored as one string with commas.
pub(super) fn tag_line_of_array(raw: &str) -> RuleResult<'_> {
    let mut tags = TagList::default();
    for (index, element) in array(raw)?.into_iter().enumerate() {
        let tag = text(element)?.value;
        if tag.contains(',') {
            return Err(ValueFaults::at(&format!("[{index}]"), "must not hold a comma"));
        }
        tags.add(tag)?;
    }
    Ok(quote(&tags.0.join(",")).into())
}

/// An array of strings, each of which is a tag.
pub(super) fn tags(raw: &str) -> RuleResult<'_> {
    let mut tags = TagList::default();
    let mut wrong = ValueFaults::none();
    for (index, element) in array(raw)?.into_iter().enumerate() {
        match text(element) {
            Ok(tag) => tags.add(tag.value)?,
            Err(inner) => wrong.add_all(&format!("[{index}]"), inner),
        }
    }
    let quoted: Vec<String> = tags.0.iter().map(|tag| quote(tag)).collect();
    wrong.or(format!("[{}]", quoted.join(",")).into())
}

/// One tag.
pub(super) fn tag(raw: &str) -> RuleResult<'_> {
    let text = within(text(raw)?, limits::TAG)?;
    if text.value.is_empty() { Err("must not be empty".into()) } else { Ok(text.into_json()) }
}

/// The tags of a record: none empty, none twice, in the order in which each first came.
#[derive(Default)]
struct TagList<'a>(Vec<Cow<'a, str>>);

impl<'a> TagList<'a> {
    fn add(&mut self, tag: Cow<'a, str>) -> Result<(), ValueFaults> {
        if tag.len() > limits::TAG && tag.chars().count() > limits::TAG {
            return Err(format!("has a tag longer than {} characters", limits::TAG).into());
        }
        if tag.is_empty() || self.0.contains(&tag) {
            return Ok(());
        }
        if !unicode::is_visible(&tag) {
            return Err("has a tag without a character that can be seen".into());
        }
        // Before the next one is looked for among all others.
        if self.0.len() == limits::TAGS {
            return Err(format!("must not have more than {} tags", limits::TAGS).into());
        }
        self.0.push(tag);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Profile, Rule, ValueFaults, check, quote};

    #[test]
    fn tags_are_trimmed_without_empties_and_repeats_in_their_order() {
        check(Rule::TagLine, r#"" b ,, a,b , ""#, Ok(r#""b,a""#));
        check(Rule::TagLine, r#""""#, Ok(r#""""#));
        let tags = |count: usize| quote(&(0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        check(Rule::TagLine, &tags(50), Ok(&tags(50)));
        check(Rule::TagLine, &tags(51), Err("must not have more than 50 tags"));
        check(Rule::TagLine, &quote(&"x".repeat(65)), Err("has a tag longer than 64 characters"));
    }

    #[test]
    fn an_array_of_tags_follows_the_same_rules() {
        check(Rule::Tags, r#"[ " b ", "", "a" , "b", "a,b", "\u00e9\"" ]"#, Ok(r#"["b","a","a,b","é\""]"#));
        check(Rule::Tags, "[]", Ok("[]"));
        let tags = |count: usize| {
            format!("[{}]", (0..count).map(|n| quote(&n.to_string())).collect::<Vec<_>>().join(","))
        };
        check(Rule::Tags, &tags(50), Ok(&tags(50)));
        check(Rule::Tags, &tags(51), Err("must not have more than 50 tags"));
        check(
            Rule::Tags,
            &format!("[{}]", quote(&"x".repeat(65))),
            Err("has a tag longer than 64 characters"),
        );
        for raw in [r#""a,b""#, "5", "{}"] {
            check(Rule::Tags, raw, Err("must be an array"));
        }
    }

    #[test]
    fn an_element_that_is_no_tag_is_told_by_its_place() {
        let mut wrong = ValueFaults::at("[1]", "must be a string");
        wrong.add("[3]", "must be a string");
        assert_eq!(Rule::Tags.read(r#"["a",5,"b",null]"#, Profile::Strict), Err(wrong));
    }

    #[test]
    fn a_tag_can_be_seen() {
        for raw in ["\"a,\u{200B}\"", "\"\u{3164}\"", "\"\u{AD},a\""] {
            check(Rule::TagLine, raw, Err("has a tag without a character that can be seen"));
            check(
                Rule::Tags,
                &format!("[{raw}]").replace("a,", "").replace(",a", ""),
                Err("has a tag without a character that can be seen"),
            );
        }
    }

    #[test]
    fn one_tag_has_at_least_one_character() {
        check(Rule::Tag, r#"" a,b ""#, Ok(r#""a,b""#));
        check(Rule::Tag, r#""  ""#, Err("must not be empty"));
        check(Rule::Tag, &quote(&"x".repeat(65)), Err("must not be longer than 64 characters"));
    }
}

use std::{fmt, ops::Deref};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};

/// The tags of a record: a list, whether the record's JSON has an array or one string with commas.
///
/// ```
/// use rally_core::{ContactDraft, Tags};
///
/// let tags = Tags::from(["math", "poetry"]);
/// assert_eq!(tags.join("/"), "math/poetry");
/// let draft = ContactDraft::new("Ada", "Lovelace", "ada@x.example").tags(["math", "poetry"]);
/// # drop(draft);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(Vec<String>);

impl Tags {
    /// The tags of one string with commas.
    pub(crate) fn of_line(line: &str) -> impl Iterator<Item = &str> {
        line.split(',').filter(|tag| !tag.is_empty())
    }
}

impl Deref for Tags {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Tags {
    fn from(tags: [S; N]) -> Self {
        tags.into_iter().collect()
    }
}

impl<S: Into<String>> From<Vec<S>> for Tags {
    fn from(tags: Vec<S>) -> Self {
        tags.into_iter().collect()
    }
}

impl<S: Into<String>> FromIterator<S> for Tags {
    fn from_iter<I: IntoIterator<Item = S>>(tags: I) -> Self {
        Self(tags.into_iter().map(Into::into).collect())
    }
}

impl IntoIterator for Tags {
    type Item = String;
    type IntoIter = std::vec::IntoIter<String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tags {
    /// Reads an array, one string with commas, or `null`, which is no tags.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TagsVisitor)
    }
}

struct TagsVisitor;

impl<'de> Visitor<'de> for TagsVisitor {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tags in an array, or in one string with commas")
    }

    fn visit_unit<E>(self) -> Result<Tags, E> {
        Ok(Tags::default())
    }

    fn visit_str<E>(self, line: &str) -> Result<Tags, E> {
        Ok(Tags::of_line(line).collect())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Tags, A::Error> {
        let mut tags = Vec::new();
        while let Some(tag) = array.next_element()? {
            tags.push(tag);
        }
        Ok(Tags(tags))
    }
}

#[cfg(test)]
mod tests {
    use super::Tags;

    #[test]
    fn tags_are_a_list_in_whatever_form_they_are_stored() {
        let both = Tags::from(["a", "b c"]);
        for (json, expected) in [
            (r#""a,b c""#, &both),
            (r#"["a","b c"]"#, &both),
            ("null", &Tags::default()),
            (r#""""#, &Tags::default()),
        ] {
            assert_eq!(serde_json::from_str::<Tags>(json).unwrap(), *expected, "{json}");
        }
        assert_eq!(serde_json::to_string(&both).unwrap(), r#"["a","b c"]"#);
    }
}

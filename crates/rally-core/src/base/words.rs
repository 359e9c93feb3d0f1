//! Closed sets of words: what callers write as text is an enum for hosts.

/// Says that a text is not one of the words of a closed set: completes "*value* …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", .words.join(", "))]
pub struct UnknownWord {
    pub(crate) words: &'static [&'static str],
}

impl UnknownWord {
    /// The words of the set.
    #[must_use]
    pub const fn words(&self) -> &'static [&'static str] {
        self.words
    }
}

/// A closed set of words, as documentation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedSet {
    /// The name of the type.
    pub name: &'static str,
    /// Every word.
    pub words: &'static [&'static str],
    /// The meaning of the set and of each word, as Markdown.
    pub description: &'static str,
}

/// Declares an enum whose values are words, each stated once: rules, JSON and documentation are made of them.
macro_rules! closed_set {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident { $($(#[doc = $value_doc:literal])* $value:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $value_doc])* $value,)+ }

        impl $name {
            /// Every value, in the order of the words.
            pub const ALL: &'static [$name] = &[$($name::$value),+];
            /// Every word.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// The set with its documentation.
            #[doc(hidden)]
            pub const SET: $crate::base::ClosedSet = $crate::base::ClosedSet {
                name: stringify!($name),
                words: Self::WORDS,
                description: concat!($($doc,)* $("\n* `", $word, "`:", $($value_doc,)*)+),
            };

            /// The word, as it is written in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$value => $word,)+ }
            }

            /// The JSON text of the word.
            #[must_use]
            pub const fn json(self) -> &'static str {
                match self { $($name::$value => concat!("\"", $word, "\""),)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok($name::$value),)+
                    _ => Err($crate::base::UnknownWord { words: $name::WORDS }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::base::read_text(deserializer)
            }
        }
    };
}

pub(crate) use closed_set;

/// Reads a value that is text in JSON.
pub(crate) fn read_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: serde::Deserializer<'de>,
{
    let text = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

closed_set! {
    /// Strictness of reading requests.
    pub enum Profile {
        /// As documented: unknown members and parameters are ignored.
        Documented = "documented",
        /// Unknown members, parameters and fields are refused.
        Strict = "strict",
    }
}

closed_set! {
    /// A change of a record, as the feed names it.
    pub enum Action {
        /// The record was created.
        Inserted = "inserted",
        /// The record was changed.
        Updated = "updated",
        /// The record was deleted.
        Deleted = "deleted",
    }
}

impl Action {
    /// The number that stored feed entries hold.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Action::Inserted => 1,
            Action::Updated => 2,
            Action::Deleted => 3,
        }
    }

    /// The action with that number.
    pub(crate) fn from_number(number: u8) -> Option<Action> {
        Action::ALL.iter().copied().find(|action| action.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_a_word_and_is_read_from_it_alone() {
        for profile in Profile::ALL {
            assert_eq!(profile.as_str().parse(), Ok(*profile));
            let json = serde_json::to_string(profile).unwrap();
            assert_eq!(json, profile.json());
            assert_eq!(serde_json::from_str::<Profile>(&json).unwrap(), *profile);
        }
        assert_eq!(Profile::WORDS, ["documented", "strict"]);
        for word in ["", "Strict", "strict ", "lax"] {
            let error = word.parse::<Profile>().unwrap_err();
            assert_eq!(error.to_string(), "must be one of documented, strict");
        }
    }
}

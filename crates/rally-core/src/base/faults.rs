use std::collections::BTreeMap;

use super::{Code, Error};

/// All that is wrong with an input, by member name, each a phrase that completes "*member* …".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<String, Vec<String>>);

impl Faults {
    /// No fault yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// One fault.
    #[must_use]
    pub fn one(member: &str, phrase: impl Into<String>) -> Self {
        let mut faults = Self::new();
        faults.add(member, phrase);
        faults
    }

    /// Adds a fault of a member.
    pub fn add(&mut self, member: &str, phrase: impl Into<String>) {
        self.0.entry(member.to_owned()).or_default().push(phrase.into());
    }

    /// Adds another's faults, each member's name behind a prefix such as `items[3].`.
    pub fn add_all(&mut self, prefix: &str, other: Faults) {
        for (member, phrases) in other.0 {
            self.0.entry(format!("{prefix}{member}")).or_default().extend(phrases);
        }
    }

    /// True when nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members at fault and what is wrong with each.
    #[must_use]
    pub const fn by_member(&self) -> &BTreeMap<String, Vec<String>> {
        &self.0
    }

    /// Nothing when nothing is wrong, else an error that holds all of it.
    ///
    /// # Errors
    /// [`Code::Validation`] with these faults.
    pub fn into_result(self) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(self.into()) }
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        let detail = match faults.0.iter().next() {
            Some((member, phrases)) if faults.0.len() == 1 => {
                format!("{member} {}", phrases.join(" and "))
            }
            _ => format!("{} fields are invalid", faults.0.len()),
        };
        Error::new(Code::Validation, detail).with_faults(faults)
    }
}

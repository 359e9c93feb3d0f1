use std::collections::BTreeMap;

use super::{Code, Error};

/// Members whose faults are told, at most. A longer list helps no caller.
const TOLD: usize = 200;

/// Faults of an input, by member name, each a phrase that completes "*member* …". If very many members are at fault,
/// only the first are told.
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
        if let Some(phrases) = self.phrases(member) {
            phrases.push(phrase.into());
        }
    }

    /// The list of a member's phrases; `None` if too many other members are at fault.
    fn phrases(&mut self, member: &str) -> Option<&mut Vec<String>> {
        let is_told = self.0.len() < TOLD || self.0.contains_key(member);
        is_told.then(|| self.0.entry(member.to_owned()).or_default()).filter(|phrases| phrases.len() < TOLD)
    }

    /// Adds another's faults, each member's name behind a prefix such as `items[3].`.
    pub fn add_all(&mut self, prefix: &str, other: Faults) {
        for (member, phrases) in other.0 {
            if let Some(known) = self.phrases(&format!("{prefix}{member}")) {
                known.extend(phrases);
            }
        }
    }

    /// True when there is no fault.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members at fault and what is wrong with each.
    #[must_use]
    pub const fn by_member(&self) -> &BTreeMap<String, Vec<String>> {
        &self.0
    }

    /// Turns the faults into an error; `Ok` if there is none.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_great_many_faults_are_told_in_part() {
        let mut faults = Faults::new();
        for number in 0..100_000 {
            faults.add(&number.to_string(), "is wrong");
            faults.add("0", "is wrong");
        }
        assert_eq!(faults.by_member().len(), TOLD);
        assert!(faults.by_member().values().all(|phrases| phrases.len() <= TOLD));
    }
}

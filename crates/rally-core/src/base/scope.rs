use std::{fmt, str::FromStr};

/// What a caller may do. Each scope holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Every read of records, the feed and exports.
    Read,
    /// Creating, updating and deleting records, and imports.
    Write,
    /// API keys, webhooks, settings, and writing pipelines and users.
    Admin,
}

/// Names the scope that no ladder has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; use read, write or admin")]
pub struct UnknownScope(String);

impl Scope {
    /// The scope's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    /// The scope and those that it holds, the least first: `read,write`.
    #[must_use]
    pub const fn ladder(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "read,write",
            Scope::Admin => "read,write,admin",
        }
    }

    /// The highest scope of a comma-separated list such as `read,write`.
    ///
    /// # Errors
    /// The first name that is not a scope; an empty list is one too.
    pub fn highest(list: &str) -> Result<Scope, UnknownScope> {
        let mut highest = None;
        for name in list.split(',') {
            highest = highest.max(Some(name.trim().parse()?));
        }
        highest.ok_or_else(|| UnknownScope(list.to_owned()))
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        [Scope::Read, Scope::Write, Scope::Admin]
            .into_iter()
            .find(|scope| scope.name() == name)
            .ok_or_else(|| UnknownScope(name.to_owned()))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Scope;

    #[test]
    fn the_highest_of_a_list_counts_and_unknown_names_do_not_pass() {
        assert_eq!(Scope::highest("read"), Ok(Scope::Read));
        assert_eq!(Scope::highest("write, read"), Ok(Scope::Write));
        assert_eq!(Scope::highest("read,admin"), Ok(Scope::Admin));
        for list in ["", "root", "read,", "READ", "read write"] {
            assert!(Scope::highest(list).is_err(), "{list}");
        }
    }
}

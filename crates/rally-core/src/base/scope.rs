use std::{fmt, ops::BitOr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{closed_set, read_text};

closed_set! {
    /// Permission of a caller. Each scope includes the ones before it.
    pub enum Scope {
        /// Every read of records, the feed and exports.
        Read = "read",
        /// Creating, updating and deleting records, and imports.
        Write = "write",
        /// API keys, webhooks, settings, and writing pipelines and users.
        Admin = "admin",
    }
}

/// Says that a text is not a list of scopes, and names the first word that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a scope; use read, write or admin")]
pub struct UnknownScope(String);

/// The scopes of a credential, at least one; the highest of them counts.
///
/// ```
/// use rally_core::{Scope, Scopes};
///
/// let scopes = Scope::Read | Scope::Write;
/// assert_eq!(scopes.to_string(), "read,write");
/// assert_eq!(scopes.highest(), Scope::Write);
/// assert_eq!("write, read".parse(), Ok(scopes));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scopes {
    highest: Scope,
    /// A bit for each scope, by its place in [`Scope::ALL`].
    bits: u8,
}

impl Scope {
    /// The scope and those that it includes, the least first: `read,write`.
    #[must_use]
    pub fn with_lower(self) -> Scopes {
        Scope::ALL.iter().filter(|scope| **scope <= self).fold(self.into(), |scopes, scope| scopes | *scope)
    }

    const fn bit(self) -> u8 {
        match self {
            Scope::Read => 1,
            Scope::Write => 2,
            Scope::Admin => 4,
        }
    }
}

impl Scopes {
    /// The highest of them, which counts.
    #[must_use]
    pub const fn highest(self) -> Scope {
        self.highest
    }

    /// The scopes, the least first.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.bits & scope.bit() != 0)
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self { highest: scope, bits: scope.bit() }
    }
}

impl BitOr<Scope> for Scopes {
    type Output = Scopes;

    fn bitor(self, scope: Scope) -> Scopes {
        Self { highest: self.highest.max(scope), bits: self.bits | scope.bit() }
    }
}

impl BitOr for Scope {
    type Output = Scopes;

    fn bitor(self, scope: Scope) -> Scopes {
        Scopes::from(self) | scope
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Reads a comma-separated list such as `read,write`; an empty one is none.
    fn from_str(list: &str) -> Result<Self, UnknownScope> {
        let mut scopes: Option<Scopes> = None;
        for word in list.split(',').map(str::trim) {
            let scope: Scope = word.parse().map_err(|_| UnknownScope(word.to_owned()))?;
            scopes = Some(scopes.map_or(scope.into(), |scopes| scopes | scope));
        }
        scopes.ok_or_else(|| UnknownScope(list.to_owned()))
    }
}

impl fmt::Display for Scopes {
    /// The list, the least first: `read,write`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.iter().map(Scope::as_str).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_text(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_of_a_list_counts_and_unknown_words_do_not_pass() {
        for (list, highest, written) in [
            ("read", Scope::Read, "read"),
            ("write, read", Scope::Write, "read,write"),
            ("read,admin", Scope::Admin, "read,admin"),
            ("admin,admin", Scope::Admin, "admin"),
        ] {
            let scopes: Scopes = list.parse().unwrap();
            assert_eq!((scopes.highest(), scopes.to_string().as_str()), (highest, written));
        }
        for list in ["", "root", "read,", "READ", "read write"] {
            assert!(list.parse::<Scopes>().is_err(), "{list}");
        }
    }

    #[test]
    fn a_scope_includes_those_before_it() {
        let lists = Scope::ALL.iter().map(|scope| scope.with_lower().to_string());
        assert!(lists.eq(["read", "read,write", "read,write,admin"]));
    }
}

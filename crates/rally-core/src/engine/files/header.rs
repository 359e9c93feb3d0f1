//! The header row: which member each column is for.

use std::collections::BTreeMap;

use super::{
    column::{Column, Target},
    faults::bad_file,
    table::Synonyms,
};
use crate::base::{Error, Faults};

/// The columns that a resource knows, and their names in other programs.
pub(crate) struct Known {
    columns: Vec<Column>,
    /// Columns by the letters and digits of their names.
    by_letters: BTreeMap<String, usize>,
    /// Columns by the letters and digits of the names that other programs give them.
    by_synonym: BTreeMap<String, usize>,
}

/// The columns of a file, in its order.
#[derive(Debug)]
pub(crate) struct Header {
    /// The meaning of each column, if it is known.
    pub(crate) columns: Vec<Option<Column>>,
    /// Names of the columns that are not.
    pub(crate) unknown: Vec<String>,
    /// The name of the member that each column is read as.
    pub(crate) mapping: BTreeMap<String, String>,
}

/// The ways in which a column's name may match, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Asked,
    Exact,
    Letters,
    Synonym,
}

impl Known {
    pub(crate) fn new(columns: Vec<Column>, synonyms: Synonyms) -> Self {
        let place = |name: &str| columns.iter().position(|column| column.name == name);
        let by_letters = columns.iter().enumerate().map(|(at, column)| (letters(&column.name), at)).collect();
        let by_synonym = synonyms
            .iter()
            .filter_map(|(name, others)| place(name).map(|at| (at, others)))
            .flat_map(|(at, others)| others.iter().map(move |other| (letters(other), at)))
            .collect();
        Self { columns, by_letters, by_synonym }
    }

    /// True when a column of this name is known.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Finds what each column of a header row is for.
    ///
    /// # Errors
    /// Fails if two columns are for the same member or have the same name, if none is known, and if the mapping names
    /// what is not there.
    pub(crate) fn read(
        &self,
        names: &[String],
        mapping: &BTreeMap<String, Option<String>>,
    ) -> Result<Header, Error> {
        check_names(names)?;
        let mut found: Vec<Option<(Match, usize)>> =
            names.iter().map(|name| self.find(name.trim())).collect();
        self.apply(mapping, names, &mut found)?;
        self.settle(names, &mut found, mapping)?;
        let mut header = Header { columns: Vec::new(), unknown: Vec::new(), mapping: BTreeMap::new() };
        for (name, found) in names.iter().zip(&found) {
            let column = found.and_then(|(_, at)| self.columns.get(at)).cloned();
            let is_ignored = mapping.get(name.trim()).is_some_and(Option::is_none);
            match &column {
                Some(column) => drop(header.mapping.insert(name.trim().to_owned(), column.name.clone())),
                None if name.trim().is_empty() || is_ignored => {}
                None => header.unknown.push(name.trim().to_owned()),
            }
            header.columns.push(column);
        }
        if header.mapping.is_empty() {
            let known = self.columns.iter().take(4).map(|column| column.name.as_str()).collect::<Vec<_>>();
            let phrase = format!("has no column that is known, such as {}", known.join(", "));
            return Err(bad_file(phrase));
        }
        Ok(header)
    }

    fn find(&self, name: &str) -> Option<(Match, usize)> {
        let exact = self.columns.iter().position(|column| column.name == name);
        let letters = letters(name);
        exact
            .map(|at| (Match::Exact, at))
            .or_else(|| self.by_letters.get(&letters).map(|at| (Match::Letters, *at)))
            .or_else(|| self.by_synonym.get(&letters).map(|at| (Match::Synonym, *at)))
    }

    /// Lays the mapping over what was found.
    fn apply(
        &self,
        mapping: &BTreeMap<String, Option<String>>,
        names: &[String],
        found: &mut [Option<(Match, usize)>],
    ) -> Result<(), Error> {
        let mut faults = Faults::new();
        for (column, member) in mapping {
            let Some(place) = names.iter().position(|name| name.trim() == column.trim()) else {
                faults.add("mapping", format!("names {column:?}, which is no column of the file"));
                continue;
            };
            let at = member.as_ref().map(|member| {
                let at = self.columns.iter().position(|known| known.name == *member);
                if at.is_none() {
                    faults.add("mapping", format!("names {member:?}, which is not a member"));
                }
                at
            });
            if let Some(found) = found.get_mut(place) {
                *found = at.flatten().map(|at| (Match::Asked, at));
            }
        }
        faults.into_result()
    }

    /// Lets each member have the column whose name matches best.
    fn settle(
        &self,
        names: &[String],
        found: &mut [Option<(Match, usize)>],
        mapping: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Error> {
        let claims: Vec<(Match, usize)> = found.iter().flatten().copied().collect();
        for (name, place) in names.iter().zip(found.iter_mut()) {
            let Some((matched, at)) = *place else { continue };
            let best = claims.iter().filter(|claim| claim.1 == at).min().map_or(matched, |claim| claim.0);
            let equals = claims.iter().filter(|claim| **claim == (matched, at)).count();
            if best < matched {
                *place = None;
            } else if equals > 1 {
                let member = self.columns.get(at).map_or("", |column| column.name.as_str());
                let hint = if mapping.is_empty() { "; say by a mapping which of them counts" } else { "" };
                return Err(bad_file(format!(
                    "has two columns for {member}, one of them {:?}{hint}",
                    name.trim()
                )));
            }
        }
        Ok(())
    }
}

impl Header {
    /// The place of the column for something.
    pub(crate) fn place(&self, is: impl Fn(&Target) -> bool) -> Option<usize> {
        self.columns.iter().position(|column| column.as_ref().is_some_and(|column| is(&column.target)))
    }
}

/// Refuses a name that two columns have.
fn check_names(names: &[String]) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    let twice = names.iter().map(|name| name.trim()).find(|name| !name.is_empty() && !seen.insert(*name));
    match twice {
        Some(name) => Err(bad_file(format!("has two columns named {name:?}"))),
        None => Ok(()),
    }
}

/// The letters and digits of a name, in lower case: what is left when case, blanks and punctuation do not count.
fn letters(name: &str) -> String {
    let plain = name.chars().filter(|c| c.is_alphanumeric() || *c == '(');
    plain.flat_map(char::to_lowercase).collect()
}

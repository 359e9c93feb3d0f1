//! Files' view of a resource: its other names for columns, the keys of its rows, and the records that it refers to.

use uuid::Uuid;

use super::{ImportKey, inputs::Inputs, lookup::Lookup, relations::Relations};
use crate::{
    base::Error,
    engine::write::{Creatable, MatchedBy},
};

/// A resource whose records go out to files and come in from them. Its columns are its members. This trait is sealed.
pub trait Tabular: Creatable {
    #[doc(hidden)]
    fn table() -> Table;
}

/// All that files know of a resource besides its members.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The names that other programs give to its columns.
    pub(crate) synonyms: Synonyms,
    /// The keys by which a row may find its record besides the id; the first is the one unless another is asked for.
    pub(crate) keys: &'static [(ImportKey, FoundBy)],
    /// The records of all kinds, as far as rows refer to them.
    pub(crate) relations: &'static Relations,
    /// Completes the members of a row, when its cells have been read and its references resolved.
    pub(crate) complete: Complete,
}

/// Names of columns in other programs, by the name of the column here.
pub(crate) type Synonyms = &'static [(&'static str, &'static [&'static str])];

/// A rule of a resource's own for the rows of a file.
pub(crate) type Complete = fn(&mut Inputs, &mut Lookup<'_>) -> Result<(), Error>;

/// The way in which a row finds its record by a key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FoundBy {
    /// As an upsert does.
    Upsert(MatchedBy),
    /// By the name that one record has.
    Name,
}

/// The way in which the rows of an import find their records.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RowKey {
    /// By the id in the row.
    Id,
    /// By a member.
    Member(FoundBy),
}

/// The id of a row's record, as the row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowId {
    /// The row has none.
    Missing,
    /// An id.
    Id(Uuid),
    /// A text that is no id of ours.
    Foreign,
}

impl RowId {
    /// The id, if the row has one.
    pub(crate) fn known(&self) -> Option<Uuid> {
        match self {
            RowId::Id(id) => Some(*id),
            RowId::Missing | RowId::Foreign => None,
        }
    }
}

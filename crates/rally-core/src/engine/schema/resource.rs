use super::{Model, Row};
use crate::base::{Error, Kind, Scope};

/// A type of record: its members, and the scope that reading takes. The implementing type is what a host reads.
///
/// This trait is sealed: only this crate implements it.
pub trait Resource: sealed::Sealed + Send + Sync + Sized + 'static {
    /// The kind of its records.
    const KIND: Kind;
    /// The scope that reading takes.
    const READ: Scope = Scope::Read;
    /// Name of the part, if the resource is only a part of a kind's records; empty otherwise.
    const PART: &'static str = "";

    /// The members that every tenant's records have.
    ///
    /// Code that handles records of a tenant asks [`TenantInfo::model`](super::TenantInfo::model).
    fn model() -> &'static Model;

    /// Reads a record.
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when the stored bytes are damaged.
    fn read(row: &Row<Self>) -> Result<Self, Error>;
}

/// A resource whose records are found by a natural key, such as an e-mail address. This trait is sealed.
pub trait Keyed: Resource {
    /// The name of the member that is the natural key.
    const KEY: &'static str;
}

/// A resource whose lists can be searched by the beginnings of names. This trait is sealed.
pub trait Searchable: Resource {}

/// A resource whose records are in the feed, and have a history that reaches back as far. This trait is sealed.
pub trait Recorded: Resource {}

pub(crate) mod sealed {
    /// Supertrait that only this crate can name, so that no other crate implements a trait that requires it.
    pub trait Sealed {}
}

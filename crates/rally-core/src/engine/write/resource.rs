//! Capability traits of resources: a verb that a resource does not have does not compile.

use super::{Definition, MatchedBy};
use crate::{
    base::Scope,
    engine::schema::{Given, Resource, Sealed},
};

/// A resource that callers update.
///
/// Its [`Update`](Editable::Update) changes a record, and its [`Draft`](Creatable::Draft), if it has one, creates one.
/// The stored form is a third type, which stays inside the engine, so no input can reach a member that it may not
/// write.
///
/// This trait is sealed.
pub trait Editable: Resource {
    /// The scope that writing takes.
    const WRITE: Scope = Scope::Write;
    /// The type that updates a record.
    type Update: Update<Self>;

    #[doc(hidden)]
    fn definition() -> Definition;
}

/// A resource whose records callers also create and delete. This trait is sealed.
pub trait Creatable: Editable {
    /// The type that creates a record.
    type Draft: Draft<Self>;
}

/// A resource with an upsert: one step updates the record that matches, or creates one. This trait is sealed.
pub trait Upsertable: Creatable {
    /// The members that a record is matched by.
    fn matched_by() -> MatchedBy;
}

/// A resource with a bulk: one step creates many records. This trait is sealed.
pub trait Bulkable: Creatable {}

/// A value that creates an `R`. This trait is sealed.
pub trait Draft<R>: Sealed {
    #[doc(hidden)]
    fn given(&self) -> &Given;
}

/// A value that updates an `R`, member by member. This trait is sealed.
pub trait Update<R>: Sealed {
    #[doc(hidden)]
    fn given(&self) -> &Given;
}

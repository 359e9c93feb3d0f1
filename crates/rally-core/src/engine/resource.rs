use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{Change, Draft, Json, Link, Matching, Model};
use crate::base::{Kind, Scope};

/// A kind of record: what it is called, what members it has and who may read it. The type itself is what a host reads.
pub trait Resource: DeserializeOwned + Send + Sync + Sized + 'static {
    /// Its kind.
    const KIND: Kind;
    /// What reading it takes.
    const READ: Scope = Scope::Read;

    /// What it is called where it is a part of the records of its kind and not all of them.
    const PART: &'static str = "";

    /// Its members.
    fn model() -> &'static Model;

    /// The members of all resources by which a record may name one of this resource.
    fn links() -> Vec<Link>;
}

/// A resource that callers update.
///
/// Its [`Change`](Editable::Change) is what updates a record, and its [`Draft`](Creatable::Draft), if it has one, what
/// creates one. What is stored is yet another form, which stays inside the engine, so no input can reach a member that
/// it may not write.
pub trait Editable: Resource {
    /// What writing it takes.
    const WRITE: Scope = Scope::Write;
    /// What updates a record.
    type Change: Change<Self>;
}

/// A resource that callers create and delete, too.
pub trait Creatable: Editable {
    /// What creates a record.
    type Draft: Draft<Self>;
}

/// A resource of which a record can be created or, if there is one that matches, updated in one step.
pub trait Upsertable: Creatable {
    /// What it is matched by.
    fn matched_by() -> Matching;
}

/// A resource of which many can be created in one step.
pub trait Bulkable: Creatable {}

impl<R: Creatable> Draft<R> for Json<'_> {
    fn to_json(&self) -> Cow<'_, [u8]> {
        self.0.into()
    }
}

impl<R: Editable> Change<R> for Json<'_> {
    fn to_json(&self) -> Cow<'_, [u8]> {
        self.0.into()
    }
}

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use super::{Change, Draft, Json, Model};
use crate::base::{Kind, Scope};

/// A kind of record: what it is called, what members it has and who may read it. The type itself is what a host reads.
pub trait Resource: DeserializeOwned + Send + Sync + Sized + 'static {
    /// Its kind.
    const KIND: Kind;
    /// What reading it takes.
    const READ: Scope = Scope::Read;

    /// Its members.
    fn model() -> &'static Model;
}

/// A resource that callers create, update and delete.
///
/// Its [`Draft`](Editable::Draft) is what creates one and its [`Change`](Editable::Change) what updates one. What is
/// stored is yet another form, which stays inside the engine, so no input can reach a member that it may not write.
pub trait Editable: Resource {
    /// What writing it takes.
    const WRITE: Scope = Scope::Write;
    /// What creates a record.
    type Draft: Draft<Self>;
    /// What updates a record.
    type Change: Change<Self>;
}

/// A resource that can be created or updated by its natural key in one step.
pub trait Upsertable: Editable {}

/// A resource of which many can be created in one step.
pub trait Bulkable: Editable {}

impl<R: Editable> Draft<R> for Json<'_> {
    fn to_json(&self) -> Cow<'_, [u8]> {
        self.0.into()
    }
}

impl<R: Editable> Change<R> for Json<'_> {
    fn to_json(&self) -> Cow<'_, [u8]> {
        self.0.into()
    }
}

use std::{fmt, marker::PhantomData};

use super::{
    Session, WriteOptions,
    verbs::{Atomicity, Bulk, Verbs},
};
use crate::{
    base::{Error, Id},
    engine::{
        read::{ListQuery, Page},
        schema::{Resource, Row},
        write::{Bulkable, Creatable, Editable, Upsertable, Written},
    },
};

/// The records of a [`Collection`](crate::Collection) for adapters: drafts and updates are the JSON that a caller sent,
/// and records are answered in their stored form, from which JSON is written.
pub struct JsonCollection<'s, R> {
    pub(crate) session: &'s Session,
    of: PhantomData<fn() -> R>,
}

impl<'s, R: Resource> JsonCollection<'s, R> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Self { session, of: PhantomData }
    }

    /// The record with an id.
    ///
    /// # Errors
    /// Those of [`Collection::get`](crate::Collection::get).
    pub fn get(&self, id: Id<R>) -> Result<Row<R>, Error> {
        self.session.view()?.records::<R>().rows().get(id)
    }

    /// Part of a list.
    ///
    /// # Errors
    /// Those of [`Collection::list`](crate::Collection::list).
    pub fn list(&self, query: &ListQuery<R>) -> Result<Page<Row<R>>, Error> {
        self.session.view()?.records::<R>().rows().page(query)
    }
}

impl<'s, R: Editable> JsonCollection<'s, R> {
    pub(crate) fn verbs(&self) -> Verbs<'s, R> {
        Verbs::new(self.session)
    }

    /// Updates a record by a JSON object: a member left out stays, `null` clears.
    ///
    /// # Errors
    /// Those of [`Collection::update_with`](crate::Collection::update_with), and
    /// [`Code::MalformedJson`](crate::Code::MalformedJson).
    pub fn update(&self, id: Id<R>, json: &[u8], options: &WriteOptions) -> Result<Written<Row<R>>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.update(id, &verbs.body_of_json(json, "the body")?, options)
    }
}

impl<R: Creatable> JsonCollection<'_, R> {
    /// Creates a record from a JSON object.
    ///
    /// # Errors
    /// Those of [`Collection::create_with`](crate::Collection::create_with), and
    /// [`Code::MalformedJson`](crate::Code::MalformedJson).
    pub fn create(&self, json: &[u8], options: &WriteOptions) -> Result<Written<Row<R>>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.create(&verbs.body_of_json(json, "the body")?, options)
    }
}

impl<R: Upsertable> JsonCollection<'_, R> {
    /// Updates the one record that a JSON object matches, or creates one. The object is a draft, or an update with the
    /// members that records are matched by.
    ///
    /// # Errors
    /// Those of [`Collection::upsert_with`](crate::Collection::upsert_with), and
    /// [`Code::MalformedJson`](crate::Code::MalformedJson).
    pub fn upsert(&self, json: &[u8], options: &WriteOptions) -> Result<Written<Row<R>>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.upsert(&verbs.body_of_json(json, "the body")?, options)
    }
}

impl<R: Bulkable> JsonCollection<'_, R> {
    /// Creates a record from each object of a JSON array, in one transaction.
    ///
    /// # Errors
    /// Those of [`Collection::create_many_with`](crate::Collection::create_many_with), and
    /// [`Code::MalformedJson`](crate::Code::MalformedJson).
    pub fn create_many(
        &self,
        json: &[u8],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.create_many(&verbs.bodies_of_json(json)?, atomicity, options)
    }
}

// Derives would ask the same of `R`.
impl<R> Clone for JsonCollection<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for JsonCollection<'_, R> {}

impl<R: Resource> fmt::Debug for JsonCollection<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonCollection").field("kind", &R::KIND).finish_non_exhaustive()
    }
}

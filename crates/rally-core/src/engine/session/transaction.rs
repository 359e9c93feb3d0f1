use std::{fmt, marker::PhantomData};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Session, View,
    verbs::{body_of, body_of_json, definition, written},
};
use crate::{
    base::{Error, Id, Timestamp},
    engine::{
        schema::{Body, Given, Keyed, Resource, Row},
        write::{
            self, Answer, Creatable, Definition, Draft, Editable, IdempotencyKey, Precondition, Transaction,
            Update, Upsertable, Written,
        },
    },
    store::Key,
};

/// The records of a resource within a transaction: each verb sees what the ones before it wrote.
///
/// Besides the errors that it names, each verb fails with [`Code::Forbidden`](crate::Code::Forbidden) when the scope
/// is too small.
pub struct TransactionCollection<'t, 's, R> {
    transaction: &'t mut Transaction<'s>,
    of: PhantomData<fn() -> R>,
}

impl Session {
    /// Runs several verbs in one transaction: all are applied, or none is. Each sees what the ones before it wrote. An
    /// error of the closure rolls everything back.
    ///
    /// The closure may run more than once, each time on a newer state, and only the last run counts; so it has no
    /// effects outside the transaction. It must not use the session, as a write would wait for itself. No other write
    /// of the tenant runs meanwhile, so keep it short: hashing a user's password in it takes tens of milliseconds.
    ///
    /// After a verb was refused for its input the closure may go on, as the verb has changed nothing. After one that
    /// failed inside, nothing is committed whatever the closure answers.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let looms = acme.write(|tx| {
    ///     let looms = tx.companies().create(&CompanyDraft::new("Looms Ltd"))?;
    ///     tx.contacts().update(ada.id, &ContactUpdate::new().company_id(looms.id))?;
    ///     Ok(looms)
    /// })?;
    /// assert_eq!(acme.contacts().get(ada.id)?.company_id, Some(looms.id));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the closure, and those of the store: [`Code::LimitExceeded`](crate::Code::LimitExceeded) when the
    /// transaction is larger than it can hold.
    pub fn write<T>(&self, work: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_reading(&Vec::new, work)
    }

    /// [`write`](Self::write) that names keys which it is going to read, so that a store behind a network reads them in one
    /// round trip.
    pub(crate) fn write_reading<T>(
        &self,
        keys: &dyn Fn() -> Vec<Key>,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut result = None;
        self.commit(None, keys, &mut |transaction| {
            // The store may run this again on a newer state; what the last run answered is what is committed.
            result = Some(work(transaction)?);
            Ok(Answer::Nothing)
        })?;
        result.ok_or_else(|| Error::internal("a transaction that was committed has run"))
    }

    /// [`write`](Self::write) that happens once for a key. If it is repeated, the closure does not run and the first
    /// result is answered, which is kept as JSON.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let key = IdempotencyKey::new("order-7", &[b"Looms Ltd"])?;
    /// let order = || acme.write_once(&key, |tx| Ok(tx.companies().create(&CompanyDraft::new("Looms Ltd"))?.id));
    /// assert_eq!(order()?, order()?);
    /// assert_eq!(acme.companies().count(Query::all())?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `write`; [`Code::IdempotencyMismatch`](crate::Code::IdempotencyMismatch) when the key was used for
    /// something else, and [`Code::Conflict`](crate::Code::Conflict) while its first write is still running.
    pub fn write_once<T: Serialize + DeserializeOwned>(
        &self,
        key: &IdempotencyKey,
        mut work: impl FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        Ok(self.commit_value(Some(key), &mut work)?.0)
    }

    /// Runs a transaction whose result is kept as JSON, if it has a key; true beside a result that was kept.
    pub(crate) fn commit_value<T: Serialize + DeserializeOwned>(
        &self,
        key: Option<&IdempotencyKey>,
        work: &mut dyn FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, bool), Error> {
        // The key of a transaction is never answered by a single verb's answer, which has another form.
        let key = key.map(IdempotencyKey::for_transaction);
        let committed = self.commit(key.as_ref(), &Vec::new, &mut |transaction| {
            let result = work(transaction)?;
            Ok(Answer::Value { json: serde_json::to_vec(&result).map_err(Error::internal)? })
        })?;
        match committed.answer {
            Answer::Value { json } => {
                Ok((serde_json::from_slice(&json).map_err(Error::internal)?, committed.replayed))
            }
            _ => Err(Answer::of_another_kind()),
        }
    }
}

impl<'s> Transaction<'s> {
    pub(crate) fn records<R: Resource>(&mut self) -> TransactionCollection<'_, 's, R> {
        TransactionCollection { transaction: self, of: PhantomData }
    }
}

impl<'t, 's, R: Resource> TransactionCollection<'t, 's, R> {
    /// The record with an id.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.write(|tx| {
    ///     tx.contacts().update(ada.id, &ContactUpdate::new().city("London"))?;
    ///     assert_eq!(tx.contacts().get(ada.id)?.city.as_deref(), Some("London"));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when there is none.
    pub fn get(&mut self, id: Id<R>) -> Result<R, Error> {
        self.view()?.records::<R>().get(id)
    }

    /// The record that has a natural key; `None` when there is none.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let found = acme.write(|tx| tx.contacts().find("ADA@x.example"))?;
    /// assert_eq!(found, Some(ada));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) when the scope is too small to read.
    pub fn find(&mut self, key: &str) -> Result<Option<R>, Error>
    where
        R: Keyed,
    {
        self.view()?.records::<R>().find(key)
    }

    /// The tenant as the transaction would leave it.
    pub(crate) fn view(&mut self) -> Result<View<'_>, Error> {
        self.transaction.view()
    }

    /// The same records for adapters: JSON in, and JSON out.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let json = br#"{"name": "Looms Ltd"}"#;
    /// let written = acme.write(|tx| tx.companies().json().create(json))?;
    /// assert_eq!(written.record.read()?.name, "Looms Ltd");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn json(self) -> TransactionJson<'t, 's, R> {
        TransactionJson(self)
    }
}

impl<R: Editable> TransactionCollection<'_, '_, R> {
    /// Updates a record, as [`Collection::update`](crate::Collection::update) does.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let result = acme.write(|tx| {
    ///     tx.contacts().update(ada.id, &ContactUpdate::new().city("London"))?;
    ///     tx.contacts().update(ada.id, &ContactUpdate::new().lead_score(101))
    /// });
    /// assert!(result.unwrap_err().is_invalid());
    /// assert_eq!(acme.contacts().get(ada.id)?, ada, "both are rolled back");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Collection::update`.
    pub fn update(&mut self, id: Id<R>, update: &impl Update<R>) -> Result<R, Error> {
        let body = self.body(update.given())?;
        let id = id.as_uuid();
        let written = self.run(Written::typed, |transaction, definition| {
            write::update(transaction, definition, id, &body, Precondition::NONE)
        })?;
        Ok(written.record)
    }

    /// [`update`](Self::update) of a record that is still at a version, the instant of its last change.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let update = ContactUpdate::new().city("London");
    /// let written = acme.write(|tx| tx.contacts().update_if(ada.id, &update, ada.updated_at))?;
    /// assert_eq!(written.outcome, WriteOutcome::Updated);
    /// let error = acme.write(|tx| tx.contacts().update_if(ada.id, &update, ada.updated_at)).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `update`, and [`Code::PreconditionFailed`](crate::Code::PreconditionFailed).
    pub fn update_if(
        &mut self,
        id: Id<R>,
        update: &impl Update<R>,
        version: Timestamp,
    ) -> Result<Written<R>, Error> {
        let body = self.body(update.given())?;
        self.run(Written::typed, |transaction, definition| {
            write::update(transaction, definition, id.as_uuid(), &body, Precondition::version(version))
        })
    }

    /// Reads a draft or an update, if the caller may write.
    fn body<'g>(&self, given: &'g Given) -> Result<Body<'g>, Error> {
        self.transaction.require(R::WRITE)?;
        body_of::<R>(self.transaction.tenant(), self.transaction.origin().preparation, given)
    }

    /// Runs a verb, and reads the record with what is joined to it.
    pub(crate) fn run<T>(
        &mut self,
        read: impl FnOnce(Written<Row<R>>) -> Result<T, Error>,
        verb: impl FnOnce(&mut Transaction<'_>, Definition) -> Result<Answer, Error>,
    ) -> Result<T, Error> {
        self.transaction.require(R::WRITE)?;
        self.transaction.verb(|transaction| {
            let tenant = transaction.tenant();
            let answer = verb(transaction, definition::<R>(tenant))?;
            read(written::<R>(tenant, answer.joined(transaction, tenant.model::<R>())?, false)?)
        })
    }
}

impl<R: Creatable> TransactionCollection<'_, '_, R> {
    /// Creates a record, as [`Collection::create`](crate::Collection::create) does.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let ada = acme.write(|tx| {
    ///     let looms = tx.companies().create(&CompanyDraft::new("Looms Ltd"))?;
    ///     tx.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example").company_id(looms.id))
    /// })?;
    /// assert!(ada.company_id.is_some());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Collection::create`.
    pub fn create(&mut self, draft: &impl Draft<R>) -> Result<R, Error> {
        let body = self.body(draft.given())?;
        let written = self
            .run(Written::typed, |transaction, definition| write::create(transaction, definition, &body))?;
        Ok(written.record)
    }

    /// Deletes a record, as [`Collection::delete`](crate::Collection::delete) does, with all references to it at once.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let ada = acme.write(|tx| {
    ///     tx.contacts().delete(ada.id)?;
    ///     tx.contacts().create(&ContactDraft::new("Ada", "King", "ada@x.example"))
    /// })?;
    /// assert_eq!(acme.contacts().find("ada@x.example")?, Some(ada));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Collection::delete`, and [`Code::LimitExceeded`](crate::Code::LimitExceeded) when more than
    /// [`limits::LINKS`](crate::limits::LINKS) records refer to it.
    pub fn delete(&mut self, id: Id<R>) -> Result<(), Error> {
        self.delete_when(id, Precondition::NONE)
    }

    /// [`delete`](Self::delete) of a record that is still at a version, the instant of its last change.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.contacts().update(ada.id, &ContactUpdate::new().city("London"))?;
    /// let error = acme.write(|tx| tx.contacts().delete_if(ada.id, ada.updated_at)).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `delete`, and [`Code::PreconditionFailed`](crate::Code::PreconditionFailed).
    pub fn delete_if(&mut self, id: Id<R>, version: Timestamp) -> Result<(), Error> {
        self.delete_when(id, Precondition::version(version))
    }

    fn delete_when(&mut self, id: Id<R>, precondition: Precondition<'_>) -> Result<(), Error> {
        self.transaction.require(R::WRITE)?;
        let definition = definition::<R>(self.transaction.tenant());
        let delete = |transaction: &mut Transaction<'_>| {
            write::delete(transaction, definition, id.as_uuid(), precondition)
        };
        self.transaction.verb(delete).map(drop)
    }
}

impl<R: Upsertable> TransactionCollection<'_, '_, R> {
    /// Updates the one record that a draft matches, or creates one, as
    /// [`Collection::upsert`](crate::Collection::upsert) does.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let draft = ContactDraft::new("Ada", "King", "ada@x.example");
    /// let written = acme.write(|tx| tx.contacts().upsert(&draft))?;
    /// assert_eq!((written.outcome, written.record.id), (WriteOutcome::Updated, ada.id));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `Collection::upsert`.
    pub fn upsert(&mut self, draft: &impl Draft<R>) -> Result<Written<R>, Error> {
        let body = self.body(draft.given())?;
        self.run(Written::typed, |transaction, definition| {
            write::upsert(transaction, definition, R::matched_by(), &body, Precondition::NONE)
        })
    }
}

/// [`TransactionCollection`] for adapters: drafts and updates are the JSON that a caller sent, and records are
/// answered in their stored form.
pub struct TransactionJson<'t, 's, R>(pub(crate) TransactionCollection<'t, 's, R>);

impl<R: Editable> TransactionJson<'_, '_, R> {
    /// Updates a record by a JSON object.
    ///
    /// # Errors
    /// Those of [`JsonCollection::update`](crate::schema::JsonCollection::update).
    pub fn update(&mut self, id: Id<R>, json: &[u8]) -> Result<Written<Row<R>>, Error> {
        let body = self.body(json)?;
        let id = id.as_uuid();
        self.0.run(Ok, |transaction, definition| {
            write::update(transaction, definition, id, &body, Precondition::NONE)
        })
    }

    fn body<'j>(&self, json: &'j [u8]) -> Result<Body<'j>, Error> {
        let transaction = &*self.0.transaction;
        transaction.require(R::WRITE)?;
        body_of_json::<R>(transaction.tenant(), transaction.origin().preparation, json, "the body")
    }
}

impl<R: Creatable> TransactionJson<'_, '_, R> {
    /// Creates a record from a JSON object.
    ///
    /// # Errors
    /// Those of [`JsonCollection::create`](crate::schema::JsonCollection::create).
    pub fn create(&mut self, json: &[u8]) -> Result<Written<Row<R>>, Error> {
        let body = self.body(json)?;
        self.0.run(Ok, |transaction, definition| write::create(transaction, definition, &body))
    }
}

impl<R: Upsertable> TransactionJson<'_, '_, R> {
    /// Updates the one record that a JSON object matches, or creates one.
    ///
    /// # Errors
    /// Those of [`JsonCollection::upsert`](crate::schema::JsonCollection::upsert).
    pub fn upsert(&mut self, json: &[u8]) -> Result<Written<Row<R>>, Error> {
        let body = self.body(json)?;
        self.0.run(Ok, |transaction, definition| {
            write::upsert(transaction, definition, R::matched_by(), &body, Precondition::NONE)
        })
    }
}

impl<R: Resource> fmt::Debug for TransactionJson<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TransactionJson").field(&self.0).finish()
    }
}

impl<R: Resource> fmt::Debug for TransactionCollection<'_, '_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionCollection").field("kind", &R::KIND).finish_non_exhaustive()
    }
}

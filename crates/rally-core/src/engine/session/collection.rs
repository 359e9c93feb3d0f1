use std::{fmt, marker::PhantomData};

use super::{
    JsonCollection, Session, WriteOptions,
    verbs::{Atomicity, Bulk, Verbs},
};
use crate::{
    base::{Error, Id},
    engine::{
        read::{HistoryEntry, HistoryQuery, ListQuery, Page, Query},
        schema::{Keyed, Recorded, Resource},
        write::{Bulkable, Creatable, Deleted, Draft, Editable, Update, Upsertable, Written},
    },
};

/// All records of one kind of a tenant, as far as the session's scope allows. Each call is of one moment, and each
/// that writes is a transaction; see [`Session::view`] and [`Session::write`] for several at once.
///
/// Besides the errors that it names, each verb fails with [`Code::Forbidden`](crate::Code::Forbidden) when the scope
/// is too small, and with [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer; after an
/// [unknown outcome](Error::is_outcome_unknown) the write may have happened.
pub struct Collection<'s, R> {
    pub(crate) session: &'s Session,
    of: PhantomData<fn() -> R>,
}

impl<'s, R: Resource> Collection<'s, R> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Self { session, of: PhantomData }
    }

    /// The record with an id.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().get(ada.id)?.full_name, "Ada Lovelace");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when this tenant has no such record, even if another tenant has.
    pub fn get(&self, id: Id<R>) -> Result<R, Error> {
        self.session.view()?.records::<R>().get(id)
    }

    /// The record that has a natural key, such as an e-mail address, in any spelling that counts as the same; `None`
    /// when there is none.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let found = acme.contacts().find("ADA@x.example")?;
    /// assert_eq!(found.map(|contact| contact.id), Some(ada.id));
    /// assert!(acme.contacts().find("nobody@x.example")?.is_none());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) when the scope is too small to read.
    pub fn find(&self, key: &str) -> Result<Option<R>, Error>
    where
        R: Keyed,
    {
        self.session.view()?.records::<R>().find(key)
    }

    /// Part of the list of the records that a query asks for, in the order of their creation, or of their last change
    /// after [`updated_since`](Query::updated_since). Page and total are of the same moment.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let page = acme.contacts().list(Query::from(Contact::LEAD_SOURCE.is("web")).limit(20).counted())?;
    /// assert_eq!((page.records.len(), page.has_more, page.total), (0, false, Some(0)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::PAGE`](crate::limits::PAGE), or a filter has a value that its member could not have.
    pub fn list(&self, query: impl Into<ListQuery<R>>) -> Result<Page<R>, Error> {
        self.session.view()?.records::<R>().page(query)
    }

    /// The number of records that a query asks for.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.deals().count(Deal::STATUS.is(DealStatus::Won))?, 0);
    /// assert_eq!(acme.pipelines().count(Query::all())?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn count(&self, query: impl Into<Query<R>>) -> Result<u64, Error> {
        self.session.view()?.records::<R>().count(query)
    }

    /// The newest changes of a record, or of one that was deleted, from the newest down: at most a
    /// [`page`](crate::limits::PAGE). They are kept as long as the feed.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.contacts().update(ada.id, &ContactUpdate::new().lead_score(90))?;
    /// let history = acme.contacts().history(ada.id)?.records;
    /// let score = history[0].change_of("leadScore").map(|change| change.to());
    /// assert_eq!(score.transpose()?.flatten(), Some(90));
    /// assert_eq!(history[1].action, Action::Inserted);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when this tenant has no such record, and the feed tells of none.
    pub fn history(&self, id: Id<R>) -> Result<Page<HistoryEntry>, Error>
    where
        R: Recorded,
    {
        self.history_with(id, &HistoryQuery::default())
    }

    /// Part of a record's [`history`](Self::history).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let query = HistoryQuery { limit: 10, count: true, ..HistoryQuery::default() };
    /// assert_eq!(acme.contacts().history_with(ada.id, &query)?.total, Some(1));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `history`, and [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::PAGE`](crate::limits::PAGE), or `after` is no change of the record.
    pub fn history_with(&self, id: Id<R>, query: &HistoryQuery) -> Result<Page<HistoryEntry>, Error>
    where
        R: Recorded,
    {
        self.session.view()?.records::<R>().history(id, query)
    }

    /// The same records for adapters: JSON in, and JSON out.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let json = br#"{"name": "Looms Ltd", "domain": "looms.example"}"#;
    /// let written = acme.companies().json().create(json, &WriteOptions::default())?;
    /// assert_eq!(written.record.read()?.name, "Looms Ltd");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn json(&self) -> JsonCollection<'s, R> {
        JsonCollection::new(self.session)
    }
}

impl<'s, R: Editable> Collection<'s, R> {
    pub(crate) fn verbs(&self) -> Verbs<'s, R> {
        Verbs::new(self.session)
    }

    /// Updates a record. Members that the update does not name stay as they are; an update that changes no member
    /// writes nothing.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let ada = acme.contacts().update(ada.id, &ContactUpdate::new().lead_score(90))?;
    /// assert_eq!(ada.lead_score, Some(90));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound); [`Code::Validation`](crate::Code::Validation) with all that is wrong
    /// with the update, [`Code::BadReference`](crate::Code::BadReference) or [`Code::Duplicate`](crate::Code::Duplicate).
    pub fn update(&self, id: Id<R>, update: &impl Update<R>) -> Result<R, Error> {
        Ok(self.update_with(id, update, &WriteOptions::default())?.record)
    }

    /// [`update`](Self::update) with options, which also tells whether there was anything to change.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let as_i_know_it = WriteOptions::default().if_version(ada.updated_at);
    /// let update = ContactUpdate::new().city("London");
    /// let written = acme.contacts().update_with(ada.id, &update, &as_i_know_it)?;
    /// assert_eq!(written.outcome, WriteOutcome::Updated);
    /// let error = acme.contacts().update_with(ada.id, &update, &as_i_know_it).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `update`, and those of the options.
    pub fn update_with(
        &self,
        id: Id<R>,
        update: &impl Update<R>,
        options: &WriteOptions,
    ) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.update(id, &verbs.body(update.given())?, options)?.typed_after_commit()
    }
}

impl<R: Creatable> Collection<'_, R> {
    /// Creates a record.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let looms = acme.companies().create(&CompanyDraft::new("Looms Ltd").domain("looms.example"))?;
    /// let ada = ContactDraft::new("Ada", "Lovelace", "ada@looms.example").company_id(looms.id);
    /// acme.contacts().create(&ada)?;
    /// assert!(acme.contacts().create(&ada).unwrap_err().is_duplicate());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) with all that is wrong with the draft,
    /// [`Code::BadReference`](crate::Code::BadReference) or [`Code::Duplicate`](crate::Code::Duplicate).
    pub fn create(&self, draft: &impl Draft<R>) -> Result<R, Error> {
        Ok(self.create_with(draft, &WriteOptions::default())?.record)
    }

    /// [`create`](Self::create) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("order-7", &[b"Ada Lovelace"])?);
    /// let draft = ContactDraft::new("Ada", "Lovelace", "ada@x.example");
    /// let first = acme.contacts().create_with(&draft, &once)?;
    /// let again = acme.contacts().create_with(&draft, &once)?;
    /// assert!(again.replayed && again.record == first.record);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `create`, and those of the options.
    pub fn create_with(&self, draft: &impl Draft<R>, options: &WriteOptions) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.create(&verbs.body(draft.given())?, options)?.typed_after_commit()
    }

    /// Deletes a record. References to it are cleared, and each record that held one is updated: in one transaction up to
    /// [`Config::links_at_once`](crate::Config::links_at_once) of them. More are cleared in transactions of their own
    /// before the record goes, between which others write; if that is interrupted, the record is still there, with fewer
    /// references, and can be deleted again. Within [`Session::write`] it is one transaction in any case.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.contacts().delete(ada.id)?;
    /// assert!(acme.contacts().get(ada.id).unwrap_err().is_not_found());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound); [`Code::LimitExceeded`](crate::Code::LimitExceeded) when records come to
    /// refer to it as fast as they are cleared; the reasons of the resource, such as deals in a pipeline.
    pub fn delete(&self, id: Id<R>) -> Result<(), Error> {
        self.delete_with(id, &WriteOptions::default()).map(drop)
    }

    /// [`delete`](Self::delete) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let as_i_know_it = WriteOptions::default().if_version(ada.updated_at);
    /// assert_eq!(acme.contacts().delete_with(ada.id, &as_i_know_it)?.id, ada.id);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `delete`, and those of the options.
    pub fn delete_with(&self, id: Id<R>, options: &WriteOptions) -> Result<Deleted<R>, Error> {
        self.verbs().delete(id, options)
    }
}

impl<R: Upsertable> Collection<'_, R> {
    /// Updates the one record that a draft matches (contacts by their e-mail address, companies by their domain, deals by
    /// pipeline and name), or creates one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let ada = ContactDraft::new("Ada", "Lovelace", "ada@x.example");
    /// assert_eq!(acme.contacts().upsert(&ada)?.outcome, WriteOutcome::Created);
    /// assert_eq!(acme.contacts().upsert(&ada.city("London"))?.outcome, WriteOutcome::Updated);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`create`](Self::create) and [`update`](Self::update); [`Code::Validation`](crate::Code::Validation)
    /// when the draft lacks a member that records are matched by, and [`Code::Ambiguous`](crate::Code::Ambiguous) when
    /// several match.
    pub fn upsert(&self, draft: &impl Draft<R>) -> Result<Written<R>, Error> {
        self.upsert_with(draft, &WriteOptions::default())
    }

    /// [`upsert`](Self::upsert) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let looms = CompanyDraft::new("Looms Ltd").domain("looms.example");
    /// let as_i_know_it = WriteOptions::default().if_version(Timestamp::MIN);
    /// let error = acme.companies().upsert_with(&looms, &as_i_know_it).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `upsert`, and those of the options.
    pub fn upsert_with(&self, draft: &impl Draft<R>, options: &WriteOptions) -> Result<Written<R>, Error> {
        self.session.require(R::WRITE)?;
        let verbs = self.verbs();
        verbs.upsert(&verbs.body(draft.given())?, options)?.typed_after_commit()
    }

    /// [`upsert`](Self::upsert) of 1 to [`limits::BULK_ITEMS`](crate::limits::BULK_ITEMS) drafts in one transaction.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let drafts = ["ada", "bob"].map(|name| ContactDraft::new(name, "X", format!("{name}@x.example")));
    /// let bulk = acme.contacts().upsert_many(&drafts, Atomicity::AllOrNothing)?;
    /// assert!(bulk.items.iter().all(Result::is_ok));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`create_many`](Self::create_many).
    pub fn upsert_many(&self, drafts: &[impl Draft<R>], atomicity: Atomicity) -> Result<Bulk<R>, Error> {
        self.upsert_many_with(drafts, atomicity, &WriteOptions::default())
    }

    /// [`upsert_many`](Self::upsert_many) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("import-2", &[])?);
    /// let drafts = [ContactDraft::new("Ada", "Lovelace", "ada@x.example")];
    /// acme.contacts().upsert_many_with(&drafts, Atomicity::EachByItself, &once)?;
    /// assert!(acme.contacts().upsert_many_with(&drafts, Atomicity::EachByItself, &once)?.replayed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `upsert_many`, and those of the options.
    pub fn upsert_many_with(
        &self,
        drafts: &[impl Draft<R>],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        let verbs = self.verbs();
        verbs.upsert_many(&verbs.bodies(drafts), atomicity, options)
    }
}

impl<R: Bulkable> Collection<'_, R> {
    /// Creates a record from each of 1 to [`limits::BULK_ITEMS`](crate::limits::BULK_ITEMS) drafts, in one
    /// transaction. If two drafts have the same natural key, the first wins.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let ada = ContactDraft::new("Ada", "Lovelace", "ada@x.example");
    /// let bulk = acme.contacts().create_many(&[ada.clone(), ada], Atomicity::EachByItself)?;
    /// assert!(bulk.items[0].is_ok());
    /// assert!(bulk.items[1].as_ref().unwrap_err().is_duplicate());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) without drafts or with too many; if it is all or nothing, the fault
    /// of the first bad draft, with the faults of all as `items[3].email`.
    pub fn create_many(&self, drafts: &[impl Draft<R>], atomicity: Atomicity) -> Result<Bulk<R>, Error> {
        self.create_many_with(drafts, atomicity, &WriteOptions::default())
    }

    /// [`create_many`](Self::create_many) with options.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("import-1", &[])?);
    /// let drafts = [ContactDraft::new("Ada", "Lovelace", "ada@x.example")];
    /// acme.contacts().create_many_with(&drafts, Atomicity::EachByItself, &once)?;
    /// assert!(acme.contacts().create_many_with(&drafts, Atomicity::EachByItself, &once)?.replayed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `create_many`, and those of the options.
    pub fn create_many_with(
        &self,
        drafts: &[impl Draft<R>],
        atomicity: Atomicity,
        options: &WriteOptions,
    ) -> Result<Bulk<R>, Error> {
        let verbs = self.verbs();
        verbs.create_many(&verbs.bodies(drafts), atomicity, options)
    }
}

// Derives would ask the same of `R`.
impl<R> Clone for Collection<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Collection<'_, R> {}

impl<R: Resource> fmt::Debug for Collection<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection").field("kind", &R::KIND).finish_non_exhaustive()
    }
}

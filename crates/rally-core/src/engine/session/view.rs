use std::{collections::BTreeMap, fmt};

use uuid::Uuid;

use super::Session;
use crate::{
    base::{Error, Id, Kind, Scope, TenantId, Timestamp, limits},
    engine::{
        codec::Slot,
        keys::{IndexedValue, Sum, SumName, sums_of},
        read::{
            self, FeedEntry, FeedEpoch, FeedPage, FeedPosition, FeedQuery, HistoryEntry, HistoryQuery,
            ListQuery, Page, Query, Reader, Walk,
        },
        schema::{IndexNumber, Keyed, Recorded, Resource, Row, TenantInfo},
        write::Transaction,
    },
    store::Snapshot,
};

/// A tenant at one moment: everything that is read through it is of that moment.
///
/// ```
/// # use rally_core::*;
/// # let engine = Engine::new(store::MemoryStore::new());
/// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
/// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
/// let view = acme.view()?;
/// acme.contacts().delete(ada.id)?;
/// assert_eq!(view.contacts().count(Query::all())?, 1);
/// for contact in view.contacts().all(Contact::LEAD_SOURCE.is("web"))? {
///     println!("{}", contact?.full_name);
/// }
/// # Ok::<(), Error>(())
/// ```
///
/// # Cost
/// A view holds resources of the store while it lives, so drop it as soon as it has been read:
/// - on the store in memory it keeps the former state of all that changes meanwhile;
/// - on redb the file grows, as pages that the view may read are not used again;
/// - on PostgreSQL it holds a connection of the pool and a transaction, which keeps vacuum from removing old rows.
pub struct View<'s> {
    tenant: &'s TenantInfo,
    scope: Scope,
    snapshot: Box<dyn Snapshot + 's>,
}

/// The records of a resource at one moment.
///
/// Besides the errors that it names, each verb fails with [`Code::Forbidden`](crate::Code::Forbidden) when the scope
/// is too small, and with [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
pub struct ViewCollection<'v, R> {
    scope: Scope,
    reader: Reader<'v, R>,
}

/// [`ViewCollection`] for adapters: records in their stored form, from which JSON is written.
pub struct ViewRows<'v, R>(ViewCollection<'v, R>);

/// An iterator over the records of a list, which holds at most a page of them.
///
/// # Cost
/// The view lives at least as long as the iterator, so a slow reader of a long list makes the store keep what changes
/// meanwhile: former states in memory on the store in memory, unused pages in the file on redb, and on PostgreSQL a
/// connection of the pool with an open transaction, which keeps vacuum from removing old rows. A reader that waits for
/// others between records reads a [`page`](ViewCollection::page) a view instead.
#[must_use = "it reads nothing until it is walked"]
pub struct Records<'v, R>(Rows<'v, R>);

/// [`Records`] in their stored form.
#[must_use = "it reads nothing until it is walked"]
pub struct Rows<'v, R>(Walk<'v, R>);

/// An iterator over the changes of the feed after a position, which holds at most a page of them.
///
/// # Cost
/// That of [`Records`]. [`Session::follow`] holds no view between pages.
#[must_use = "it reads nothing until it is walked"]
pub struct FeedChanges<'v> {
    snapshot: &'v dyn Snapshot,
    tenant: TenantId,
    from: FeedPosition,
    ready: std::vec::IntoIter<FeedEntry>,
    is_over: bool,
}

impl Session {
    /// The tenant at this moment.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let view = acme.view()?;
    /// acme.contacts().delete(ada.id)?;
    /// assert_eq!(view.contacts().get(ada.id)?, ada);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn view(&self) -> Result<View<'_>, Error> {
        Ok(View { tenant: self.tenant(), scope: self.scope(), snapshot: self.snapshot()? })
    }
}

impl Transaction<'_> {
    /// The tenant as the transaction would leave it if it were committed now.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let companies = acme.write(|tx| {
    ///     tx.companies().create(&CompanyDraft::new("Looms Ltd"))?;
    ///     tx.view()?.companies().count(Query::all())
    /// })?;
    /// assert_eq!(companies, 1);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Internal`](crate::Code::Internal) when stored bytes are damaged.
    pub fn view(&mut self) -> Result<View<'_>, Error> {
        let (tenant, scope) = (self.tenant(), self.origin().scope);
        Ok(View { tenant, scope, snapshot: Box::new(self.newest()?) })
    }
}

impl View<'_> {
    pub(crate) fn snapshot(&self) -> &dyn Snapshot {
        &*self.snapshot
    }

    pub(crate) fn records<R: Resource>(&self) -> ViewCollection<'_, R> {
        ViewCollection { scope: self.scope, reader: Reader::new(self.tenant, &*self.snapshot) }
    }

    /// The tenant.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.view()?.tenant().slug, "acme");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn tenant(&self) -> &TenantInfo {
        self.tenant
    }

    /// The changes of the feed after a position, up to the moment of this view.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let view = acme.view()?;
    /// acme.contacts().delete(ada.id)?;
    /// let changes = view.changes(FeedPosition::START)?.collect::<Result<Vec<_>, Error>>()?;
    /// assert_eq!((changes.len(), changes[0].action), (1, Action::Inserted));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope read.
    pub fn changes(&self, from: FeedPosition) -> Result<FeedChanges<'_>, Error> {
        require(self.scope, Scope::Read)?;
        let ready = Vec::new().into_iter();
        let (snapshot, tenant) = (&*self.snapshot, self.tenant.id);
        Ok(FeedChanges { snapshot, tenant, from, ready, is_over: false })
    }

    /// The epoch of the feed, which a reader keeps with its position.
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope read.
    pub fn feed_epoch(&self) -> Result<FeedEpoch, Error> {
        require(self.scope, Scope::Read)?;
        Ok(read::feed_epoch(&*self.snapshot, self.tenant.id)?)
    }

    /// The last change in the feed: its number and its instant, 0 and 1970-01-01 before there is one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.view()?.last_change()?, (1, ada.updated_at));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope read.
    pub fn last_change(&self) -> Result<(u64, Timestamp), Error> {
        require(self.scope, Scope::Read)?;
        Ok(read::last_change(&*self.snapshot)?)
    }
}

impl<'v, R: Resource> ViewCollection<'v, R> {
    /// The record with an id.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.view()?.contacts().get(ada.id)?, ada);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) when this tenant has no such record, even if another tenant has.
    pub fn get(&self, id: Id<R>) -> Result<R, Error> {
        self.rows().get(id)?.read()
    }

    /// The record that has a natural key, such as an e-mail address, in any spelling that counts as the same; `None`
    /// when there is none.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.view()?.contacts().find("ADA@x.example")?, Some(ada));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) when the scope is too small to read.
    pub fn find(&self, key: &str) -> Result<Option<R>, Error>
    where
        R: Keyed,
    {
        require(self.scope, R::READ)?;
        let mut keys = self.reader.model().natural_keys();
        let (slot, _, fold) = keys
            .find(|(_, member, _)| member.name == R::KEY)
            .ok_or_else(|| Error::internal("a keyed resource has its key"))?;
        let Some(folded) = fold(key.trim()) else { return Ok(None) };
        let Some(mut row) = self.reader.find_by_key(slot, &folded)? else { return Ok(None) };
        self.reader.join(std::slice::from_mut(&mut row))?;
        row.read().map(Some)
    }

    /// Part of the list of the records that a query asks for.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let page = acme.view()?.contacts().page(Query::all().limit(1).counted())?;
    /// assert_eq!((page.records, page.has_more, page.total), (vec![ada], false, Some(1)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::PAGE`](crate::limits::PAGE), or a filter has a value that its member could not have.
    pub fn page(&self, query: impl Into<ListQuery<R>>) -> Result<Page<R>, Error> {
        self.rows().page(&query.into())?.try_map(|row| row.read())
    }

    /// The number of records that a query asks for.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.view()?.contacts().count(Contact::EMAIL.is("ada@x.example"))?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`page`](Self::page).
    pub fn count(&self, query: impl Into<Query<R>>) -> Result<u64, Error> {
        // By way of a list, so that the number is always the total of the pages.
        let query = ListQuery { without_joined: true, ..query.into().limit(1).counted() };
        let total = self.rows().page(&query)?.total;
        total.ok_or_else(|| Error::internal("a counted list has a total"))
    }

    /// All records that a query asks for, one after the other.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let view = acme.view()?;
    /// let names = view.contacts().all(Query::all())?.map(|contact| Ok(contact?.full_name));
    /// assert_eq!(names.collect::<Result<Vec<_>, Error>>()?, ["Ada Lovelace"]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`page`](Self::page).
    pub fn all(&self, query: impl Into<Query<R>>) -> Result<Records<'v, R>, Error> {
        Ok(Records(self.rows().all(query)?))
    }

    /// Part of the history of a record, or of one that was deleted, from the newest change down.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.contacts().delete(ada.id)?;
    /// let history = acme.view()?.contacts().history(ada.id, &HistoryQuery::default())?;
    /// assert_eq!(history.records[0].action, Action::Deleted);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Collection::history_with`](crate::Collection::history_with).
    pub fn history(&self, id: Id<R>, query: &HistoryQuery) -> Result<Page<HistoryEntry>, Error>
    where
        R: Recorded,
    {
        require(self.scope, R::READ)?;
        read::history(self.reader.snapshot(), self.reader.model(), id.as_uuid(), query)
    }

    /// The first record whose indexed member has a value.
    pub(crate) fn first_indexed(&self, index: IndexNumber, value: IndexedValue) -> Result<Option<R>, Error> {
        require(self.scope, R::READ)?;
        self.reader.first_indexed(index, value)?.map(|row| row.read()).transpose()
    }

    /// The record that has a natural key, which is folded already, without joined members.
    pub(crate) fn row_by_key(&self, slot: Slot, folded: &str) -> Result<Option<Row<R>>, Error> {
        require(self.scope, R::READ)?;
        self.reader.find_by_key(slot, folded)
    }

    /// The record with an id, without joined members.
    pub(crate) fn row(&self, id: Id<R>) -> Result<Row<R>, Error> {
        require(self.scope, R::READ)?;
        self.reader.existing(id.as_uuid())
    }

    /// Sums of the records of some groups.
    pub(crate) fn sums_of(&self, groups: &[Uuid]) -> Result<BTreeMap<SumName, Sum>, Error> {
        require(self.scope, R::READ)?;
        sums_of(self.reader.snapshot(), R::KIND, groups)
    }

    /// The same records in their stored form, for adapters.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let view = acme.view()?;
    /// let mut json = Vec::new();
    /// view.contacts().rows().get(ada.id)?.write_json(view.tenant().model::<Contact>().whole(), &mut json)?;
    /// assert!(json.starts_with(b"{\"id\":"));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn rows(&self) -> ViewRows<'v, R> {
        ViewRows(Self { scope: self.scope, reader: self.reader })
    }
}

impl<'v, R: Resource> ViewRows<'v, R> {
    /// The record with an id.
    ///
    /// # Errors
    /// Those of [`ViewCollection::get`].
    pub fn get(&self, id: Id<R>) -> Result<Row<R>, Error> {
        require(self.0.scope, R::READ)?;
        self.0.reader.get(id.as_uuid())
    }

    /// Part of the list of the records that a query asks for.
    ///
    /// # Errors
    /// Those of [`ViewCollection::page`].
    pub fn page(&self, query: &ListQuery<R>) -> Result<Page<Row<R>>, Error> {
        require(self.0.scope, R::READ)?;
        self.0.reader.list(query)
    }

    /// All records that a query asks for, one after the other.
    ///
    /// # Errors
    /// Those of [`ViewCollection::page`].
    pub fn all(&self, query: impl Into<Query<R>>) -> Result<Rows<'v, R>, Error> {
        require(self.0.scope, R::READ)?;
        Ok(Rows(Walk::new(self.0.reader, query.into())?))
    }
}

fn require(scope: Scope, required: Scope) -> Result<(), Error> {
    if scope >= required { Ok(()) } else { Err(Error::forbidden(required)) }
}

impl<R: Resource> Iterator for Records<'_, R> {
    type Item = Result<R, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.0.next()?.and_then(|row| row.read());
        if read.is_err() {
            self.0.0.end();
        }
        Some(read)
    }
}

impl<R: Resource> Iterator for Rows<'_, R> {
    type Item = Result<Row<R>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.0.next();
        // Records behind a failed one are not answered: a host that skips errors would miss a record without noticing.
        if next.is_err() {
            self.0.end();
        }
        next.transpose()
    }
}

impl Iterator for FeedChanges<'_> {
    type Item = Result<FeedEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.as_slice().is_empty() && !self.is_over {
            let (from, kinds) = (self.from, Kind::IN_FEED.to_vec());
            let query = FeedQuery { from, kinds, limit: limits::FEED_PAGE, epoch: None };
            match read::changes(self.snapshot, self.tenant, &query) {
                Ok(FeedPage { changes, .. }) => {
                    // The moment of the view is fixed, so a page that is not full is the last.
                    self.is_over = changes.len() < limits::FEED_PAGE;
                    self.ready = changes.into_iter();
                }
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        let next = self.ready.next()?;
        self.from = FeedPosition::After(next.id);
        Some(Ok(next))
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

macro_rules! opaque {
    ($($name:ident),+) => {
        $(impl<R> fmt::Debug for $name<'_, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        })+
    };
}

opaque!(ViewCollection, ViewRows, Records, Rows);

impl fmt::Debug for FeedChanges<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedChanges").field("from", &self.from).finish_non_exhaustive()
    }
}

//! The part of a list that is asked for: by offset, or behind a record.

use std::fmt;

use super::{Filter, ListPosition, Query};
use crate::base::{Error, Faults, Id, limits};

/// The part of a list that is asked for.
pub struct ListQuery<R> {
    /// The records of the whole list.
    pub query: Query<R>,
    /// The most records of the page; 1 to [`limits::PAGE`].
    pub limit: usize,
    /// Only records that were created after this one, whose list may have lost it meanwhile: any id has its place in the
    /// order of creation. A list by `updated_since` goes on by that instead.
    pub after: Option<Id<R>>,
    /// Records to skip first, of those behind `after`.
    pub offset: u64,
    /// The end of the page before. If records before it have left the list meanwhile, fewer than `offset` are skipped: the
    /// page begins right behind this place, so it leaves out nothing that stayed.
    pub not_behind: Option<ListPosition>,
    /// True to count the records of the whole list.
    pub count: bool,
    /// True to leave out members that are read from other records, such as their names: they are then `null`.
    pub without_joined: bool,
}

impl<R> ListQuery<R> {
    /// At most `limit` records; 1 to [`limits::PAGE`].
    ///
    /// ```
    /// # use rally_core::*;
    /// assert_eq!(ListQuery::from(Contact::TAG.is("math")).limit(20).limit, 20);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Only records that were created after one. A walk that goes on behind the last record of each page misses and repeats
    /// nothing that stays, whatever is created, changed and deleted meanwhile.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let bob = acme.contacts().create(&ContactDraft::new("Bob", "X", "bob@x.example"))?;
    /// acme.contacts().delete(ada.id)?;
    /// let next = acme.contacts().list(Query::all().limit(1).after(ada.id))?;
    /// assert_eq!(next.records, [bob]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn after(mut self, id: Id<R>) -> Self {
        self.after = Some(id);
        self
    }

    /// Skips the first `offset` records.
    ///
    /// ```
    /// # use rally_core::*;
    /// let third_page = Query::<Contact>::all().limit(20).offset(40);
    /// assert_eq!((third_page.limit, third_page.offset), (20, 40));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Begins at the end of the page before, if the offset would begin behind it.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let bob = acme.contacts().create(&ContactDraft::new("Bob", "X", "bob@x.example"))?;
    /// let page = acme.contacts().list(Query::all().limit(1))?;
    /// acme.contacts().delete(ada.id)?;
    /// assert!(acme.contacts().list(Query::all().limit(1).offset(1))?.records.is_empty());
    /// let next = Query::all().limit(1).offset(1).not_behind(page.end);
    /// assert_eq!(acme.contacts().list(next)?.records, [bob]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn not_behind(mut self, end: Option<ListPosition>) -> Self {
        self.not_behind = end;
        self
    }

    /// Counts the records of the whole list.
    ///
    /// ```
    /// # use rally_core::*;
    /// assert!(Query::<Contact>::all().limit(20).counted().count);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn counted(mut self) -> Self {
        self.count = true;
        self
    }

    /// Checks all that is asked for.
    pub(super) fn check(&self) -> Result<(), Error> {
        check_limit(self.limit, limits::PAGE)?;
        self.query.check()?;
        let is_by_change = self.query.updated_since.is_some();
        if is_by_change && self.after.is_some() {
            let phrase = "must not be given with updatedSince, whose list goes on by updatedSince";
            return Err(Faults::one("after", phrase).into());
        }
        if self.not_behind.is_some_and(|end| end.is_by_change() != is_by_change) {
            return Err(Faults::one("notBehind", "is a place in a list of another order").into());
        }
        Ok(())
    }
}

/// Checks the limit that a caller sets to a page of a list or of the feed.
pub(crate) fn check_limit(limit: usize, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&limit) {
        return Ok(());
    }
    Err(Faults::one("limit", format!("must be a whole number from 1 to {most}")).into())
}

impl<R> Default for ListQuery<R> {
    fn default() -> Self {
        Query::all().into()
    }
}

impl<R> From<Query<R>> for ListQuery<R> {
    fn from(query: Query<R>) -> Self {
        Self {
            query,
            limit: limits::PAGE,
            after: None,
            offset: 0,
            not_behind: None,
            count: false,
            without_joined: false,
        }
    }
}

impl<R> From<Filter<R>> for ListQuery<R> {
    fn from(filter: Filter<R>) -> Self {
        Query::from(filter).into()
    }
}

impl<R> Clone for ListQuery<R> {
    fn clone(&self) -> Self {
        Self { query: self.query.clone(), ..*self }
    }
}

impl<R> fmt::Debug for ListQuery<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListQuery")
            .field("query", &self.query)
            .field("limit", &self.limit)
            .field("after", &self.after)
            .field("offset", &self.offset)
            .field("not_behind", &self.not_behind)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

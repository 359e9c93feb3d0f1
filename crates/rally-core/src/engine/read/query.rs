//! Questions to lists: filters typed by their members, search, order, and the part of a list that is wanted.

use std::{fmt, marker::PhantomData};

use serde::Serialize;

use super::{
    ListQuery,
    selection::{Condition, Selection},
};
use crate::{
    base::{Error, Faults, Id, Profile, Timestamp, limits, unicode::fold_name},
    engine::{
        keys,
        schema::{Model, Resource, Rule, Searchable, quote, text_of},
    },
};

/// A member by which lists of `R` can be filtered, and the type of its values.
///
/// ```
/// use rally_core::{Contact, LifecycleStage, Query};
///
/// let filter = Contact::LIFECYCLE_STAGE.is(LifecycleStage::Customer).and(Contact::TAG.is("math"));
/// let query = Query::from(filter).search("love");
/// # drop(query);
/// ```
pub struct Filterable<R, T> {
    name: &'static str,
    of: PhantomData<fn(T) -> R>,
}

/// A condition on the records of a list, or several that all hold.
pub struct Filter<R> {
    conditions: Vec<Condition>,
    faults: Faults,
    of: PhantomData<fn() -> R>,
}

/// A search text: the beginning of a name, folded as names are for comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(String);

/// The records that are asked for, and their order.
pub struct Query<R> {
    /// Only records for which this holds.
    pub filter: Filter<R>,
    /// Only records with a name that begins with this, in any letter case and composition.
    pub search: Option<Search>,
    /// Only records that changed after this instant, in the order of their last change; without it, all in the order of
    /// their creation.
    pub updated_since: Option<Timestamp>,
}

impl<R: Resource, T: Serialize> Filterable<R, T> {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, of: PhantomData }
    }

    /// Matches records whose member has this value. An impossible value makes the list fail with
    /// [`Code::Validation`](crate::Code::Validation).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().count(Contact::EMAIL.is("ADA@x.example"))?, 1);
    /// let error = acme.contacts().count(Contact::EMAIL.is("not an address")).unwrap_err();
    /// assert!(error.faults().by_member().contains_key("email"));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn is(&self, value: impl Into<T>) -> Filter<R> {
        let json = serde_json::to_string(&value.into()).map_err(|error| error.to_string());
        let condition = json.map_err(Into::into).and_then(|json| {
            let filter = R::model().filters().find(|(name, _)| *name == self.name);
            let (_, member) = filter.ok_or("is not a filter here")?;
            Condition::of(member, &keys::asked_json(member, &json)?)
        });
        Filter::of(self.name, condition.map_err(|wrong| wrong.into_faults()))
    }

    /// The name of the filter.
    ///
    /// ```
    /// # use rally_core::*;
    /// assert_eq!(Contact::LIFECYCLE_STAGE.name(), "lifecycleStage");
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<R> Filter<R> {
    /// No condition: all records.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().count(Filter::all())?, 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn all() -> Self {
        Self { conditions: Vec::new(), faults: Faults::new(), of: PhantomData }
    }

    /// True when it has no condition.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.conditions.is_empty() && self.faults.is_empty()
    }

    fn of(name: &str, condition: Result<Condition, Faults>) -> Self {
        let mut filter = Self::all();
        match condition {
            Ok(condition) => filter.conditions.push(condition),
            Err(faults) => filter.faults.add_all(name, faults),
        }
        filter
    }

    /// Matches records that match both filters.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let filter = Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead).and(Contact::TAG.is("math"));
    /// assert_eq!(acme.contacts().count(filter)?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn and(mut self, other: Filter<R>) -> Self {
        self.conditions.extend(other.conditions);
        self.faults.add_all("", other.faults);
        self
    }

    /// Reads a filter from its name and the text of a value, for adapters.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let model = acme.tenant().model::<Contact>();
    /// assert!(Filter::<Contact>::parse(model, "lifecycleStage", "lead").is_ok());
    /// assert!(Filter::<Contact>::parse(model, "colour", "red").is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// The faults of the value, or that there is no such filter.
    pub fn parse(model: &Model, name: &str, text: &str) -> Result<Self, Faults> {
        let condition = || {
            let filter = model.filters().find(|(known, _)| *known == name);
            let (_, member) = filter.ok_or("is not a filter here")?;
            Condition::of(member, &keys::asked(member, text)?)
        };
        let filter = Self::of(
            name,
            condition().map_err(|wrong: crate::engine::schema::ValueFaults| wrong.into_faults()),
        );
        if filter.faults.is_empty() { Ok(filter) } else { Err(filter.faults) }
    }
}

impl Search {
    /// Parses a search text; `None` if it is empty, which matches everything.
    ///
    /// ```
    /// # use rally_core::*;
    /// assert!(schema::Search::parse("love").unwrap().is_some());
    /// assert_eq!(schema::Search::parse(" ").unwrap(), None);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// A phrase that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Option<Self>, Faults> {
        const NAME: Rule = Rule::Text { characters: limits::SHORT_TEXT };
        let raw = quote(text);
        let read = NAME.read(&raw, Profile::Strict).map_err(|wrong| wrong.into_faults())?;
        let folded = fold_name(&text_of(&read));
        if folded.is_empty() { Ok(None) } else { Ok(Some(Self(folded))) }
    }
}

impl<R> Query<R> {
    /// All records, in the order of their creation.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().list(Query::all())?.records, [ada]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn all() -> Self {
        Self { filter: Filter::all(), search: None, updated_since: None }
    }

    /// True when it asks for all records, in the order of their creation: a page of them costs the page.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.filter.is_all() && self.search.is_none() && self.updated_since.is_none()
    }

    /// Adds a filter; records must also match it.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let leads = Query::all().filter(Contact::LIFECYCLE_STAGE.is(LifecycleStage::Lead));
    /// assert_eq!(acme.contacts().count(leads.clone())?, 1);
    /// assert_eq!(acme.contacts().count(leads.filter(Contact::TAG.is("math")))?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn filter(mut self, filter: Filter<R>) -> Self {
        self.filter = self.filter.and(filter);
        self
    }

    /// Only records with a name that begins with a text, in any letter case, however its accents were typed, and with
    /// every `i` the same, dotted or not: `ilk` finds İlker. The names of a resource are its members with [`Member::searched`](field@crate::schema::Member::searched).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().count(Query::all().search("LOVE"))?, 1);
    /// assert_eq!(acme.contacts().count(Query::all().search("lace"))?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn search(mut self, text: &str) -> Self
    where
        R: Searchable,
    {
        match Search::parse(text) {
            Ok(search) => self.search = search,
            Err(faults) => self.filter.faults.add_all("search", faults),
        }
        self
    }

    /// Only records that changed after an instant, in the order of their last change.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let ada = acme.contacts().update(ada.id, &ContactUpdate::new().city("London"))?;
    /// assert_eq!(acme.contacts().count(Query::all().updated_since(ada.created_at))?, 1);
    /// assert_eq!(acme.contacts().count(Query::all().updated_since(ada.updated_at))?, 0);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn updated_since(mut self, instant: Timestamp) -> Self {
        self.updated_since = Some(instant);
        self
    }

    /// The first part of the list, at most `limit` records.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().list(Query::all().limit(1))?.records, [ada]);
    /// assert!(acme.contacts().list(Query::all().limit(0)).unwrap_err().is_invalid());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn limit(self, limit: usize) -> ListQuery<R> {
        ListQuery::from(self).limit(limit)
    }

    /// The part of the list after the first `offset` records.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert!(acme.contacts().list(Query::all().offset(1))?.records.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn offset(self, offset: u64) -> ListQuery<R> {
        ListQuery::from(self).offset(offset)
    }

    /// The part of the list behind a record, in the order of creation: see [`ListQuery::after`].
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert!(acme.contacts().list(Query::all().after(ada.id))?.records.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn after(self, id: Id<R>) -> ListQuery<R> {
        ListQuery::from(self).after(id)
    }

    /// The first part of the list, and the number of records in the whole list.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.contacts().list(Query::all().counted())?.total, Some(1));
    /// assert_eq!(acme.contacts().list(Query::all())?.total, None);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn counted(self) -> ListQuery<R> {
        ListQuery::from(self).counted()
    }

    /// The selection by filter and search; `None` if the query asks for all records.
    pub(super) fn selection(&self, model: &'static Model) -> Option<Selection<'_>> {
        let beginning = self.search.as_ref().map(|search| search.0.as_str());
        Selection::of(model, &self.filter.conditions, beginning)
    }

    /// Checks that filter and search have values that can be asked for.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.filter.faults.clone().into_result()
    }
}

impl<R> Default for Query<R> {
    fn default() -> Self {
        Self::all()
    }
}

impl<R> From<Filter<R>> for Query<R> {
    fn from(filter: Filter<R>) -> Self {
        Self { filter, ..Self::all() }
    }
}

// Derives would ask the same of `R`, which is only a name here.

impl<R> Clone for Filter<R> {
    fn clone(&self) -> Self {
        Self { conditions: self.conditions.clone(), faults: self.faults.clone(), of: PhantomData }
    }
}

impl<R> fmt::Debug for Filter<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.conditions).finish()
    }
}

impl<R> Clone for Query<R> {
    fn clone(&self) -> Self {
        Self { filter: self.filter.clone(), search: self.search.clone(), updated_since: self.updated_since }
    }
}

impl<R> fmt::Debug for Query<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query")
            .field("filter", &self.filter)
            .field("search", &self.search)
            .field("updated_since", &self.updated_since)
            .finish()
    }
}

impl<R, T> Clone for Filterable<R, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R, T> Copy for Filterable<R, T> {}

impl<R, T> fmt::Debug for Filterable<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filterable").field(&self.name).finish()
    }
}

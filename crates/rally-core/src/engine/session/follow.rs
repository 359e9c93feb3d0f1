use std::{
    ops::Deref,
    time::{Duration, Instant},
};

use super::Session;
use crate::{
    base::{Error, Id, Kind, limits},
    engine::{
        read::{FeedEntry, FeedEpoch, FeedPosition, FeedQuery},
        schema::Resource,
    },
};

/// Time between two looks at a shared store, which other servers change without telling this one.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An iterator over the feed from a position on. It ends when it has caught up; after [`wait`](Follow::wait) returns
/// true it continues.
///
/// ```
/// # use rally_core::*;
/// # use std::time::Duration;
/// # let engine = Engine::new(store::MemoryStore::new());
/// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
/// # acme.companies().create(&CompanyDraft::new("Looms Ltd"))?;
/// let mut feed = acme.follow(FeedPosition::START);
/// for change in &mut feed {
///     let change = change?;
///     if let Some(company) = change.record::<Company>()? {
///         println!("{} {}", change.action, company.name);
///     }
/// }
/// // Kept somewhere, this is where the next run goes on.
/// let position = feed.position();
/// if feed.wait(Duration::from_millis(10))? {
///     println!("there is more");
/// }
/// # assert_eq!(position, FeedPosition::After(1));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
#[must_use = "it reads nothing until it is walked"]
pub struct Follow<'s> {
    session: &'s Session,
    from: FeedPosition,
    kinds: Vec<Kind>,
    epoch: Option<FeedEpoch>,
    ready: std::vec::IntoIter<FeedEntry>,
    /// True after an error, which ends the iterator: a loop that passes errors over would else never end.
    has_failed: bool,
}

/// A change of the feed, whose record can be read.
#[derive(Clone, Debug)]
pub struct FollowedChange<'s> {
    session: &'s Session,
    entry: FeedEntry,
}

impl Session {
    /// Follows the feed from a position on.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let changes = acme.follow(FeedPosition::START).collect::<Result<Vec<_>, Error>>()?;
    /// assert_eq!(changes[0].entity_id, ada.id.as_uuid());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn follow(&self, from: FeedPosition) -> Follow<'_> {
        Follow {
            session: self,
            from,
            kinds: Kind::IN_FEED.to_vec(),
            epoch: None,
            ready: Vec::new().into_iter(),
            has_failed: false,
        }
    }
}

impl Follow<'_> {
    /// Follows only the changes of these kinds.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.follow(FeedPosition::START).kinds(&[Kind::Deal]).count(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn kinds(mut self, kinds: &[Kind]) -> Self {
        self.kinds = kinds.to_vec();
        self
    }

    /// Follows the feed only if nothing is lost that was told up to the position in this epoch: after its state was put back
    /// from a copy, or its database has failed over without it, reading fails with
    /// [`Code::FeedReset`](crate::Code::FeedReset).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let epoch = acme.view()?.feed_epoch()?;
    /// assert_eq!(acme.follow(FeedPosition::START).in_epoch(epoch).count(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn in_epoch(mut self, epoch: FeedEpoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// The position after the last change returned; store it to resume from.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let mut feed = acme.follow(FeedPosition::START);
    /// assert_eq!(feed.by_ref().count(), 1);
    /// assert_eq!(feed.position(), FeedPosition::After(1));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn position(&self) -> FeedPosition {
        self.from
    }

    /// Waits for the next change, at most `timeout`; true when there is one.
    ///
    /// A change of this process wakes it at once. On a store that other servers write to, it looks five times a second.
    ///
    /// ```
    /// # use rally_core::*;
    /// # use std::time::Duration;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let mut feed = acme.follow(FeedPosition::After(1));
    /// assert!(!feed.wait(Duration::from_millis(1))?);
    /// acme.contacts().delete(ada.id)?;
    /// assert!(feed.wait(Duration::from_secs(10))?);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Session::changes`].
    pub fn wait(&mut self, timeout: Duration) -> Result<bool, Error> {
        self.has_failed = false;
        let engine = self.session.engine();
        let mut waiter = engine.signals().waiter(self.session.tenant().id);
        let is_shared = engine.store().is_shared();
        // Changes that are not wanted wake it, too, and must not let it begin anew. The time-out is the caller's, so it
        // is not counted by the engine's clock, which may stand still.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            if self.has_more()? {
                return Ok(true);
            }
            let left = deadline.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            waiter.wait(if is_shared { left.min(LOOK_EVERY) } else { left });
        }
    }

    /// Reads ahead if all changes that were read have been answered; true when there is a next one.
    fn has_more(&mut self) -> Result<bool, Error> {
        if self.ready.as_slice().is_empty() {
            let (from, kinds, epoch) = (self.from, self.kinds.clone(), self.epoch);
            let query = FeedQuery { from, kinds, limit: limits::FEED_PAGE, epoch };
            self.ready = self.session.changes(&query)?.into_iter();
        }
        Ok(!self.ready.as_slice().is_empty())
    }
}

impl<'s> Iterator for Follow<'s> {
    type Item = Result<FollowedChange<'s>, Error>;

    /// The next change; `None` when there is none yet, and after an error until the next [`wait`](Follow::wait).
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        match self.has_more() {
            Ok(true) => {
                let entry = self.ready.next()?;
                self.from = FeedPosition::After(entry.id);
                Some(Ok(FollowedChange { session: self.session, entry }))
            }
            Ok(false) => None,
            Err(error) => {
                self.has_failed = true;
                Some(Err(error))
            }
        }
    }
}

impl FollowedChange<'_> {
    /// The record as it is now; `None` when it is of another type, and when it is deleted by now: look at `action` for
    /// what happened.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// for change in acme.follow(FeedPosition::START) {
    ///     let change = change?;
    ///     assert_eq!(change.record::<Contact>()?.as_ref(), Some(&ada));
    ///     assert_eq!(change.record::<Deal>()?, None);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) when the scope is too small to read it.
    pub fn record<R: Resource>(&self) -> Result<Option<R>, Error> {
        if self.entry.entity_type != R::KIND {
            return Ok(None);
        }
        match self.session.view()?.records::<R>().get(Id::from_uuid(self.entry.entity_id)) {
            Err(error) if error.is_not_found() => Ok(None),
            record => record.map(Some),
        }
    }

    /// The entry of the feed.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let entries = acme.follow(FeedPosition::START).map(|change| Ok(change?.into_entry()));
    /// assert_eq!(entries.collect::<Result<Vec<_>, Error>>()?[0].changed_by.as_deref(), Some("docs"));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn into_entry(self) -> FeedEntry {
        self.entry
    }
}

impl Deref for FollowedChange<'_> {
    type Target = FeedEntry;

    fn deref(&self) -> &FeedEntry {
        &self.entry
    }
}

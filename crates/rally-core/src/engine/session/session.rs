use std::{fmt, net::IpAddr, sync::Arc};

use uuid::Uuid;

use super::Engine;
use crate::{
    base::{Error, Kind, Profile, Scope, Timestamp, Trace},
    engine::{
        codec::RateV1,
        read::{self, FeedEntry, FeedPage, FeedQuery},
        schema::TenantInfo,
        write::{Committed, IdempotencyKey, Origin, Preparation, Subject, Work, Write},
    },
    store::{Key, Snapshot},
};

/// An authenticated caller: one tenant, the caller, and the caller's scope.
///
/// There is no other way to a tenant's records. A session is made by authenticating, or by a host that trusts itself
/// ([`TenantHandle::trusted_session`](crate::TenantHandle::trusted_session)).
#[derive(Clone, Debug)]
pub struct Session {
    engine: Engine,
    tenant: Arc<TenantInfo>,
    caller: Caller,
    scope: Scope,
    unnoted_use: bool,
    rate_seen: Option<RateV1>,
    source: Option<IpAddr>,
    trace: Option<Trace>,
    ends_at: Option<Timestamp>,
}

/// The caller of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A program with an API key.
    ApiKey {
        /// The key's id.
        id: Uuid,
        /// The key's name.
        name: String,
    },
    /// A user who has logged in.
    User {
        /// The user's id.
        id: Uuid,
        /// The user's e-mail address.
        email: String,
        /// The user's name.
        name: String,
        /// The last change of the password, or of the user being active.
        credential_since: Timestamp,
    },
    /// The host itself, under a name of its choosing.
    Host {
        /// The name.
        name: String,
    },
}

impl fmt::Display for Caller {
    /// The caller as the feed names it: the user's e-mail, `apikey:<name>`, or the host's own name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::ApiKey { name, .. } => write!(f, "apikey:{name}"),
            Caller::User { email, .. } => f.write_str(email),
            Caller::Host { name } => f.write_str(name),
        }
    }
}

impl Session {
    /// A session for a caller who has been authenticated.
    pub(crate) fn open(engine: Engine, tenant: Arc<TenantInfo>, caller: Caller, scope: Scope) -> Self {
        Self {
            engine,
            tenant,
            caller,
            scope,
            unnoted_use: false,
            rate_seen: None,
            source: None,
            trace: None,
            ends_at: None,
        }
    }

    /// The same session; true when the use of its credential is still to be noted.
    pub(crate) fn with_unnoted_use(mut self, unnoted_use: bool) -> Self {
        self.unnoted_use = unnoted_use;
        self
    }

    /// The same session, with the count of the tenant's requests that a shared store had when it was opened.
    pub(crate) fn with_rate_seen(mut self, rate_seen: Option<RateV1>) -> Self {
        self.rate_seen = rate_seen;
        self
    }

    /// The same session for a caller at this address, which entries of the audit trail name.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let acme = acme.called_from(Some([203, 0, 113, 7].into()));
    /// acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// let made = &acme.audit().list(AuditEntry::ACTION.is("apiKey.created"))?.records[0];
    /// assert_eq!(made.source.as_deref(), Some("203.0.113.7"));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn called_from(mut self, source: Option<IpAddr>) -> Self {
        self.source = source;
        self
    }

    /// The same session in a trace, which the deliveries of what is written in it name.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # acme.webhooks().create(&WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]))?;
    /// let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().ok();
    /// acme.traced(trace).contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let claims = engine.deliveries().claim(&CourierLimits::default())?;
    /// let sent = claims[0].headers().iter().find(|(name, _)| *name == "traceparent").map(|(_, value)| value.as_str());
    /// assert!(sent.is_some_and(|sent| sent.starts_with("00-0af7651916cd43dd8448eb211c80319c-")));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn traced(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    /// Sets the instant at which the credential expires. The session itself does not check it: see
    /// [`ends_at`](Self::ends_at).
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.until(Some(Timestamp::MAX)).ends_at(), Some(Timestamp::MAX));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn until(mut self, ends_at: Option<Timestamp>) -> Self {
        self.ends_at = ends_at;
        self
    }

    /// The instant at which the session's credential expires; `None` if it never does.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report").expires_at(Timestamp::MAX))?;
    /// assert_eq!(engine.authenticate(&made.key)?.ends_at(), Some(Timestamp::MAX));
    /// assert_eq!(acme.ends_at(), None);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    /// The address of the caller.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.source(), None);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// The tenant, for another session of it.
    pub(crate) fn tenant_shared(&self) -> Arc<TenantInfo> {
        Arc::clone(&self.tenant)
    }

    pub(crate) fn rate_seen(&self) -> Option<RateV1> {
        self.rate_seen
    }

    /// True when the use of the session's credential is still to be noted.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let made = acme.api_keys().mint(&ApiKeyDraft::new("report"))?;
    /// let session = engine.authenticate(&made.key)?;
    /// assert!(session.has_unnoted_use());
    /// session.note_use()?;
    /// assert!(!engine.authenticate(&made.key)?.has_unnoted_use());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn has_unnoted_use(&self) -> bool {
        self.unnoted_use
    }

    /// The engine that it is a session of.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.engine().config(), engine.config());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The tenant.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!((acme.tenant().slug.as_str(), acme.tenant().default_currency), ("acme", Currency::USD));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn tenant(&self) -> &TenantInfo {
        &self.tenant
    }

    /// The caller.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.caller(), &Caller::Host { name: "docs".to_owned() });
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The scope of the caller.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.scope(), Scope::Admin);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The same session with at most this scope.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let reader = acme.limited_to(Scope::Read);
    /// let error = reader.companies().create(&CompanyDraft::new("Looms Ltd")).unwrap_err();
    /// assert_eq!(error.required_scope(), Some(Scope::Write));
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn limited_to(mut self, scope: Scope) -> Self {
        self.scope = self.scope.min(scope);
        self
    }

    /// Checks that the caller has this scope, or a higher one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let writer = acme.limited_to(Scope::Write);
    /// assert!(writer.require(Scope::Read).is_ok());
    /// assert!(writer.require(Scope::Admin).is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) with the scope that is missing.
    pub fn require(&self, scope: Scope) -> Result<(), Error> {
        if self.scope >= scope { Ok(()) } else { Err(Error::forbidden(scope)) }
    }

    /// The same session, read as strictly as another one.
    pub(crate) fn with_profile(mut self, profile: Profile) -> Self {
        self.tenant = Arc::new(TenantInfo { profile, ..(*self.tenant).clone() });
        self
    }

    pub(crate) fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, Error> {
        Ok(self.engine.store().snapshot(self.tenant.id)?)
    }

    pub(crate) fn preparation(&self) -> Preparation<'_> {
        self.engine.preparation()
    }

    /// Begins to try writes on the tenant's state at this moment. No other write waits for it.
    #[cfg(feature = "files")]
    pub(crate) fn rehearsal(
        &self,
        memory: u64,
        scratch: Option<crate::engine::write::Scratch>,
    ) -> Result<crate::engine::write::Rehearsal<'_>, Error> {
        Ok(crate::engine::write::Rehearsal::new(self.tenant.id, self.snapshot()?, memory, scratch))
    }

    /// Runs verbs that are only tried.
    #[cfg(feature = "files")]
    pub(crate) fn rehearse<T>(
        &self,
        rehearsal: &mut crate::engine::write::Rehearsal<'_>,
        reads: &dyn Fn() -> Vec<crate::store::Key>,
        work: impl FnOnce(&mut crate::engine::write::Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // As before a commit: only a shared store is behind a network.
        let reads = if self.engine.store().is_shared() { reads() } else { Vec::new() };
        rehearsal.run(&self.origin(), &reads, work)
    }

    fn origin(&self) -> Origin<'_> {
        Origin {
            tenant: &self.tenant,
            actor: self.caller.to_string(),
            source: self.source,
            trace: self.trace,
            scope: self.scope,
            reach: self.engine.config().reach,
            clock: &*self.engine.environment().clock,
            preparation: self.engine.preparation(),
        }
    }

    /// New records of a kind, for the keys that are named ahead of a write.
    pub(crate) fn new_records(&self, kind: Kind) -> Subject {
        Subject::New(self.engine.next_numbers().expected(self.tenant.id, kind))
    }

    /// Runs the write path, and wakes readers that wait for changes.
    pub(crate) fn commit(
        &self,
        idempotency_key: Option<&IdempotencyKey>,
        reads: &dyn Fn() -> Vec<Key>,
        work: Work<'_>,
    ) -> Result<Committed, Error> {
        let origin = self.origin();
        let (store, under_way) = (self.engine.store(), self.engine.under_way());
        let committed = Write { store, origin: &origin, under_way, idempotency_key, reads }.run(work)?;
        if store.is_shared() {
            self.engine.next_numbers().note(self.tenant.id, &committed.next_numbers);
        }
        if committed.changes > 0 {
            self.engine.counts().changes.add(committed.changes);
            self.engine.signals().notify(self.tenant.id);
        }
        if committed.has_deliveries {
            self.engine.agenda().note(self.tenant.id);
        }
        Ok(committed)
    }

    /// The next changes of some kinds. The cost grows with the entries returned, not with those of other kinds.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let query = FeedQuery { from: FeedPosition::START, kinds: vec![Kind::Contact], limit: 100, epoch: None };
    /// assert_eq!(acme.changes(&query)?[0].changed_at, ada.updated_at);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::FeedTrimmed`](crate::Code::FeedTrimmed) when changes after that position, of any kind, have been trimmed;
    /// [`Code::FeedReset`](crate::Code::FeedReset) when the position is of a change that may be lost, or of an epoch of the
    /// feed that is no longer known;
    /// [`Code::Validation`](crate::Code::Validation) when the limit is outside 1 to
    /// [`limits::FEED_PAGE`](crate::limits::FEED_PAGE).
    pub fn changes(&self, query: &FeedQuery) -> Result<Vec<FeedEntry>, Error> {
        Ok(self.feed(query)?.changes)
    }

    /// [`changes`](Self::changes) with the epoch of the feed, which a reader keeps with its position.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let query = FeedQuery { from: FeedPosition::START, kinds: vec![Kind::Contact], limit: 100, epoch: None };
    /// let epoch = acme.feed(&query)?.epoch;
    /// assert!(acme.feed(&FeedQuery { epoch: Some(epoch), ..query.clone() }).is_ok());
    /// let another = Some(FeedEpoch::from_uuid(engine.random_id()));
    /// let error = acme.feed(&FeedQuery { epoch: another, ..query }).unwrap_err();
    /// assert_eq!(error.code(), Code::FeedReset);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `changes`.
    pub fn feed(&self, query: &FeedQuery) -> Result<FeedPage, Error> {
        self.require(Scope::Read)?;
        read::changes(&*self.snapshot()?, self.tenant.id, query)
    }

    /// The last change in the feed: its number and its instant, 0 and 1970-01-01 before there is one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(acme.last_change()?, (1, ada.updated_at));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn last_change(&self) -> Result<(u64, Timestamp), Error> {
        self.view()?.last_change()
    }

    /// Deletes the feed's entries up to and including an instant; reading from before it fails at once. The histories of
    /// records then begin behind it, too.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.trim_changes(ada.updated_at)?;
    /// let error = acme.view()?.changes(FeedPosition::START)?.next().unwrap().unwrap_err();
    /// assert_eq!(error.code(), Code::FeedTrimmed);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Forbidden`](crate::Code::Forbidden) without the scope admin, and
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer; a trim that has begun may be
    /// repeated.
    pub fn trim_changes(&self, upto: Timestamp) -> Result<(), Error> {
        self.require(Scope::Admin)?;
        while !self.write(|transaction| transaction.trim_feed(upto))? {}
        Ok(())
    }
}

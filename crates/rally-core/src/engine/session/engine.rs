use std::{collections::HashMap, fmt, sync::Arc};

use parking_lot::RwLock;
use uuid::Uuid;

use super::{
    Allowance, Caller, Limiter, Session,
    agenda::Agenda,
    figures::{Counts, Figures},
    lease::{self, Leases},
    next_numbers::NextNumbers,
    signals::Signals,
};
use crate::{
    base::{Clock, Currency, Environment, Passwords, Profile, Reach, Scope, TenantId, Timestamp, limits},
    engine::{
        codec::RateV1,
        schema::TenantInfo,
        write::{Preparation, UnderWay},
    },
    store::{Key, Snapshot, Store, StoreError},
};

/// A CRM engine on one store: the entry point of a host. Clones share it.
///
/// Every call waits until the store has answered. In an async program, calls go to a thread that may wait:
///
/// ```
/// use rally_core::{ContactDraft, Engine, TenantDraft, store::MemoryStore};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let engine = Engine::new(MemoryStore::new());
/// let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("web")?;
/// let ada = tokio::task::spawn_blocking(move || {
///     acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))
/// })
/// .await??;
/// assert_eq!(ada.full_name, "Ada Lovelace");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    environment: Environment,
    config: Config,
    passwords: Arc<Passwords>,
    requests: Requests,
    /// Attempts to note the use of a credential.
    noted_uses: Limiter<(TenantId, Uuid)>,
    tenants: RwLock<Tenants>,
    next_numbers: NextNumbers,
    /// Writes that are running here.
    under_way: UnderWay,
    /// Readers of feeds that wait for changes here.
    signals: Signals,
    /// Tenants with something to deliver.
    agenda: Arc<Agenda>,
    /// Counts for whoever watches it.
    counts: Counts,
}

/// Tenants that were read lately.
#[derive(Default)]
struct Tenants {
    /// Each with the instant at which it was read.
    known: HashMap<TenantId, (Timestamp, Arc<TenantInfo>)>,
    /// Number of tenants that were forgotten: one that was being read meanwhile may have been read too early.
    forgotten: u64,
}

/// The count of a tenant's requests of a minute.
enum Requests {
    /// In this process, as no other serves the tenant.
    Here(Limiter<TenantId>),
    /// In the store, which other servers share.
    InStore(Leases),
}

/// Settings of an engine, for tenants that have none of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Requests a minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// Strictness of reading requests.
    pub profile: Profile,
    /// True when keys are made for tests: they begin with `rk_test_` instead of `rk_live_`.
    pub test_keys: bool,
    /// Entries of one hour in a tenant's audit trail for logins that have succeeded; later ones of the hour share one.
    pub logins_noted_per_hour: u32,
    /// Entries of one hour in a tenant's audit trail for logins that have failed; later ones of the hour share one.
    pub failed_logins_noted_per_hour: u32,
    /// Days for which entries for logins are kept.
    pub logins_noted_days: u32,
    /// Passwords that are hashed at once, at least 1; the threads of others wait. Each takes a processor for some tens of
    /// milliseconds, and 19 MiB, which are kept for the next one.
    pub passwords_at_once: usize,
    /// Addresses that webhooks may be sent to.
    pub reach: Reach,
    /// Records whose references to a deleted one are changed in its own transaction, at most; at least 1. If there are
    /// more, theirs are changed in transactions before, between which others write.
    pub links_at_once: usize,
    /// Records whose references are changed in one of these transactions, at most, as other writers wait for it; at least 1.
    /// `links_at_once` if this is more.
    pub links_per_step: usize,
    /// Bytes of these records, above which no more of them are read for one transaction.
    pub link_bytes_at_once: usize,
    /// Transactions of one deletion, at most: of a record that others come to name as fast as it is detached.
    pub deletion_steps: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            requests_per_minute: limits::REQUESTS_PER_MINUTE,
            profile: Profile::Documented,
            test_keys: false,
            logins_noted_per_hour: limits::LOGINS_NOTED_PER_HOUR,
            failed_logins_noted_per_hour: limits::FAILED_LOGINS_NOTED_PER_HOUR,
            logins_noted_days: limits::LOGINS_NOTED_DAYS,
            passwords_at_once: limits::PASSWORDS_AT_ONCE,
            reach: Reach::Internet,
            links_at_once: limits::LINKS_AT_ONCE,
            links_per_step: limits::LINKS_PER_STEP,
            link_bytes_at_once: limits::LINK_BYTES_AT_ONCE,
            deletion_steps: limits::DELETION_STEPS,
        }
    }
}

impl Engine {
    /// An engine on a store, with the operating system's clock and randomness.
    ///
    /// ```
    /// # use rally_core::*;
    /// let engine = Engine::new(store::MemoryStore::new());
    /// assert!(engine.tenants()?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::with(Arc::new(store), Environment::system(), Config::default())
    }

    /// An engine whose store, environment and settings the host chooses.
    ///
    /// ```
    /// # use rally_core::*;
    /// use std::sync::Arc;
    ///
    /// let config = Config { requests_per_minute: 60, ..Config::default() };
    /// let engine = Engine::with(Arc::new(store::MemoryStore::new()), Environment::system(), config);
    /// let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(acme.tenant().requests_per_minute, 60);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn with(store: Arc<dyn Store>, environment: Environment, config: Config) -> Self {
        Self::build(store, environment, config, Arc::new(Passwords::new(config.passwords_at_once)))
    }

    /// An engine on another store, with this one's settings. The two share the memory that passwords are hashed in, and
    /// the bound on how many are hashed at once, so that a process may have very many engines.
    ///
    /// ```
    /// # use rally_core::*;
    /// use std::sync::Arc;
    ///
    /// let engine = Engine::new(store::MemoryStore::new());
    /// engine.create_tenant(&TenantDraft::new("acme"))?;
    /// let other = engine.beside(Arc::new(store::MemoryStore::new()), Environment::system());
    /// assert!(other.tenants()?.is_empty());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn beside(&self, store: Arc<dyn Store>, environment: Environment) -> Self {
        Self::build(store, environment, self.0.config, Arc::clone(&self.0.passwords))
    }

    fn build(
        store: Arc<dyn Store>,
        environment: Environment,
        config: Config,
        passwords: Arc<Passwords>,
    ) -> Self {
        let requests = if store.is_shared() {
            Requests::InStore(Leases::default())
        } else {
            Requests::Here(Limiter::new())
        };
        Self(Arc::new(Inner {
            store,
            environment,
            config,
            passwords,
            requests,
            noted_uses: Limiter::new(),
            tenants: RwLock::default(),
            next_numbers: NextNumbers::new(limits::EXPECTED_NUMBERS),
            under_way: UnderWay::default(),
            signals: Signals::default(),
            agenda: Arc::default(),
            counts: Counts::default(),
        }))
    }

    /// The settings for tenants that have none of their own.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert_eq!(engine.config(), Config::default());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config
    }

    /// The engine's clock.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert!(engine.clock().now() > Timestamp::MIN);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.environment.clock
    }

    /// Checks that the store can answer.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// assert!(engine.ready().is_ok());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when it cannot.
    pub fn ready(&self) -> Result<(), crate::Error> {
        Ok(self.store().ready()?)
    }

    /// Figures for whoever watches the engine and its store: counts since it was made, of all tenants together.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let before = engine.figures().changes;
    /// acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// assert_eq!(engine.figures().changes, before + 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.counts().read(self.store().figures())
    }

    /// Takes one of a tenant's requests of this minute; `None` for a tenant without a limit.
    ///
    /// On a [shared](Store::is_shared) store the limit is one for all servers: each leases a portion of it, so this
    /// may wait for the store. Requests that other servers hold are not among those that
    /// [remain](Allowance::remaining). The servers' clocks must agree to within two minutes.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// let acme = engine.create_tenant(&TenantDraft::new("acme").rate_limit_per_minute(10))?;
    /// let allowance = engine.take_request(&acme.trusted_session("docs")?)?;
    /// assert_eq!(allowance.map(|allowance| (allowance.granted, allowance.remaining)), Some((true, 9)));
    /// let unlimited = engine.create_tenant(&TenantDraft::new("looms").rate_limit_per_minute(0))?;
    /// assert_eq!(engine.take_request(&unlimited.trusted_session("docs")?)?, None);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when a shared store cannot answer; then the request has not
    /// begun, and at most one portion is lost.
    pub fn take_request(&self, session: &Session) -> Result<Option<Allowance>, crate::Error> {
        let (id, capacity) = (session.tenant().id, session.tenant().requests_per_minute);
        if capacity == 0 {
            return Ok(None);
        }
        let now = self.clock().now();
        let allowance = match &self.0.requests {
            Requests::Here(limiter) => limiter.take(id, capacity, now),
            Requests::InStore(leases) => leases.take(self.store(), id, capacity, session.rate_seen(), now)?,
        };
        Ok(Some(allowance))
    }

    /// Reads a shared store's count of a tenant's requests, in one round trip with a key that is going to be asked for.
    pub(crate) fn see_rate(
        &self,
        snapshot: &dyn Snapshot,
        with: impl FnOnce() -> Key,
    ) -> Result<Option<RateV1>, StoreError> {
        match self.0.requests {
            Requests::Here(_) => Ok(None),
            Requests::InStore(_) => lease::see(snapshot, with()),
        }
    }

    /// True when the use of a credential has not been noted in this minute.
    pub(crate) fn may_note_use(&self, tenant: TenantId, credential: Uuid, now: Timestamp) -> bool {
        self.0.noted_uses.take((tenant, credential), 1, now).granted
    }

    /// Numbers that the next records are expected to get.
    pub(super) fn next_numbers(&self) -> &NextNumbers {
        &self.0.next_numbers
    }

    pub(crate) fn under_way(&self) -> &UnderWay {
        &self.0.under_way
    }

    pub(crate) fn signals(&self) -> &Signals {
        &self.0.signals
    }

    /// True when other processes may change the same store.
    pub(crate) fn is_shared(&self) -> bool {
        self.store().is_shared()
    }

    /// Tenants with something to deliver.
    pub(crate) fn agenda(&self) -> &Arc<Agenda> {
        &self.0.agenda
    }

    /// Counts for whoever watches the engine.
    pub(crate) fn counts(&self) -> &Counts {
        &self.0.counts
    }

    /// The session of the directory itself.
    pub(crate) fn directory(&self) -> Session {
        let info = TenantInfo {
            id: TenantId::DIRECTORY,
            slug: String::new(),
            profile: Profile::Strict,
            requests_per_minute: 0,
            default_currency: Currency::USD,
        };
        let caller = Caller::Host { name: "directory".to_owned() };
        Session::open(self.clone(), info.into(), caller, Scope::Admin)
    }

    /// The store, which only the engine reaches. It writes there by transactions, and beside them only the lease of a
    /// shared rate limit, a row that is no record, and the rows of a tenant that is being filled from a copy.
    pub(in crate::engine) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    /// A tenant's rows at one moment, for those who look at rows without knowing what they mean.
    pub(crate) fn snapshot_of(&self, tenant: TenantId) -> Result<Box<dyn Snapshot + '_>, crate::Error> {
        Ok(self.store().snapshot(tenant)?)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    /// Makes what bodies are prepared with.
    pub(crate) fn preparation(&self) -> Preparation<'_> {
        Preparation { entropy: &*self.0.environment.entropy, passwords: &self.0.passwords }
    }

    /// A random id (UUID of version 4), from the engine's randomness.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// assert_ne!(engine.random_id(), engine.random_id());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn random_id(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.environment.entropy.fill(&mut bytes);
        bytes
    }

    /// A tenant as it was read at most a second ago, or as it is read now.
    pub(crate) fn tenant_info(
        &self,
        id: TenantId,
        read: impl FnOnce() -> Result<Option<TenantInfo>, crate::Error>,
    ) -> Result<Option<Arc<TenantInfo>>, crate::Error> {
        let now = self.clock().now();
        let tenants = self.0.tenants.read();
        if let Some((read_at, info)) = tenants.known.get(&id)
            && now < read_at.plus_micros(1_000_000)
            && *read_at <= now
        {
            return Ok(Some(Arc::clone(info)));
        }
        let forgotten = tenants.forgotten;
        drop(tenants);
        let Some(info) = read()?.map(Arc::new) else { return Ok(None) };
        let mut tenants = self.0.tenants.write();
        if tenants.forgotten == forgotten {
            tenants.known.insert(id, (now, Arc::clone(&info)));
        }
        Ok(Some(info))
    }

    /// Forgets a tenant that has changed, so that it is read again.
    pub(crate) fn forget_tenant(&self, id: TenantId) {
        let mut tenants = self.0.tenants.write();
        tenants.known.remove(&id);
        tenants.forgotten += 1;
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("store", &self.0.store)
            .field("config", &self.0.config)
            .finish_non_exhaustive()
    }
}

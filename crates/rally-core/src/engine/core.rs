use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::{
    Allowance, Limiter, Profile, Session, TenantInfo,
    codec::RateV1,
    lease::{self, Leases},
};
use crate::{
    base::{Clock, Environment, TenantId, Timestamp, limits},
    store::{Key, Snapshot, Store, StoreError},
};

/// A CRM engine on one store. Clones share it.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    environment: Environment,
    config: Config,
    requests: Requests,
    /// Attempts to note the use of a credential.
    noted_uses: Limiter<(TenantId, Uuid)>,
    tenants: RwLock<Tenants>,
    /// Idempotency keys of writes that are under way here.
    under_way: Mutex<HashSet<(TenantId, String)>>,
}

/// What is known of tenants.
#[derive(Default)]
struct Tenants {
    /// Each with when it was read.
    known: HashMap<TenantId, (Timestamp, Arc<TenantInfo>)>,
    /// How often one was forgotten: what was being read meanwhile may be what it was.
    forgotten: u64,
}

/// Where a tenant's requests of a minute are counted.
enum Requests {
    /// Here, as nobody else serves the tenant.
    Here(Limiter<TenantId>),
    /// In the store, which has other servers too.
    InStore(Leases),
}

/// How an engine treats tenants that have no setting of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Requests a minute; 0 for no limit.
    pub requests_per_minute: u32,
    /// How strictly requests are read.
    pub profile: Profile,
    /// True when keys are made for tests: they begin with `rk_test_` instead of `rk_live_`.
    pub test_keys: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            requests_per_minute: limits::REQUESTS_PER_MINUTE,
            profile: Profile::Documented,
            test_keys: false,
        }
    }
}

impl Engine {
    /// An engine on a store, in the operating system's time.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self::with(Arc::new(store), Environment::system(), Config::default())
    }

    /// An engine with everything chosen by the host.
    #[must_use]
    pub fn with(store: Arc<dyn Store>, environment: Environment, config: Config) -> Self {
        let requests = if store.is_shared() {
            Requests::InStore(Leases::default())
        } else {
            Requests::Here(Limiter::new())
        };
        Self(Arc::new(Inner {
            store,
            environment,
            config,
            requests,
            noted_uses: Limiter::new(),
            tenants: RwLock::default(),
            under_way: Mutex::default(),
        }))
    }

    /// How tenants without a setting of their own are treated.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.environment.clock
    }

    /// Asks the store whether it can answer.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when it cannot.
    pub fn ready(&self) -> Result<(), crate::Error> {
        self.store().snapshot(TenantId::DIRECTORY)?.get(&super::spaces::head())?;
        Ok(())
    }

    /// Takes one of a tenant's requests of this minute; nothing is counted for a tenant without a limit.
    ///
    /// On a [shared](Store::is_shared) store the limit is one for all servers: each leases a portion of it, so this may
    /// wait for the store. What other servers hold is then not in what [remains](Allowance::remaining). The servers'
    /// clocks must agree to within two minutes.
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

    /// Reads what a shared store says of a tenant's requests, in one journey with a key that is going to be asked for.
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

    /// True once a minute for each credential.
    pub(crate) fn may_note_use(&self, tenant: TenantId, credential: Uuid, now: Timestamp) -> bool {
        self.0.noted_uses.take((tenant, credential), 1, now).granted
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.0.store
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// An id that nothing else has, of the engine's randomness (UUID of version 4).
    #[must_use]
    pub fn random_id(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random()).into_uuid()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.environment.entropy.fill(&mut bytes);
        bytes
    }

    /// What is known of a tenant, read anew when it is older than a second.
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

    /// Lets a tenant be read anew, as it has changed.
    pub(crate) fn forget_tenant(&self, id: TenantId) {
        let mut tenants = self.0.tenants.write();
        tenants.known.remove(&id);
        tenants.forgotten += 1;
    }

    /// Marks a key as under way until the guard is dropped; nothing when it already is.
    pub(crate) fn begin(&self, tenant: TenantId, key: &str) -> Option<UnderWay<'_>> {
        let entry = (tenant, key.to_owned());
        let is_new = self.0.under_way.lock().insert(entry.clone());
        is_new.then_some(UnderWay { engine: self, entry })
    }
}

/// A write with an idempotency key that has not been answered yet.
pub(crate) struct UnderWay<'e> {
    engine: &'e Engine,
    entry: (TenantId, String),
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.engine.0.under_way.lock().remove(&self.entry);
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

impl crate::Error {
    /// True when the store asks for the write to be built again.
    pub(crate) fn is_store_conflict(&self) -> bool {
        let cause = std::error::Error::source(self).and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(StoreError::Conflict))
    }
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        use crate::{Code, Error};
        match &error {
            StoreError::Conflict | StoreError::Unavailable { .. } | StoreError::NeedsReopen { .. } => {
                Error::new(Code::Unavailable, "the store cannot answer at present; try again").caused_by(error)
            }
            StoreError::CommitUnknown { .. } => Error::new(
                Code::Unavailable,
                "the connection to the store was lost and the write may or may not have happened; look before you repeat \
                 it, or repeat it with the same Idempotency-Key",
            )
            .with_unknown_outcome()
            .caused_by(error),
            StoreError::TooLarge { .. } => {
                Error::new(Code::LimitExceeded, "this is larger than the store can hold").caused_by(error)
            }
            StoreError::Corrupt { .. } | StoreError::Backend { .. } => Error::internal(error),
        }
    }
}

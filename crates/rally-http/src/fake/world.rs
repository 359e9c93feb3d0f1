use std::{
    collections::{BTreeMap, VecDeque},
    fmt, mem,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use parking_lot::{Mutex, RwLock};
use rally_core::{
    ApiKeyDraft, Clock, Code, Engine, Entropy, Environment, Error, Scope, Scopes, Session, TenantDraft,
    TenantId, TenantUpdate, Timestamp, store::MemoryStore,
};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{
    clock::{Reading, TenantClock},
    faults::Armory,
    inbox::Inboxes,
    journal::Journal,
    limits,
};
use crate::app::App;

/// One tenant of a fake, with all that is its own: an engine on a store, a clock, and keys.
pub(crate) struct World {
    pub(crate) slug: String,
    pub(crate) tenant: TenantId,
    pub(crate) keys: TenantKeys,
    pub(crate) faults: Armory,
    pub(crate) inboxes: Inboxes,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<TenantClock>,
    entropy: Arc<dyn Entropy>,
    /// The app that this tenant's is made beside.
    lobby: App,
    live: RwLock<Arc<Live>>,
    born: OnceLock<Kept>,
    kept: Mutex<BTreeMap<String, Kept>>,
    /// Users who have logged in, each with the end of the token; of very many, the last ones.
    tokens: Mutex<VecDeque<(Timestamp, Uuid)>>,
    /// Held while events are delivered.
    pub(crate) delivering: tokio::sync::Mutex<()>,
    /// Told when something may have become due while events are delivered.
    pub(crate) stirred: Notify,
    pub(crate) is_delivering: AtomicBool,
}

/// Keys of a tenant, one for each scope.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantKeys {
    /// A key with the scope read.
    pub read: String,
    /// A key with the scope write.
    pub write: String,
    /// A key with the scope admin.
    pub admin: String,
}

/// The engine of a tenant at present, and what answers its requests. Another takes its place when the tenant is restored,
/// so that nothing that the former one remembers outlives its records.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) engine: Engine,
    pub(crate) app: App,
    store: Arc<MemoryStore>,
    /// Becomes true when another takes its place, for requests that wait for a change of this one.
    is_former: watch::Sender<bool>,
}

/// The records and the clock of a tenant as they were.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) at: Timestamp,
    store: Arc<MemoryStore>,
    reading: Reading,
}

/// The things that a tenant is made of.
pub(crate) struct Parts {
    pub(crate) clock: TenantClock,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) lobby: App,
}

impl World {
    /// Makes a tenant, with a key of each scope. An id that `is_taken` is drawn again: those of tenants that are made at
    /// one instant differ by 22 bits alone, and keys find their tenants by it.
    pub(crate) fn create(
        parts: Parts,
        draft: &TenantDraft,
        is_taken: impl Fn(TenantId) -> bool,
    ) -> Result<Self, Error> {
        let Parts { clock, entropy, lobby } = parts;
        let clock = Arc::new(clock);
        let (live, tenant) = loop {
            let live = Live::on(MemoryStore::new(), &lobby, &clock, &entropy);
            let tenant = live.engine.create_tenant(draft)?.into_record();
            if !is_taken(tenant.id) {
                break (live, tenant);
            }
        };
        let keys = TenantKeys::mint(&live.engine.tenant(&tenant.slug)?.trusted_session(FAKE)?)?;
        let world = Self {
            slug: tenant.slug,
            tenant: tenant.id,
            keys,
            faults: Armory::default(),
            inboxes: Inboxes::default(),
            journal: Journal::default(),
            clock,
            entropy,
            lobby,
            live: RwLock::new(Arc::new(live)),
            born: OnceLock::new(),
            kept: Mutex::default(),
            tokens: Mutex::default(),
            delivering: tokio::sync::Mutex::default(),
            stirred: Notify::new(),
            is_delivering: AtomicBool::new(false),
        };
        Ok(world)
    }

    /// Makes the records of another tenant this one's, with its settings, and mints keys for them.
    pub(crate) fn take_over(&mut self, other: &World) -> Result<(), Error> {
        let (own, others) = (self.live(), other.live());
        let record = others.engine.tenant(&other.slug)?.into_record();
        let update = TenantUpdate::new()
            .name(record.name)
            .timezone(record.timezone)
            .default_currency(record.default_currency)
            .rate_limit_per_minute(record.rate_limit_per_minute)
            .profile(record.profile);
        own.engine.tenant(&self.slug)?.update(FAKE, &update)?;
        own.store.adopt(self.tenant, &others.store, other.tenant);
        self.replace((*own.store).fork());
        self.keys = TenantKeys::mint(&self.session()?)?;
        Ok(())
    }

    /// Notes that the tenant is made: from now on a reset leads here.
    pub(crate) fn note_born(&self) {
        drop(self.born.set(self.keep()));
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read())
    }

    /// The app that answers at present, and what tells when another takes its place.
    pub(crate) fn answering(&self) -> (App, watch::Receiver<bool>) {
        let live = self.live();
        (live.app.clone(), live.is_former.subscribe())
    }

    /// A session of the fake itself.
    pub(crate) fn session(&self) -> Result<Session, Error> {
        self.live().engine.tenant(&self.slug)?.trusted_session(FAKE)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The records and the clock as they are now.
    pub(crate) fn keep(&self) -> Kept {
        let store = Arc::new(self.live().store.fork());
        Kept { at: self.now(), store, reading: self.clock.reading() }
    }

    /// Puts the records back as they were, and the clock.
    pub(crate) fn go_back(&self, kept: &Kept) {
        self.clock.set_reading(kept.reading);
        self.replace(kept.store.fork());
    }

    /// Puts everything back as it was when the tenant was made.
    pub(crate) fn reset(&self) {
        self.kept.lock().clear();
        self.tokens.lock().clear();
        self.faults.disarm(None);
        self.inboxes.clear();
        self.journal.forget();
        if let Some(born) = self.born.get() {
            self.go_back(born);
        }
    }

    /// Notes a token that was handed out.
    pub(crate) fn note_token(&self, ends_at: Timestamp, user: Uuid) {
        let mut tokens = self.tokens.lock();
        if tokens.len() == limits::TOKENS {
            tokens.pop_front();
        }
        tokens.push_back((ends_at, user));
    }

    /// The ends of tokens after an instant and at another at the latest, each with its user.
    pub(crate) fn tokens_between(&self, after: Timestamp, until: Timestamp) -> Vec<(Timestamp, Uuid)> {
        let tokens = self.tokens.lock();
        tokens.iter().filter(|(end, _)| *end > after && *end <= until).copied().collect()
    }

    /// Keeps the tenant as it is under a name.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] when as many are kept as may be.
    pub(crate) fn snapshot(&self, name: &str) -> Result<Kept, Error> {
        let mut kept = self.kept.lock();
        if kept.len() >= limits::SNAPSHOTS && !kept.contains_key(name) {
            let detail = format!("a tenant has at most {} snapshots; drop one", limits::SNAPSHOTS);
            return Err(Error::new(Code::LimitExceeded, detail));
        }
        let snapshot = self.keep();
        kept.insert(name.to_owned(), snapshot.clone());
        Ok(snapshot)
    }

    /// Puts the tenant back as it was kept under a name.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(crate) fn restore(&self, name: &str) -> Result<(), Error> {
        let kept = self.kept.lock().get(name).cloned();
        self.go_back(&kept.ok_or_else(|| no_snapshot(name))?);
        Ok(())
    }

    /// The names of what is kept, each with the instant at which it was.
    pub(crate) fn snapshots(&self) -> Vec<(String, Timestamp)> {
        self.kept.lock().iter().map(|(name, kept)| (name.clone(), kept.at)).collect()
    }

    /// Forgets what is kept under a name.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub(crate) fn drop_snapshot(&self, name: &str) -> Result<(), Error> {
        self.kept.lock().remove(name).map(drop).ok_or_else(|| no_snapshot(name))
    }

    /// Has another store take the place of the present one.
    fn replace(&self, store: MemoryStore) {
        let live = Live::on(store, &self.lobby, &self.clock, &self.entropy);
        live.engine.deliveries().note(self.tenant);
        let former = mem::replace(&mut *self.live.write(), Arc::new(live));
        former.is_former.send_replace(true);
        self.stirred.notify_one();
    }
}

/// The name under which the fake itself changes something.
const FAKE: &str = "fake";

impl Live {
    fn on(store: MemoryStore, lobby: &App, clock: &Arc<TenantClock>, entropy: &Arc<dyn Entropy>) -> Self {
        let store = Arc::new(store);
        let clock: Arc<dyn Clock> = Arc::<TenantClock>::clone(clock);
        let environment = Environment { clock, entropy: Arc::clone(entropy) };
        let engine = lobby.engine().beside(Arc::<MemoryStore>::clone(&store), environment);
        Self { app: lobby.beside(engine.clone()), engine, store, is_former: watch::Sender::new(false) }
    }
}

impl TenantKeys {
    fn mint(session: &Session) -> Result<Self, Error> {
        let mint = |name: &str, scope: Scope| {
            let draft = ApiKeyDraft::new(name).scopes(Scopes::from(scope));
            session.api_keys().mint(&draft).map(|made| made.key)
        };
        Ok(Self {
            read: mint("fake read", Scope::Read)?,
            write: mint("fake write", Scope::Write)?,
            admin: mint("fake admin", Scope::Admin)?,
        })
    }
}

fn no_snapshot(name: &str) -> Error {
    Error::new(Code::NotFound, format!("there is no snapshot {name:?}"))
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKeys(..)")
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("slug", &self.slug)
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

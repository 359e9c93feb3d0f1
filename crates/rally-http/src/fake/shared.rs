use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::Router;
use parking_lot::RwLock;
use rally_core::{
    Code, CourierLimits, Engine, Entropy, Environment, Error, Profile, SystemEntropy, TenantDraft, TenantId,
    store::MemoryStore,
};
use tokio::runtime::Handle;

use super::{
    clock::{Reading, StartClock, TenantClock},
    entropy::SeededEntropy,
    seed::Seed,
    world::{Parts, World},
};
use crate::{
    app::App,
    config::Config,
    courier::{CourierOptions, HttpCourier},
    router,
};

/// Options of a fake.
#[derive(Clone, Debug)]
pub struct FakeOptions {
    /// The URL that it is served under, without a slash at the end; receivers of webhooks that are its own begin with it.
    pub url: String,
    /// Settings of the engines.
    pub engine: rally_core::Config,
    /// Options of the HTTP interface.
    pub http: Config,
    /// Real time, and the randomness of tenants without a seed.
    pub environment: Environment,
    /// The number that ids, keys and secrets follow from; different ones each time without it.
    pub seed: Option<u64>,
    /// The clock that tenants begin with.
    pub clock: StartClock,
    /// Bounds of what is on its way to the webhooks of a tenant; nothing is sent if none may be in flight.
    pub courier_limits: CourierLimits,
    /// Options of requests to the receivers of webhooks that are not its own.
    pub courier: CourierOptions,
}

/// The way to make a tenant. By default it has a name that no other has.
#[derive(Clone, Debug, Default)]
pub struct TenantSetup {
    /// Its slug.
    pub tenant: Option<String>,
    /// The clock that it begins with; that of the fake's options unless it is given.
    pub clock: Option<StartClock>,
    /// The records that it begins with.
    pub seed: Option<Seed>,
    /// Requests a minute, 0 for no limit.
    pub requests_per_minute: Option<u32>,
    /// Strictness of reading requests.
    pub profile: Option<Profile>,
}

pub(super) struct Shared {
    pub(super) options: FakeOptions,
    /// Answers what belongs to no tenant, as an engine without tenants does.
    pub(super) lobby: App,
    /// The API, for whichever tenant is answering.
    pub(super) api: Router,
    pub(super) http_courier: HttpCourier,
    worlds: RwLock<Worlds>,
    named: AtomicU64,
    runtime: OnceLock<Handle>,
}

#[derive(Default)]
struct Worlds {
    by_slug: HashMap<String, Arc<World>>,
    by_id: HashMap<TenantId, Arc<World>>,
}

impl Worlds {
    /// Takes a world out, and gives room back of which little is used any more.
    fn remove(&mut self, slug: &str) -> Option<Arc<World>> {
        let world = self.by_slug.remove(slug)?;
        self.by_id.remove(&world.tenant);
        let used = self.by_slug.len();
        if self.by_slug.capacity() / 8 > used {
            self.by_slug.shrink_to(2 * used);
            self.by_id.shrink_to(2 * used);
        }
        Some(world)
    }
}

impl Shared {
    /// A fake without tenants.
    pub(super) fn new(options: FakeOptions) -> Self {
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::with(store, options.environment.clone(), options.engine);
        let lobby = router::app(engine, options.http.clone());
        let courier = CourierOptions { reach: options.engine.reach, ..options.courier.clone() };
        Self {
            api: router::routes_of(lobby.clone()),
            lobby,
            http_courier: HttpCourier::new(courier),
            worlds: RwLock::default(),
            named: AtomicU64::new(0),
            runtime: OnceLock::new(),
            options,
        }
    }

    /// Makes a tenant.
    pub(super) fn create(&self, setup: &TenantSetup) -> Result<Arc<World>, Error> {
        let reading = setup.clock.unwrap_or(self.options.clock).into();
        let slug = self.slug(setup.tenant.as_deref())?;
        let mut draft = TenantDraft::new(&slug);
        if let Some(requests) = setup.requests_per_minute {
            draft = draft.rate_limit_per_minute(requests);
        }
        if let Some(profile) = setup.profile {
            draft = draft.profile(profile);
        }
        let world = self.world(&slug, &draft, reading)?;
        if let Some(seed) = &setup.seed {
            world.seed(seed)?;
        }
        self.add(world)
    }

    /// Makes a tenant with the records and the clock that another has now.
    pub(super) fn fork(&self, origin: &World, slug: Option<&str>) -> Result<Arc<World>, Error> {
        let slug = self.slug(slug)?;
        let mut world = self.world(&slug, &TenantDraft::new(&slug), origin.clock.reading())?;
        world.take_over(origin)?;
        self.add(world)
    }

    /// Drops a tenant; false if there is none of that name.
    pub(super) fn drop_tenant(&self, slug: &str) -> bool {
        let Some(world) = self.worlds.write().remove(slug) else { return false };
        // Whatever still runs for it ends by itself, and holds it until then.
        drop(world);
        true
    }

    pub(super) fn find(&self, slug: &str) -> Option<Arc<World>> {
        self.worlds.read().by_slug.get(slug).cloned()
    }

    pub(super) fn by_id(&self, tenant: TenantId) -> Option<Arc<World>> {
        self.worlds.read().by_id.get(&tenant).cloned()
    }

    /// All tenants.
    pub(super) fn worlds(&self) -> Vec<Arc<World>> {
        self.worlds.read().by_slug.values().cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.worlds.read().by_slug.len()
    }

    /// Notes the runtime that the fake is served on; false if one was noted before.
    pub(super) fn serve_on(&self, runtime: Handle) -> bool {
        self.runtime.set(runtime).is_ok()
    }

    /// The runtime that the fake is served on.
    ///
    /// # Errors
    /// [`Code::Unavailable`] while it is not served.
    pub(super) fn runtime(&self) -> Result<&Handle, Error> {
        self.runtime.get().ok_or_else(|| Error::new(Code::Unavailable, "the fake is not served yet"))
    }

    /// The slug that was asked for, or one that no tenant has.
    fn slug(&self, wanted: Option<&str>) -> Result<String, Error> {
        let Some(wanted) = wanted else {
            return Ok(loop {
                let slug = format!("t{}", self.named.fetch_add(1, Ordering::Relaxed) + 1);
                if self.find(&slug).is_none() {
                    break slug;
                }
            });
        };
        if self.find(wanted).is_some() { Err(taken(wanted)) } else { Ok(wanted.to_owned()) }
    }

    fn world(&self, slug: &str, draft: &TenantDraft, reading: Reading) -> Result<World, Error> {
        let options = &self.options;
        let entropy: Arc<dyn Entropy> = match options.seed {
            Some(seed) => Arc::new(SeededEntropy::new(seed, slug)),
            None => Arc::clone(&options.environment.entropy),
        };
        let clock = TenantClock::new(Arc::clone(&options.environment.clock), reading.a_little_before());
        let parts = Parts { clock, entropy, lobby: self.lobby.clone() };
        let world = World::create(parts, draft, |id| self.worlds.read().by_id.contains_key(&id))?;
        world.clock.set_reading(reading);
        Ok(world)
    }

    fn add(&self, world: World) -> Result<Arc<World>, Error> {
        world.note_born();
        let world = Arc::new(world);
        let mut worlds = self.worlds.write();
        if worlds.by_slug.contains_key(&world.slug) || worlds.by_id.contains_key(&world.tenant) {
            return Err(taken(&world.slug));
        }
        worlds.by_slug.insert(world.slug.clone(), Arc::clone(&world));
        worlds.by_id.insert(world.tenant, Arc::clone(&world));
        drop(worlds);
        Ok(world)
    }
}

impl FakeOptions {
    /// Options of a fake that is served under a URL: strict about requests, with keys for tests, and with webhooks that
    /// may reach this machine.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            engine: rally_core::Config {
                profile: Profile::Strict,
                test_keys: true,
                reach: rally_core::Reach::InternetAndLoopback,
                ..rally_core::Config::default()
            },
            http: Config { work_on: crate::WorkOn::ServingThread, ..Config::default() },
            environment: Environment { entropy: Arc::new(SystemEntropy), ..Environment::system() },
            seed: None,
            clock: StartClock::Real,
            courier_limits: CourierLimits::default(),
            courier: CourierOptions::default(),
        }
    }
}

fn taken(slug: &str) -> Error {
    Error::new(Code::Duplicate, format!("there is a tenant {slug:?} already; choose another name"))
}

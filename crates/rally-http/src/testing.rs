//! A whole Rally in one line, for the tests of programs that call it.

use std::{
    fmt, io, iter,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    thread,
};

use rally_core::{
    ApiKeyDraft, Clock, CourierLimits, Engine, Environment, Profile, Reach, Scope, Scopes, TenantDraft,
    store::MemoryStore,
};
use tokio::{runtime, sync::oneshot};

use crate::{
    config::{Config, WorkOn},
    courier::{CourierOptions, HttpCourier, deliver},
    listener::{ServeOptions, serve},
    router::router,
};

/// A Rally on a free loopback port and in memory, which is gone when this is dropped.
///
/// It runs on a thread of its own, so tests of any kind can use it, with or without an async runtime. It is strict:
/// a request with an unknown member or parameter is refused. Its keys begin with `rk_test_`, and its webhooks reach this
/// machine by http.
///
/// ```
/// let rally = rally_http::testing::Fake::start();
/// let contacts = format!("{}/api/v1/contacts", rally.url());
/// # assert!(contacts.starts_with("http://127.0.0.1:"));
/// # assert!(rally.api_key().starts_with("rk_test_"));
/// // … point the client under test at `contacts`, with `rally.api_key()` in `X-Api-Key` …
/// let acme = rally.engine().tenant(rally.tenant())?.trusted_session("test")?;
/// assert_eq!(acme.contacts().count(rally_core::Query::all())?, 0);
/// # Ok::<(), rally_core::Error>(())
/// ```
pub struct Fake {
    engine: Engine,
    url: String,
    first: FakeTenant,
    others: Vec<FakeTenant>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct FakeTenant {
    slug: String,
    api_key: String,
}

/// Options of a [`Fake`].
#[derive(Clone, Debug)]
pub struct FakeBuilder {
    tenants: Vec<String>,
    environment: Environment,
    engine: rally_core::Config,
}

impl Fake {
    /// Starts one with the tenant `acme`, the documented rate limit and the system's clock.
    ///
    /// # Panics
    /// Panics if the machine has no free port or no thread left.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test has nothing better to do with this failure")]
    pub fn start() -> Self {
        Self::builder().start().expect("a fake Rally starts")
    }

    /// Options to start one with.
    #[must_use]
    pub fn builder() -> FakeBuilder {
        FakeBuilder {
            tenants: Vec::new(),
            environment: Environment::system(),
            engine: rally_core::Config {
                profile: Profile::Strict,
                test_keys: true,
                reach: Reach::InternetAndLoopback,
                ..rally_core::Config::default()
            },
        }
    }

    /// Its URL, without a slash at the end: `http://127.0.0.1:49152`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A key of the first tenant, with every scope.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.first.api_key
    }

    /// A key of the tenant with that slug, with every scope.
    #[must_use]
    pub fn api_key_of(&self, tenant: &str) -> Option<&str> {
        self.tenants().find(|known| known.slug == tenant).map(|known| known.api_key.as_str())
    }

    /// The slug of the first tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.first.slug
    }

    /// The engine within, to add records and to check those that the program under test has written.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn tenants(&self) -> impl Iterator<Item = &FakeTenant> {
        iter::once(&self.first).chain(&self.others)
    }
}

impl FakeBuilder {
    /// Adds a tenant; without any there is `acme`.
    #[must_use]
    pub fn tenant(mut self, slug: &str) -> Self {
        self.tenants.push(slug.to_owned());
        self
    }

    /// Requests a minute for each tenant.
    #[must_use]
    pub fn requests_per_minute(mut self, limit: u32) -> Self {
        self.engine.requests_per_minute = limit;
        self
    }

    /// No limit of requests, with or without a valid credential; the headers of the limit are left out.
    #[must_use]
    pub fn without_rate_limit(self) -> Self {
        self.requests_per_minute(0)
    }

    /// Its source of time.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.environment.clock = Arc::new(clock);
        self
    }

    /// Reads requests as the documentation has it, ignoring unknown members and parameters.
    #[must_use]
    pub fn documented_profile(mut self) -> Self {
        self.engine.profile = Profile::Documented;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// An I/O error if there is no free port or no thread left, or if a slug is invalid or given twice.
    pub fn start(self) -> io::Result<Fake> {
        let engine = Engine::with(Arc::new(MemoryStore::new()), self.environment, self.engine);
        let mut slugs = self.tenants.into_iter();
        let first = slugs.next().unwrap_or_else(|| "acme".to_owned());
        let create = |slug| FakeTenant::create(&engine, slug).map_err(io::Error::other);
        let first = create(first)?;
        let others = slugs.map(create).collect::<Result<_, _>>()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel();
        let served = engine.clone();
        let thread = thread::Builder::new()
            .name("rally-fake".to_owned())
            .spawn(move || run(runtime, listener, served, stopped))?;
        Ok(Fake { engine, url, first, others, stop: Some(stop), thread: Some(thread) })
    }
}

/// Serves until `stopped`, then drops every connection at once, so that no test waits for its end.
fn run(runtime: runtime::Runtime, listener: TcpListener, engine: Engine, stopped: oneshot::Receiver<()>) {
    let mut config = Config { work_on: WorkOn::ServingThread, ..Config::default() };
    if engine.config().requests_per_minute == 0 {
        config.failed_credentials_per_minute = 0;
    }
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let options = CourierOptions { reach: engine.config().reach, ..CourierOptions::default() };
        let _delivering = deliver(engine.clone(), HttpCourier::new(options), CourierLimits::default())?;
        tokio::select! {
            result = serve(listener, router(engine, config), ServeOptions::default(), std::future::pending()) => result,
            _ = stopped => Ok(()),
        }
    });
    if let Err(error) = served {
        tracing::error!(%error, "the fake has stopped serving");
    }
}

impl FakeTenant {
    fn create(engine: &Engine, slug: String) -> Result<Self, rally_core::Error> {
        let session = engine.create_tenant(&TenantDraft::new(&slug))?.trusted_session("fake")?;
        let key = session.api_keys().mint(&ApiKeyDraft::new("fake").scopes(Scopes::from(Scope::Admin)))?;
        Ok(Self { slug, api_key: key.key })
    }
}

impl fmt::Debug for Fake {
    /// Everything but the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenants: Vec<&str> = self.tenants().map(|tenant| tenant.slug.as_str()).collect();
        f.debug_struct("Fake").field("url", &self.url).field("tenants", &tenants).finish_non_exhaustive()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by then; a second one here would end the whole test run.
            drop(thread.join());
        }
    }
}

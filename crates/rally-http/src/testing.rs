//! A whole Rally in one line, for the tests of programs that call it.
//!
//! [`Fake`] is one on a free port. Its tenants ([`FakeTenant`]) are each a world of their own: records, clock and keys, so
//! tests in parallel each make one and disturb no other. Programs in other languages do the same over HTTP, as the page
//! `FAKE.md` has it.

use std::{
    fmt, io,
    net::{Ipv4Addr, TcpListener},
    ops::Deref,
    sync::Arc,
    thread,
};

use rally_core::{Clock, Engine, Error, Profile};
use tokio::{runtime, sync::oneshot};

pub use crate::fake::{
    ArmedFault, ClockMode, Delivered, FakeOptions, FakeTenant, FakeTenants, Fault, FaultAction, FaultPoint,
    Inbox, InboxAnswer, InboxAttempt, Message, Moved, NearMiss, Ran, RequestMade, Seed, Signature, Sown,
    StartClock, TenantKeys, TenantSetup, WaitFor, Waited, What,
};
use crate::listener::{ServeOptions, serve};

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
/// let acme = rally.session()?;
/// assert_eq!(acme.contacts().count(rally_core::Query::all())?, 0);
/// # Ok::<(), rally_core::Error>(())
/// ```
///
/// It is also its first tenant: what a [`FakeTenant`] can do, it can.
pub struct Fake {
    tenants: FakeTenants,
    first: FakeTenant,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Options of a [`Fake`].
#[derive(Clone, Debug)]
pub struct FakeBuilder {
    tenants: Vec<String>,
    options: FakeOptions,
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
        FakeBuilder { tenants: Vec::new(), options: FakeOptions::new("") }
    }

    /// A key of the tenant with that slug, with every scope.
    #[must_use]
    pub fn api_key_of(&self, tenant: &str) -> Option<String> {
        self.tenants.find(tenant).map(|tenant| tenant.api_key().to_owned())
    }

    /// The slug of the first tenant.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.first.slug()
    }

    /// The engine of the first tenant, to add records and to check those that the program under test has written.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.first.engine()
    }

    /// All tenants.
    #[must_use]
    pub fn tenants(&self) -> &FakeTenants {
        &self.tenants
    }

    /// Makes a tenant, which takes less than a millisecond, so each test may have one.
    ///
    /// # Errors
    /// [`Code::Duplicate`](rally_core::Code::Duplicate) when another has the slug, or
    /// [`Code::Validation`](rally_core::Code::Validation) when none may have it.
    pub fn create_tenant(&self, slug: &str) -> Result<FakeTenant, Error> {
        self.tenants.create(&TenantSetup { tenant: Some(slug.to_owned()), ..TenantSetup::default() })
    }
}

impl Deref for Fake {
    type Target = FakeTenant;

    fn deref(&self) -> &FakeTenant {
        &self.first
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
        self.options.engine.requests_per_minute = limit;
        self
    }

    /// No limit of requests, with or without a valid credential; the headers of the limit are left out.
    #[must_use]
    pub fn without_rate_limit(self) -> Self {
        self.requests_per_minute(0)
    }

    /// Its source of real time.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.options.environment.clock = Arc::new(clock);
        self
    }

    /// The clock that tenants begin with.
    #[must_use]
    pub fn start_clock(mut self, clock: StartClock) -> Self {
        self.options.clock = clock;
        self
    }

    /// The number that ids, keys and secrets follow from. Ids hold instants, so they repeat if the clock does, too.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Reads requests as the documentation has it, ignoring unknown members and parameters.
    #[must_use]
    pub fn documented_profile(mut self) -> Self {
        self.options.engine.profile = Profile::Documented;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// An I/O error if there is no free port or no thread left, or if a slug is invalid or given twice.
    pub fn start(self) -> io::Result<Fake> {
        let Self { tenants: mut slugs, mut options } = self;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        options.url = format!("http://{}", listener.local_addr()?);
        if options.engine.requests_per_minute == 0 {
            options.http.failed_credentials_per_minute = 0;
        }
        if slugs.is_empty() {
            slugs.push("acme".to_owned());
        }
        let tenants = FakeTenants::new(options);
        let create = |slug: String| {
            let made = tenants.create(&TenantSetup { tenant: Some(slug), ..TenantSetup::default() });
            made.map_err(io::Error::other)
        };
        let made: Vec<FakeTenant> = slugs.into_iter().map(create).collect::<Result<_, _>>()?;
        let first = made.into_iter().next().ok_or_else(|| io::Error::other("a fake has a tenant"))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let served = tenants.clone();
        let thread = thread::Builder::new()
            .name("rally-fake".to_owned())
            .spawn(move || run(runtime, listener, &served, ready, stopped))?;
        is_ready.recv().map_err(io::Error::other)?;
        Ok(Fake { tenants, first, stop: Some(stop), thread: Some(thread) })
    }
}

/// Serves until `stopped`, then drops every connection at once, so that no test waits for its end.
fn run(
    runtime: runtime::Runtime,
    listener: TcpListener,
    tenants: &FakeTenants,
    ready: std::sync::mpsc::Sender<()>,
    stopped: oneshot::Receiver<()>,
) {
    let served = runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let router = tenants.router();
        // The starter waits for this, so that it never asks a fake for work that has no runtime yet.
        let _started = ready.send(());
        let options = ServeOptions { max_connections_per_source: usize::MAX, ..ServeOptions::default() };
        tokio::select! {
            result = serve(listener, router, options, std::future::pending()) => result,
            _ = stopped => Ok(()),
        }
    });
    if let Err(error) = served {
        tracing::error!(%error, "the fake has stopped serving");
    }
}

impl fmt::Debug for Fake {
    /// Everything but the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("tenants", &self.tenants).finish_non_exhaustive()
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

use std::{fmt, future::Future, sync::Arc, time::Duration};

use rally_core::{Code, Engine, Error, Session, TenantId, Timestamp};

use super::{
    advance::{self, Moved},
    clock::{ClockMode, Reading},
    delivery,
    seed::{Seed, Sown},
    shared::Shared,
    span::Span,
    world::{TenantKeys, World},
};

/// One tenant of a fake, with all that is its own. It lives until it is
/// [dropped by name](super::FakeTenants::drop_tenant), or with its fake.
///
/// ```
/// use rally_http::testing::{Fake, Seed};
/// use std::time::Duration;
///
/// let rally = Fake::start();
/// let acme = rally.create_tenant("acme-of-this-test")?;
/// acme.seed(&Seed::demo())?;
/// acme.freeze();
/// let before = acme.now();
/// acme.advance(Duration::from_hours(24))?;
/// assert_eq!(acme.now().as_micros() - before.as_micros(), 86_400_000_000);
///
/// let fork = acme.fork(None)?;
/// assert_eq!(fork.session()?.contacts().count(rally_core::Query::all())?, 40);
/// assert_ne!(fork.api_key(), acme.api_key());
/// # Ok::<(), rally_core::Error>(())
/// ```
#[derive(Clone)]
pub struct FakeTenant {
    pub(super) world: Arc<World>,
    pub(super) shared: Arc<Shared>,
}

impl FakeTenant {
    pub(super) fn new(world: Arc<World>, shared: &Arc<Shared>) -> Self {
        Self { world, shared: Arc::clone(shared) }
    }

    /// All tenants, by their slugs.
    pub(super) fn all(shared: &Arc<Shared>) -> Vec<Self> {
        let mut worlds = shared.worlds();
        worlds.sort_by(|one, other| one.slug.cmp(&other.slug));
        worlds.into_iter().map(|world| Self::new(world, shared)).collect()
    }

    /// Its slug.
    #[must_use]
    pub fn slug(&self) -> &str {
        &self.world.slug
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> TenantId {
        self.world.tenant
    }

    /// The URL of the fake, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.options.url
    }

    /// The URL that its inboxes begin with; the name of an inbox follows.
    #[must_use]
    pub fn inbox_url(&self) -> String {
        format!("{}/_fake/inbox/{}/", self.url(), self.slug())
    }

    /// A key with every scope.
    #[must_use]
    pub fn api_key(&self) -> &str {
        &self.world.keys.admin
    }

    /// A key of each scope.
    #[must_use]
    pub fn keys(&self) -> &TenantKeys {
        &self.world.keys
    }

    /// Its engine at present. A reset, or a snapshot that is restored, gives it another one.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.world.live().engine.clone()
    }

    /// A session of its engine with every scope, to look at what the program under test has done.
    ///
    /// # Errors
    /// None while the tenant is there.
    pub fn session(&self) -> Result<Session, Error> {
        self.world.session()
    }

    /// Makes records, or none of them if one is refused.
    ///
    /// # Errors
    /// The refusals of the engine, with the place of the body.
    pub fn seed(&self, seed: &Seed) -> Result<Sown, Error> {
        self.world.seed(seed)
    }

    /// Puts everything back as it was when the tenant was made: records, keys, clock.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Keeps records, keys and clock under a name, in place of what was kept under it before.
    ///
    /// # Errors
    /// [`Code::LimitExceeded`] when there are too many.
    pub fn snapshot(&self, name: &str) -> Result<(), Error> {
        self.world.snapshot(name).map(drop)
    }

    /// Puts records, keys and clock back as they were kept.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn restore(&self, name: &str) -> Result<(), Error> {
        self.world.restore(name)
    }

    /// A new tenant with the same records and clock, and keys of its own. It costs the same for a tenant of any size, and
    /// neither sees what the other does from then on.
    ///
    /// # Errors
    /// [`Code::Duplicate`] when another tenant has the slug, [`Code::Validation`] when none may have it.
    pub fn fork(&self, slug: Option<&str>) -> Result<FakeTenant, Error> {
        self.shared.fork(&self.world, slug).map(|world| Self::new(world, &self.shared))
    }

    /// The present instant by its clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// The way that its clock goes.
    #[must_use]
    pub fn clock_mode(&self) -> ClockMode {
        self.world.clock.mode()
    }

    /// The instant at which something is to run next.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.world.next_due()
    }

    /// Has its clock stand still at the present instant.
    pub fn freeze(&self) {
        self.world.clock.freeze(None);
    }

    /// Has its clock stand still at an instant.
    pub fn freeze_at(&self, at: Timestamp) {
        self.world.clock.freeze(Some(at));
        self.stir();
    }

    /// Puts its clock to an instant, from which it goes on as before. What falls due in between does not run.
    pub fn set_clock(&self, to: Timestamp) {
        self.world.clock.go_to(to);
        self.stir();
    }

    /// Has its clock go by real time again.
    pub fn use_real_time(&self) {
        self.world.clock.set_reading(Reading::Real);
        self.stir();
    }

    /// Moves its clock, and runs all that falls due on the way: in order, each at its instant.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when the fake is gone.
    pub fn advance(&self, by: Duration) -> Result<Moved, Error> {
        self.advance_to(self.now().plus_micros(Span::from(by).as_micros()))
    }

    /// [`advance`](Self::advance) to an instant.
    ///
    /// # Errors
    /// Those of `advance`.
    pub fn advance_to(&self, to: Timestamp) -> Result<Moved, Error> {
        let tenant = self.clone();
        self.wait_for(async move { advance::advance(&tenant.shared, &tenant.world, to).await })
    }

    /// Runs what is due already.
    ///
    /// # Errors
    /// Those of `advance`.
    pub fn settle(&self) -> Result<Moved, Error> {
        let tenant = self.clone();
        self.wait_for(async move { advance::settle(&tenant.shared, &tenant.world).await })
    }

    pub(super) fn stir(&self) {
        if let Ok(runtime) = self.shared.runtime() {
            let _entered = runtime.enter();
            delivery::stir(&self.shared, &self.world);
        }
    }

    /// Does some work on the runtime of the fake, and waits for it on this thread.
    pub(super) fn wait_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = std::sync::mpsc::channel();
        self.shared.runtime()?.spawn(async move { tell.send(work.await) });
        told.recv().unwrap_or_else(|_| Err(Error::new(Code::Unavailable, "the fake is gone")))
    }
}

impl fmt::Debug for FakeTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeTenant").field("slug", &self.slug()).finish_non_exhaustive()
    }
}

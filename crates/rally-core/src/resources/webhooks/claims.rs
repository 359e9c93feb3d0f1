//! Deliveries as couriers see them: what is due, on a lease.

use std::{fmt, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Attempted, Delivery, Event, Finished, Webhook, finish};
use crate::{
    base::{Error, Id, TenantId, Timestamp, Trace},
    engine::{
        keys::EventPlace,
        session::{Engine, InFlight},
    },
};

mod look;
mod pick;

pub(super) use self::pick::is_test;

/// Bounds of a courier. At least one delivery is in flight, whatever they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CourierLimits {
    /// Deliveries in flight at once.
    pub in_flight: usize,
    /// Deliveries in flight at once of one tenant.
    pub in_flight_of_tenant: usize,
    /// Deliveries in flight at once of one webhook. Fewer are, where one has to wait for another.
    pub in_flight_of_webhook: usize,
    /// Seconds after which a delivery is another's to attempt, if its courier has neither finished nor renewed it.
    pub lease_seconds: u32,
    /// Tenants of a shared store that are looked at each second for what other servers have left.
    pub tenants_a_second: usize,
}

impl Default for CourierLimits {
    fn default() -> Self {
        Self {
            in_flight: 64,
            in_flight_of_tenant: 32,
            in_flight_of_webhook: 8,
            lease_seconds: 30,
            tenants_a_second: 256,
        }
    }
}

/// The deliveries of all tenants of an engine, for whoever sends them.
///
/// One courier at a time calls [`claim`](Self::claim), sends each claim, and tells the outcome by
/// [`finish`](Self::finish). Several servers of one store each have a courier; the lease keeps two from sending the same
/// delivery at once, and a delivery whose courier is gone is claimed anew when its lease is over.
///
/// ```
/// use rally_core::*;
/// use std::time::Duration;
///
/// let engine = Engine::new(store::MemoryStore::new());
/// let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
/// acme.webhooks().create(&WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]))?;
/// acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
///
/// let deliveries = engine.deliveries();
/// assert!(deliveries.wait(Duration::from_secs(1)));
/// for claim in deliveries.claim(&CourierLimits::default())? {
///     assert_eq!(claim.url(), "https://x.example/hook");
///     // Here the body is sent, with the headers.
///     assert_eq!(deliveries.finish(&claim, &Attempted::answered(204, 12))?, Finished::Succeeded);
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Deliveries {
    engine: Engine,
}

/// A delivery that is to be attempted now, by whoever holds this.
pub struct Claim {
    tenant: TenantId,
    webhook: Uuid,
    place: EventPlace,
    token: [u8; 16],
    until: Timestamp,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    attempt: u32,
    trace: Option<Trace>,
    /// Keeps the delivery counted as in flight, until it is finished.
    in_flight: Mutex<Option<InFlight>>,
}

impl Engine {
    /// The deliveries of all tenants, for whoever sends them.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        Deliveries { engine: self.clone() }
    }
}

impl Deliveries {
    pub(super) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Claims what is due, as far as the bounds allow: tenants take turns, and within a tenant its webhooks. Answers
    /// nothing when nothing is due; then [`wait`](Self::wait) until [`next_due`](Self::next_due).
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer; what was claimed before that is
    /// answered first.
    pub fn claim(&self, limits: &CourierLimits) -> Result<Vec<Claim>, Error> {
        look::claim(&self.engine, limits)
    }

    /// Makes the lease of a claim longer, from now on; false when it is another's meanwhile.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn renew(&self, claim: &mut Claim, limits: &CourierLimits) -> Result<bool, Error> {
        finish::renew(&self.engine, claim, limits)
    }

    /// Gives a claim back whose attempt was given up, so that it is made again at once; false when the delivery is another's
    /// meanwhile. The attempt is not counted.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn give_back(&self, claim: &Claim) -> Result<bool, Error> {
        let is_given_back = finish::give_back(&self.engine, claim)?;
        drop(claim.in_flight.lock().take());
        Ok(is_given_back)
    }

    /// Tells the outcome of an attempt. It may be told again when the store could not answer.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn finish(&self, claim: &Claim, attempted: &Attempted) -> Result<Finished, Error> {
        let finished = finish::finish(&self.engine, claim, attempted)?;
        let counts = self.engine.counts();
        counts.millis.add(attempted.duration_ms);
        let outcomes = match finished {
            Finished::Succeeded => &counts.succeeded,
            Finished::RetriedAt(_) => &counts.retried,
            Finished::GivenUp => &counts.given_up,
            Finished::Lost => &counts.lost,
        };
        outcomes.add(1);
        drop(claim.in_flight.lock().take());
        Ok(finished)
    }

    /// The instant at which the next delivery is due, as far as this process knows, by the engine's clock. `None` when
    /// none is, and while as many are in flight as may be.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.engine.agenda().next_look()
    }

    /// Waits until something may have become due by a change or an attempt of this process, at most `timeout`; true when
    /// it has. On a store that others write to, look once a second.
    #[must_use]
    pub fn wait(&self, timeout: Duration) -> bool {
        self.engine.agenda().wait(timeout)
    }

    /// Notes that a tenant may have something due that this engine has not put into the store itself.
    pub fn note(&self, tenant: TenantId) {
        self.engine.agenda().note(tenant);
    }

    /// Ends a wait, so that a courier can be stopped.
    pub fn wake(&self) {
        self.engine.agenda().wake();
    }

    /// Deliveries that are claimed at present and neither finished nor dropped.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.engine.agenda().all_in_flight()
    }
}

impl Claim {
    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The webhook.
    #[must_use]
    pub const fn webhook(&self) -> Id<Webhook> {
        Id::from_uuid(self.webhook)
    }

    /// The delivery.
    #[must_use]
    pub fn delivery(&self) -> Id<Delivery> {
        Id::from_uuid(self.place.id(self.tenant, self.webhook.as_bytes()))
    }

    /// The type of event.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        Event::from_number(self.place.number)
    }

    /// The number of the attempt, from 1 on.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(super) const fn place(&self) -> EventPlace {
        self.place
    }

    pub(super) const fn token(&self) -> [u8; 16] {
        self.token
    }

    /// Notes the end of a lease that was made longer.
    pub(super) const fn set_lease(&mut self, until: Timestamp) {
        self.until = until;
    }

    /// The URL to send to. It has been checked; the addresses that its host leads to have not.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers that identify and sign this attempt, and the type of the body.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body, which is the same at each attempt.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The place in its trace of the request that the event follows from, if that had one. The header `traceparent` names
    /// the attempt itself, which is in the same trace.
    #[must_use]
    pub const fn trace(&self) -> Option<Trace> {
        self.trace
    }

    /// The end of the lease, by the engine's clock.
    #[must_use]
    pub const fn lease_until(&self) -> Timestamp {
        self.until
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("tenant", &self.tenant)
            .field("webhook", &self.webhook)
            .field("delivery", &self.delivery())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

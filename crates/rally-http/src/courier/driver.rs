use std::{
    fmt,
    future::pending,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rally_core::{Answered, Attempted, Claim, CourierLimits, Deliveries, Engine, Error};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::{JoinSet, spawn_blocking},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use super::{
    failure::SendError,
    message::{Courier, WebhookRequest},
};

/// The longest time between two looks at what is due. A change of this process wakes the courier at once; those of other
/// servers, and a clock that a test moves, are seen by looking.
const LOOK: Duration = Duration::from_secs(1);
/// The shortest time between two looks of which the first has found nothing, although something seemed to be due.
const BREATH: Duration = Duration::from_millis(5);
/// The time between two attempts to tell a store that does not answer how a delivery has ended.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest time that giving leases back may take.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// Delivers the events of all webhooks of an engine, on the tokio runtime that this is called on, until what it returns
/// is stopped or dropped.
///
/// One process delivers once for an engine. Several servers of one store each deliver, and share the work.
///
/// ```
/// use rally_core::{CourierLimits, Engine, store::MemoryStore};
/// use rally_http::{HttpCourier, deliver};
/// # use std::time::Duration;
///
/// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// # runtime.block_on(async {
/// let engine = Engine::new(MemoryStore::new());
/// let delivering = deliver(engine, HttpCourier::default(), CourierLimits::default())?;
/// delivering.stop(Duration::from_secs(10)).await;
/// # Ok::<(), std::io::Error>(())
/// # })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// An I/O error if there is no thread left.
pub fn deliver(engine: Engine, courier: impl Courier, limits: CourierLimits) -> io::Result<Delivering> {
    let deliveries = engine.deliveries();
    let is_stopping = Arc::new(AtomicBool::new(false));
    let giving_up = watch::Sender::new(false);
    let (ended, end) = oneshot::channel();
    let driver = Driver {
        stopping: Arc::clone(&is_stopping),
        runtime: Handle::current(),
        work: Work {
            engine,
            deliveries: deliveries.clone(),
            courier: Arc::new(courier),
            limits,
            giving_up: giving_up.subscribe(),
        },
        attempts: JoinSet::new(),
    };
    let thread = thread::Builder::new().name("rally-courier".to_owned());
    thread.spawn(move || drop(ended.send(driver.run())))?;
    Ok(Delivering { deliveries, is_stopping, giving_up, end: Some(end) })
}

/// The delivery of events, which ends when this is dropped.
pub struct Delivering {
    deliveries: Deliveries,
    is_stopping: Arc<AtomicBool>,
    giving_up: watch::Sender<bool>,
    end: Option<oneshot::Receiver<JoinSet<()>>>,
}

impl Delivering {
    /// Claims nothing more, and waits for the attempts that are under way, at most so long. What has not ended by then is
    /// given back, so that another server attempts it at once; if the store does not answer, when its lease is over.
    pub async fn stop(mut self, grace: Duration) {
        self.begin_stopping();
        let Some(end) = self.end.take() else { return };
        let mut ending = pin!(async {
            if let Ok(mut attempts) = end.await {
                while attempts.join_next().await.is_some() {}
            }
        });
        if timeout(grace, &mut ending).await.is_ok() {
            return;
        }
        tracing::info!("attempts to deliver events were given up; they are made again");
        self.giving_up.send_replace(true);
        // A store that does not answer is not waited for: the leases end by themselves.
        drop(timeout(GIVING_BACK, ending).await);
    }

    fn begin_stopping(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.deliveries.wake();
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.begin_stopping();
    }
}

impl fmt::Debug for Delivering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivering").field("in_flight", &self.deliveries.in_flight()).finish_non_exhaustive()
    }
}

/// The claimer of deliveries, on a thread of its own, as the engine's calls wait.
struct Driver {
    stopping: Arc<AtomicBool>,
    runtime: Handle,
    work: Work,
    attempts: JoinSet<()>,
}

/// The things that an attempt needs.
#[derive(Clone)]
struct Work {
    engine: Engine,
    deliveries: Deliveries,
    courier: Arc<dyn Courier>,
    limits: CourierLimits,
    giving_up: watch::Receiver<bool>,
}

impl Driver {
    /// Claims until it is stopped, and answers the attempts that are under way then.
    fn run(mut self) -> JoinSet<()> {
        let mut is_well = true;
        while !self.stopping.load(Ordering::SeqCst) {
            while self.attempts.try_join_next().is_some() {}
            let claimed = self.work.deliveries.claim(&self.work.limits);
            if is_well != claimed.is_ok() {
                is_well = claimed.is_ok();
                note_health(claimed.as_ref().err());
            }
            let wait = match claimed {
                Ok(claims) if !claims.is_empty() => {
                    self.begin(claims);
                    continue;
                }
                Ok(_) => self.time_to_next(),
                Err(_) => LOOK,
            };
            let _is_woken = self.work.deliveries.wait(wait);
        }
        self.attempts
    }

    fn begin(&mut self, claims: Vec<Claim>) {
        for claim in claims {
            self.attempts.spawn_on(self.work.clone().attempt(claim), &self.runtime);
        }
    }

    fn time_to_next(&self) -> Duration {
        if self.work.deliveries.in_flight() >= self.work.limits.in_flight {
            return LOOK;
        }
        let Some(due) = self.work.deliveries.next_due() else { return LOOK };
        let micros = due.as_micros().saturating_sub(self.work.engine.clock().now().as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0)).clamp(BREATH, LOOK)
    }
}

/// Tells the log when the store stops answering and when it answers again, and not at each look.
fn note_health(failure: Option<&Error>) {
    match failure {
        Some(error) => tracing::warn!(%error, "events are not delivered at present"),
        None => tracing::info!("events are delivered again"),
    }
}

impl Work {
    /// Makes an attempt and tells its outcome. What is dropped on the way is attempted again when its lease is over.
    async fn attempt(self, claim: Claim) {
        let begun = Instant::now();
        let Some((claim, sent)) = self.send(claim).await else { return };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let attempted = match sent {
            Ok(answer) => Attempted { result: Ok(answer), duration_ms },
            Err(failure) => Attempted { result: Err(failure.to_string()), duration_ms },
        };
        note_attempt(&claim, &attempted);
        self.finish(claim, attempted).await;
    }

    /// Sends a claim, and renews its lease meanwhile each time that a third of it is over. `None` if the claim has become
    /// another's.
    async fn send(&self, mut claim: Claim) -> Option<(Claim, Result<Answered, SendError>)> {
        let request = WebhookRequest {
            url: claim.url().to_owned(),
            headers: claim.headers().to_vec(),
            body: claim.body().clone(),
            trace: claim.trace(),
        };
        let mut sending = self.courier.send(request);
        let third = Duration::from_secs(self.limits.lease_seconds.into()) / 3;
        let mut giving_up = self.giving_up.clone();
        let mut renewals = interval_at(Instant::now() + third, third.max(BREATH));
        renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                sent = &mut sending => return Some((claim, sent)),
                _ = renewals.tick() => claim = self.renew(claim).await?,
                () = given_up(&mut giving_up) => {
                    self.give_back(claim).await;
                    return None;
                }
            }
        }
    }

    /// Gives a claim back whose attempt was given up. Without an answer of the store its lease ends by itself.
    async fn give_back(&self, claim: Claim) {
        let deliveries = self.deliveries.clone();
        let giving = spawn_blocking(move || deliveries.give_back(&claim));
        if let Ok(Err(error)) = giving.await {
            tracing::info!(%error, "a delivery is attempted again when its lease is over");
        }
    }

    /// Renews a lease; `None` if the claim has become another's. A store that does not answer is asked again.
    async fn renew(&self, mut claim: Claim) -> Option<Claim> {
        let work = self.clone();
        let renewing = spawn_blocking(move || {
            let renewed = work.deliveries.renew(&mut claim, &work.limits);
            (claim, renewed)
        });
        match renewing.await {
            Ok((claim, Ok(true) | Err(_))) => Some(claim),
            _ => None,
        }
    }

    /// Tells the outcome, again and again while the store does not answer and the lease lasts.
    async fn finish(&self, claim: Claim, attempted: Attempted) {
        let told = Arc::new((claim, attempted));
        loop {
            let (work, telling) = (self.clone(), Arc::clone(&told));
            let finishing = spawn_blocking(move || work.deliveries.finish(&telling.0, &telling.1));
            match finishing.await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) if error.is_unavailable() && self.is_held(&told.0) => sleep(PAUSE).await,
                Ok(Err(error)) => return tracing::error!(%error, "the outcome of a delivery is not noted"),
                Err(_) => return,
            }
        }
    }

    fn is_held(&self, claim: &Claim) -> bool {
        self.engine.clock().now() < claim.lease_until()
    }
}

/// Returns once attempts are given up.
async fn given_up(giving_up: &mut watch::Receiver<bool>) {
    if giving_up.wait_for(|is_given_up| *is_given_up).await.is_err() {
        // Nobody is left who could say so.
        pending().await
    }
}

/// Tells the log of an attempt; of one that has failed, why.
fn note_attempt(claim: &Claim, attempted: &Attempted) {
    let (webhook, delivery, attempt) = (claim.webhook(), claim.delivery(), claim.attempt());
    match &attempted.result {
        Ok(answer) => {
            tracing::debug!(%webhook, %delivery, attempt, status = answer.status, "an event was sent")
        }
        Err(reason) => tracing::debug!(%webhook, %delivery, attempt, reason, "an event was not sent"),
    }
}

//! The delivery of events: signed, in order, within bounds, and none lost on the way.

mod bounds;
mod ends;
mod signatures;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use rally_core::{
    Answered, Config, ContactDraft, CourierLimits, DeliveryQuery, DeliveryStatus, Engine, Environment, Event,
    Id, Reach, Session, TenantDraft, Webhook, WebhookDraft,
    store::{MemoryStore, Store},
};
use rally_http::{
    Courier, CourierOptions, Delivering, HttpCourier, SendError, Underway, WebhookRequest, deliver,
};
use serde_json::Value;
use tokio::{runtime::Runtime, sync::watch};

use crate::courier::{Manner, Receiver};

/// The time that an end may take.
const GRACE: Duration = Duration::from_secs(60);

/// An engine whose webhooks reach this machine.
fn engine_on(store: Arc<dyn Store>, environment: Environment) -> Engine {
    let config = Config { reach: Reach::InternetAndLoopback, ..Config::default() };
    Engine::with(store, environment, config)
}

fn engine() -> Engine {
    engine_on(Arc::new(MemoryStore::new()), Environment::system())
}

fn tenant(engine: &Engine, slug: &str) -> Session {
    engine.create_tenant(&TenantDraft::new(slug)).unwrap().trusted_session("test").unwrap()
}

fn hook(session: &Session, url: &str, events: impl Into<Vec<Event>>) -> Webhook {
    session.webhooks().create(&WebhookDraft::new("hook", url, events)).unwrap()
}

fn create_contacts(session: &Session, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let draft = ContactDraft::new("Ada", number.to_string(), format!("c{number}@x.example"));
        session.contacts().create(&draft).unwrap();
    }
}

fn deliver_near(engine: &Engine, limits: CourierLimits) -> Delivering {
    let options = CourierOptions { reach: Reach::InternetAndLoopback, ..CourierOptions::default() };
    deliver(engine.clone(), HttpCourier::new(options), limits).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    Runtime::new().unwrap().block_on(work)
}

/// A courier that notes what it is to send, and answers once it is told to.
#[derive(Clone)]
struct Noting(Arc<Noted>);

struct Noted {
    begun: watch::Sender<Vec<WebhookRequest>>,
    at_once: Mutex<(usize, usize)>,
    answer: watch::Sender<bool>,
}

/// An attempt that is under way.
struct Underways(Arc<Noted>);

impl Noting {
    fn holding() -> Self {
        Self(Arc::new(Noted {
            begun: watch::Sender::new(Vec::new()),
            at_once: Mutex::default(),
            answer: watch::Sender::new(false),
        }))
    }

    fn release(&self) {
        self.0.answer.send_replace(true);
    }

    /// Waits until so many attempts have begun, and answers them.
    async fn wait_for(&self, attempts: usize) -> Vec<WebhookRequest> {
        let mut begun = self.0.begun.subscribe();
        begun.wait_for(|begun| begun.len() >= attempts).await.unwrap().clone()
    }

    fn begun(&self) -> Vec<WebhookRequest> {
        self.0.begun.borrow().clone()
    }

    /// The most attempts that were under way at once.
    fn most_at_once(&self) -> usize {
        self.0.at_once.lock().unwrap().1
    }

    fn begin(&self, request: WebhookRequest) -> Underways {
        let mut at_once = self.0.at_once.lock().unwrap();
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
        drop(at_once);
        self.0.begun.send_modify(|begun| begun.push(request));
        Underways(Arc::clone(&self.0))
    }
}

impl Drop for Underways {
    fn drop(&mut self) {
        self.0.at_once.lock().unwrap().0 -= 1;
    }
}

impl fmt::Debug for Noting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Noting")
    }
}

impl Courier for Noting {
    fn send(&self, request: WebhookRequest) -> Underway<'_, Result<Answered, SendError>> {
        Box::pin(async move {
            let underway = self.begin(request);
            let mut answer = self.0.answer.subscribe();
            answer.wait_for(|is_released| *is_released).await.unwrap();
            drop(underway);
            Ok(Answered { status: 204, ..Answered::default() })
        })
    }
}

/// The JSON of an event.
fn event(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

/// Waits until no delivery is left to be made.
async fn delivered(session: &Session, hook: Id<Webhook>) {
    loop {
        let query = DeliveryQuery::default();
        let page = session.webhooks().deliveries(hook).list(&query).unwrap();
        if page.records.iter().all(|delivery| delivery.status == DeliveryStatus::Succeeded) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[test]
fn each_change_is_delivered_and_the_list_of_deliveries_tells_it() {
    block_on(async {
        let (engine, receiver) = (engine(), Receiver::start([Manner::ok()]).await);
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, &receiver.url("/hook"), [Event::All]);
        let delivering = deliver_near(&engine, CourierLimits::default());
        create_contacts(&acme, 0..50);
        delivered(&acme, hook.id).await;
        let ids: BTreeSet<String> =
            receiver.requests().iter().map(|request| request.header("webhook-id").to_owned()).collect();
        assert_eq!(ids.len(), 50);
        let sequences: BTreeSet<u64> = receiver
            .requests()
            .iter()
            .map(|request| event(&request.body)["sequence"].as_u64().unwrap())
            .collect();
        assert_eq!(sequences, (1..=50).collect());
        let hook = acme.webhooks().get(hook.id).unwrap();
        assert!(hook.last_triggered_at.is_some() && hook.failure_count == 0);
        delivering.stop(GRACE).await;
    });
}

#[test]
fn an_event_that_a_receiver_does_not_take_comes_again_as_it_was() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = engine_on(Arc::new(MemoryStore::new()), environment);
        let failing =
            ["500 Internal Server Error", "301 Moved Permanently"].map(|line| Manner::status(line, ""));
        let manners = failing.into_iter().chain([Manner::Reset, Manner::ok()]);
        let receiver = Receiver::start(manners).await;
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, &receiver.url("/"), [Event::ContactCreated]);
        let delivering = deliver_near(&engine, CourierLimits::default());
        create_contacts(&acme, 0..1);
        for failures in 1..=3 {
            while acme.webhooks().get(hook.id).unwrap().failure_count < failures {
                tokio::task::yield_now().await;
            }
            // Beyond the longest of the delays, jitter included.
            clock.advance(3_600_000_000);
        }
        delivered(&acme, hook.id).await;
        let requests = receiver.requests();
        assert_eq!(requests.len(), 4);
        assert!(requests.iter().all(|request| request.body == requests[0].body));
        assert!(
            requests.iter().all(|request| request.header("webhook-id") == requests[0].header("webhook-id"))
        );
        let times: BTreeSet<&str> =
            requests.iter().map(|request| request.header("webhook-timestamp")).collect();
        assert_eq!(times.len(), 4);
        delivering.stop(GRACE).await;
    });
}

#[test]
fn events_of_a_record_come_in_the_order_of_its_changes_though_one_fails() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = engine_on(Arc::new(MemoryStore::new()), environment);
        let receiver = Receiver::start([Manner::status("503 Unavailable", ""), Manner::ok()]).await;
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, &receiver.url("/"), [Event::All]);
        let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example")).unwrap();
        for title in ["Countess", "Analyst", "Programmer"] {
            acme.contacts().update(ada.id, &rally_core::ContactUpdate::new().title(title)).unwrap();
        }
        let delivering = deliver_near(&engine, CourierLimits::default());
        while acme.webhooks().get(hook.id).unwrap().failure_count < 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(receiver.requests().len(), 1, "later events of the record wait for the first");
        clock.advance(60_000_000);
        delivered(&acme, hook.id).await;
        let sequences: Vec<u64> = receiver
            .requests()
            .iter()
            .map(|request| event(&request.body)["sequence"].as_u64().unwrap())
            .collect();
        assert_eq!(sequences, [1, 1, 2, 3, 4]);
        delivering.stop(GRACE).await;
    });
}

#[test]
fn what_a_receiver_says_of_the_next_attempt_is_heard() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = engine_on(Arc::new(MemoryStore::new()), environment);
        let busy = Manner::status("429 Too Many Requests", "Retry-After: 8\r\n");
        let receiver = Receiver::start([busy, Manner::ok()]).await;
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, &receiver.url("/"), [Event::All]);
        create_contacts(&acme, 0..1);
        let delivering = deliver_near(&engine, CourierLimits::default());
        while acme.webhooks().get(hook.id).unwrap().failure_count < 1 {
            tokio::task::yield_now().await;
        }
        let delivery =
            acme.webhooks().deliveries(hook.id).list(&DeliveryQuery::default()).unwrap().records.remove(0);
        assert_eq!(delivery.response_status, Some(429));
        let wait = delivery.next_attempt_at.unwrap().as_micros() - delivery.created_at.as_micros();
        // Between the planned five seconds and twice that, so it is as the receiver has asked.
        assert!((8_000_000..8_100_000).contains(&wait), "{wait}");
        clock.advance(9_000_000);
        delivered(&acme, hook.id).await;
        delivering.stop(GRACE).await;
    });
}

#[test]
fn a_receiver_that_is_gone_is_switched_off_and_the_others_are_told() {
    block_on(async {
        let engine = engine();
        let gone = Receiver::start([Manner::status("410 Gone", "")]).await;
        let receiver = Receiver::start([Manner::ok()]).await;
        let acme = tenant(&engine, "acme");
        let first = hook(&acme, &gone.url("/"), [Event::ContactCreated]);
        let second = hook(&acme, &receiver.url("/"), [Event::DealWon]);
        create_contacts(&acme, 0..1);
        let delivering = deliver_near(&engine, CourierLimits::default());
        while receiver.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let told = event(&receiver.requests()[0].body);
        assert_eq!(
            (&told["type"], &told["data"]["id"]),
            (&"webhook.disabled".into(), &first.id.to_string().into())
        );
        assert!(!String::from_utf8_lossy(&receiver.requests()[0].body).contains(&first.secret));
        let off = acme.webhooks().get(first.id).unwrap();
        assert!(!off.is_active && off.disabled_reason.is_some());
        assert!(acme.webhooks().get(second.id).unwrap().is_active);
        delivering.stop(GRACE).await;
    });
}

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rally_core::{Answered, CourierLimits, Event, store::MemoryStore};
use rally_http::{Courier, SendError, Underway, WebhookRequest, deliver};
use rally_testkit::{FaultyStore, WriteFault};

use super::{GRACE, Noting, block_on, create_contacts, delivered, engine, engine_on, hook, tenant};

#[test]
fn attempts_that_are_under_way_may_end_before_the_delivery_does() {
    block_on(async {
        let (engine, courier) = (engine(), Noting::holding());
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..8);
        let delivering = deliver(engine.clone(), courier.clone(), CourierLimits::default()).unwrap();
        courier.wait_for(8).await;
        let stopping = tokio::spawn(delivering.stop(GRACE));
        create_contacts(&acme, 8..9);
        courier.release();
        stopping.await.unwrap();
        assert_eq!(courier.begun().len(), 8, "nothing is begun once it is to end");
        assert_eq!(engine.deliveries().in_flight(), 0);
        let query = rally_core::DeliveryQuery { count: true, ..rally_core::DeliveryQuery::default() };
        let succeeded = rally_core::DeliveryQuery {
            status: Some(rally_core::DeliveryStatus::Succeeded),
            ..query.clone()
        };
        let count = |query| acme.webhooks().deliveries(hook.id).list(query).unwrap().total;
        assert_eq!((count(&query), count(&succeeded)), (Some(9), Some(8)));
    });
}

#[test]
fn attempts_that_were_given_up_are_made_again_once_their_lease_is_over() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = engine_on(Arc::new(MemoryStore::new()), environment);
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..8);
        let holding = Noting::holding();
        let delivering = deliver(engine.clone(), holding.clone(), CourierLimits::default()).unwrap();
        let first = holding.wait_for(8).await;
        delivering.stop(Duration::ZERO).await;
        let courier = Noting::holding();
        courier.release();
        let delivering = deliver(engine, courier.clone(), CourierLimits::default()).unwrap();
        clock.advance(61_000_000);
        delivered(&acme, hook.id).await;
        let bodies = |sent: Vec<WebhookRequest>| {
            let mut bodies: Vec<_> = sent.into_iter().map(|sent| sent.body).collect();
            bodies.sort();
            bodies
        };
        assert_eq!(bodies(courier.begun()), bodies(first));
        delivering.stop(GRACE).await;
    });
}

#[test]
fn attempts_that_were_given_up_are_given_back_for_others_to_make_at_once() {
    block_on(async {
        let (environment, _clock) = rally_testkit::environment(7);
        let store = Arc::new(MemoryStore::new());
        let engine = engine_on(store.clone(), environment.clone());
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..3);
        let holding = Noting::holding();
        let delivering = deliver(engine, holding.clone(), CourierLimits::default()).unwrap();
        holding.wait_for(3).await;
        delivering.stop(Duration::ZERO).await;
        let other = engine_on(store, environment);
        let deliveries = other.deliveries();
        let claims = deliveries.claim(&CourierLimits::default()).unwrap();
        let attempts: Vec<u32> = claims.iter().map(rally_core::Claim::attempt).collect();
        assert_eq!(attempts, [1, 1, 1], "the clock stands still, and no attempt was counted");
        assert!(deliveries.give_back(&claims[0]).unwrap());
        let again = deliveries.claim(&CourierLimits::default()).unwrap();
        assert_eq!(again.len(), 1);
        assert!(!deliveries.give_back(&claims[0]).unwrap(), "it is another's by now");
        drop(hook);
    });
}

#[test]
fn a_slow_attempt_keeps_its_lease() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let store = Arc::new(rally_testkit::CountingStore::new(Arc::new(MemoryStore::new())));
        let engine = engine_on(store.clone(), environment.clone());
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..1);
        let limits = CourierLimits { lease_seconds: 1, ..CourierLimits::default() };
        let courier = Noting::holding();
        let delivering = deliver(engine, courier.clone(), limits).unwrap();
        courier.wait_for(1).await;
        // The clock is moved by less than the lease each time, and on only when the lease has been renewed.
        for _ in 0..3 {
            clock.advance(900_000);
            let before = store.counts().writes;
            while store.counts().writes == before {
                tokio::task::yield_now().await;
            }
        }
        let other = engine_on(store, environment);
        assert!(other.deliveries().claim(&limits).unwrap().is_empty(), "its lease is not over");
        courier.release();
        delivered(&acme, hook.id).await;
        assert_eq!(courier.begun().len(), 1);
        delivering.stop(GRACE).await;
    });
}

/// A courier that panics at first.
#[derive(Debug, Default)]
struct Panicking(AtomicUsize);

impl Courier for Panicking {
    fn send(&self, _: WebhookRequest) -> Underway<'_, Result<Answered, SendError>> {
        Box::pin(async {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "a bug that a test has asked for");
            Ok(Answered { status: 200, ..Answered::default() })
        })
    }
}

#[test]
fn an_attempt_that_meets_a_bug_is_made_again() {
    block_on(async {
        let (environment, clock) = rally_testkit::environment(7);
        let engine = engine_on(Arc::new(MemoryStore::new()), environment);
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..1);
        let delivering = deliver(engine.clone(), Panicking::default(), CourierLimits::default()).unwrap();
        while engine.deliveries().in_flight() > 0
            || acme
                .webhooks()
                .deliveries(hook.id)
                .list(&rally_core::DeliveryQuery::default())
                .unwrap()
                .records[0]
                .status
                != rally_core::DeliveryStatus::Succeeded
        {
            clock.advance(1_000_000);
            tokio::task::yield_now().await;
        }
        delivering.stop(GRACE).await;
    });
}

#[test]
fn an_outcome_is_told_again_to_a_store_that_did_not_answer() {
    block_on(async {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new())));
        let (environment, _clock) = rally_testkit::environment(7);
        let engine = engine_on(store.clone(), environment);
        let acme = tenant(&engine, "acme");
        let hook = hook(&acme, "https://x.example/", [Event::All]);
        create_contacts(&acme, 0..1);
        let courier = Noting::holding();
        let delivering = deliver(engine, courier.clone(), CourierLimits::default()).unwrap();
        courier.wait_for(1).await;
        store.fail_write(0, WriteFault::Unavailable);
        courier.release();
        delivered(&acme, hook.id).await;
        assert_eq!(courier.begun().len(), 1, "the event was not sent again");
        delivering.stop(GRACE).await;
    });
}

use rally_core::{CourierLimits, DeliveryOrder, Event, WebhookDraft};
use rally_http::deliver;

use super::{GRACE, Noting, block_on, create_contacts, deliver_near, delivered, engine, event, hook, tenant};
use crate::courier::{Manner, Receiver};

#[test]
fn so_many_events_are_on_their_way_at_once_and_no_more() {
    block_on(async {
        let engine = engine();
        let tenants = ["acme", "mills", "looms"].map(|slug| tenant(&engine, slug));
        for session in &tenants {
            for _ in 0..2 {
                hook(session, "https://x.example/", [Event::All]);
            }
            create_contacts(session, 0..30);
        }
        for (limits, most) in [
            (CourierLimits { in_flight: 7, ..CourierLimits::default() }, 7),
            (CourierLimits { in_flight_of_tenant: 3, ..CourierLimits::default() }, 9),
            (CourierLimits { in_flight_of_webhook: 2, ..CourierLimits::default() }, 12),
        ] {
            let courier = Noting::holding();
            let delivering = deliver(engine.clone(), courier.clone(), limits).unwrap();
            courier.wait_for(most).await;
            assert_eq!(engine.deliveries().in_flight(), most);
            delivering.stop(std::time::Duration::ZERO).await;
            assert_eq!(courier.most_at_once(), most);
        }
    });
}

#[test]
fn a_webhook_in_strict_order_has_one_event_on_its_way() {
    block_on(async {
        let (engine, courier) = (engine(), Noting::holding());
        let acme = tenant(&engine, "acme");
        let draft =
            WebhookDraft::new("strict", "https://x.example/", [Event::All]).ordering(DeliveryOrder::Strict);
        let hook = acme.webhooks().create(&draft).unwrap();
        create_contacts(&acme, 0..20);
        let delivering = deliver(engine, courier.clone(), CourierLimits::default()).unwrap();
        courier.wait_for(1).await;
        courier.release();
        delivered(&acme, hook.id).await;
        assert_eq!((courier.most_at_once(), courier.begun().len()), (1, 20));
        let sequences =
            courier.begun().into_iter().map(|sent| event(&sent.body)["sequence"].as_u64().unwrap());
        assert!(sequences.eq(1..=20));
        delivering.stop(GRACE).await;
    });
}

#[test]
fn a_webhook_that_swallows_everything_delays_no_other() {
    block_on(async {
        let engine = engine();
        let (swallowing, receiver) =
            (Receiver::start([Manner::Hang(Vec::new())]).await, Receiver::start([Manner::ok()]).await);
        let (mills, acme) = (tenant(&engine, "mills"), tenant(&engine, "acme"));
        hook(&mills, &swallowing.url("/"), [Event::All]);
        let hook = hook(&acme, &receiver.url("/"), [Event::All]);
        create_contacts(&mills, 0..500);
        let delivering = deliver_near(&engine, CourierLimits::default());
        while swallowing.requests().len() < CourierLimits::default().in_flight_of_webhook {
            tokio::task::yield_now().await;
        }
        create_contacts(&acme, 0..100);
        delivered(&acme, hook.id).await;
        assert_eq!(receiver.requests().len(), 100);
        // Nothing of it has been given up yet: the others did not wait for its time-outs.
        assert_eq!(swallowing.requests().len(), CourierLimits::default().in_flight_of_webhook);
        delivering.stop(std::time::Duration::ZERO).await;
    });
}

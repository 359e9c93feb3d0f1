use axum::http::{HeaderMap, HeaderName};
use rally_core::{CourierLimits, Event};
use standardwebhooks::Webhook;

use super::{GRACE, block_on, create_contacts, deliver_near, delivered, engine, hook, tenant};
use crate::courier::{Manner, Received, Receiver};

fn headers(request: &Received) -> HeaderMap {
    let lines = request.head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
}

fn is_signed_by(request: &Received, secret: &str) -> bool {
    Webhook::new(secret).unwrap().verify(&request.body, &headers(request)).is_ok()
}

#[test]
fn the_library_of_standard_webhooks_verifies_what_is_sent_during_a_rotation_too() {
    block_on(async {
        let (engine, receiver) = (engine(), Receiver::start([Manner::ok()]).await);
        let acme = tenant(&engine, "acme");
        let first = hook(&acme, &receiver.url("/"), [Event::All]);
        let delivering = deliver_near(&engine, CourierLimits::default());
        create_contacts(&acme, 0..1);
        delivered(&acme, first.id).await;
        let second = acme.webhooks().rotate_secret(first.id, 24).unwrap();
        create_contacts(&acme, 1..2);
        delivered(&acme, first.id).await;
        let third = acme.webhooks().rotate_secret(first.id, 0).unwrap();
        create_contacts(&acme, 2..3);
        delivered(&acme, first.id).await;
        let requests = receiver.requests();
        let signed = |secret: &str| [0, 1, 2].map(|number| is_signed_by(&requests[number], secret));
        assert_eq!(signed(&first.secret), [true, true, true], "its hours of grace are not over");
        assert_eq!(signed(&second.secret), [false, true, false], "it was given no grace");
        assert_eq!(signed(&third.secret), [false, false, true]);
        let mut forged = requests[2].clone();
        forged.body[10] ^= 1;
        assert!(!is_signed_by(&forged, &third.secret));
        delivering.stop(GRACE).await;
    });
}

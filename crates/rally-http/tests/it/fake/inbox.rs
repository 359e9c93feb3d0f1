//! Receivers of webhooks that are the fake's own.

use std::time::Duration;

use rally_core::{Event, WebhookDraft};
use rally_http::testing::{Fake, FakeTenant, Fault, FaultAction, FaultPoint, Signature, StartClock, WaitFor};
use serde_json::json;

use super::client::{api, contact, control, send};

fn still() -> Fake {
    Fake::builder().start_clock(StartClock::At("2025-03-01".parse().unwrap())).start().unwrap()
}

/// Makes a webhook that sends all events to an inbox.
pub(super) fn hook(tenant: &FakeTenant, inbox: &str) {
    let draft = WebhookDraft::new(inbox, tenant.inbox_url_of(inbox), [Event::All]);
    tenant.session().unwrap().webhooks().create(&draft).unwrap();
}

#[test]
fn a_wait_answers_the_event_with_its_attempts_and_its_signature() {
    let fake = still();
    hook(&fake, "orders");
    control(
        &fake,
        "PUT",
        "/tenants/acme/inbox/orders",
        r#"{"answers":[500,{"status":503,"delay":"2s"},200]}"#,
    )
    .is(200);
    let made = api(&fake, "POST", "/contacts", &contact("ada")).is(201).json();
    let wanted = json!({"type": "contact.created", "where": {"data.id": made["id"], "changedFields": null}});
    let near = control(&fake, "POST", "/tenants/acme/inbox/orders/wait", &wanted.to_string()).is(200).json();
    assert_eq!(near["matched"], false);
    assert_eq!(near["now"], "2025-03-01T01:00:00.000000Z", "the clock has gone to the end of the wait");
    let wanted = json!({"type": "contact.created", "where": {"data.id": made["id"]}});
    let got = control(&fake, "POST", "/tenants/acme/inbox/orders/wait", &wanted.to_string()).is(200).json();
    let message = &got["message"];
    assert_eq!((&got["matched"], &message["signature"]), (&true.into(), &"verified".into()));
    assert_eq!(message["body"]["data"]["email"], "ada@x.example");
    let statuses: Vec<_> =
        message["attempts"].as_array().unwrap().iter().map(|a| a["status"].clone()).collect();
    assert_eq!(statuses, [500, 503, 200]);
    assert!(message["headers"]["webhook-signature"].as_str().unwrap().starts_with("v1,"));
    let again = fake.wait("orders", WaitFor::event(Event::ContactCreated)).unwrap();
    assert!(!again.matched, "what was waited for does not come again");
}

#[test]
fn a_wait_in_vain_tells_the_near_misses_with_the_member_that_differs() {
    let fake = still();
    hook(&fake, "orders");
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    fake.script_inbox("other", [200]).unwrap();
    let wanted =
        WaitFor::event(Event::ContactCreated).with("data.lastName", "Lovelace").within(Duration::ZERO);
    let waited = fake.wait("orders", wanted.clone()).unwrap();
    let near = &waited.near_misses[0];
    assert_eq!((waited.matched, near.number, near.attempts), (false, 1, 1));
    assert_eq!(json!(near.missed), json!({"data.lastName": {"wanted": "Lovelace", "got": "Test"}}));
    let wanted = WaitFor::event(Event::DealWon).within(Duration::ZERO);
    let near = fake.wait("orders", wanted).unwrap().near_misses;
    assert_eq!(json!(near[0].missed), json!({"type": {"wanted": "deal.won", "got": "contact.created"}}));
    fake.drop_inbox("orders");
    fake.script_inbox("orders", [500]).unwrap();
    api(&fake, "POST", "/contacts", &contact("bob")).is(201);
    let waited = fake.wait("orders", WaitFor::any().within(Duration::from_secs(60))).unwrap();
    assert_eq!(json!(waited.near_misses[0].missed), json!({"answered": {"wanted": "2xx", "got": 500}}));
    assert_eq!(waited.near_misses.len(), 2, "the retry after five seconds has come, too");
    let error = fake.expect("orders", WaitFor::event(Event::DealWon)).unwrap_err();
    assert!(error.detail().contains(r#""wanted":"deal.won""#), "{error}");
}

#[test]
fn a_patient_wait_hears_what_the_program_does_meanwhile() {
    let fake = still();
    hook(&fake, "orders");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let wanted = WaitFor::event(Event::ContactCreated).patient_for(Duration::from_secs(30));
            fake.expect("orders", wanted).unwrap()
        });
        api(&fake, "POST", "/contacts", &contact("ada")).is(201);
        assert_eq!(waiting.join().unwrap().kind.as_deref(), Some("contact.created"));
    });
    assert_eq!(fake.now(), "2025-03-01".parse().unwrap());
}

#[test]
fn what_happens_at_a_running_clock_is_delivered_without_being_asked_for() {
    let fake = Fake::start();
    hook(&fake, "orders");
    api(&fake, "POST", "/contacts", &contact("ada")).is(201);
    let session = fake.session().unwrap();
    session.contacts().create(&rally_core::ContactDraft::new("B", "B", "b@x.example")).unwrap();
    while fake.inbox("orders").messages.len() < 2 {
        std::thread::yield_now();
    }
    assert!(fake.inbox("orders").messages.iter().all(|message| message.signature == Signature::Verified));
}

#[test]
fn a_fork_gets_its_events_itself() {
    let fake = still();
    hook(&fake, "orders");
    let fork = fake.fork(Some("fork")).unwrap();
    api(&fork, "POST", "/contacts", &contact("ada")).is(201);
    let message = fork.expect("orders", WaitFor::event(Event::ContactCreated)).unwrap();
    assert_eq!(message.body["tenantId"], json!(fork.id()));
    assert!(fake.inbox("orders").messages.is_empty());
    fork.reset();
    api(&fork, "POST", "/contacts", &contact("bob")).is(201);
    fork.expect("orders", WaitFor::event(Event::ContactCreated)).unwrap();
}

#[test]
fn faults_on_the_way_to_a_webhook_are_counted_like_others() {
    let cases: [(FaultAction, &[Option<u16>], usize); 6] = [
        (FaultAction::Status { status: 500, retry_after: None }, &[Some(500), Some(200)], 1),
        (FaultAction::Drop, &[None, Some(200)], 1),
        (FaultAction::Reset { at: 0 }, &[None, Some(200)], 2),
        (FaultAction::Duplicate, &[Some(200)], 2),
        (FaultAction::Delay { by: Duration::from_secs(15) }, &[None, Some(200)], 1),
        (FaultAction::Delay { by: Duration::from_secs(1) }, &[Some(200)], 1),
    ];
    for (action, statuses, arrivals) in cases {
        let fake = still();
        hook(&fake, "orders");
        fake.arm(Fault::new(FaultPoint::Webhook, action.clone()).event(Event::ContactCreated, "orders"))
            .unwrap();
        api(&fake, "POST", "/contacts", &contact("ada")).is(201);
        let moved = control(&fake, "POST", "/tenants/acme/clock/advance", r#"{"by":"59s"}"#).is(200).json();
        let sent: Vec<_> = moved["ran"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|ran| ran["what"] == "delivery")
            .map(|ran| ran["status"].as_u64().map(|status| u16::try_from(status).unwrap()))
            .collect();
        let inbox = fake.inbox("orders");
        let ids: std::collections::BTreeSet<_> = inbox.messages.iter().map(|message| &message.id).collect();
        // What the pump had sent before the clock was moved is not told again.
        assert!(statuses.ends_with(&sent), "{action:?}: {sent:?}");
        assert_eq!((inbox.messages.len(), ids.len()), (arrivals, 1), "{action:?}");
        fake.verify_faults().unwrap();
    }
}

#[test]
fn a_plain_post_is_a_message_too_and_bounds_hold() {
    let fake = Fake::start();
    let post = |path: &str, body: &str| {
        send(fake.url(), "POST", &format!("/_fake/inbox/{path}"), "X-Kind: a\r\n", body)
    };
    fake.script_inbox("plain", [202]).unwrap();
    post("acme/plain", "hello").is(202);
    let told = control(&fake, "GET", "/tenants/acme/inbox/plain", "").is(200).json();
    let message = &told["messages"][0];
    assert_eq!((&message["body"], &message["signature"]), (&"hello".into(), &"none".into()));
    assert_eq!(message["headers"]["x-kind"], "a");
    post("nobody/plain", "").is(404);
    post("acme/b%20d", "").is(400);
    post("acme/large", &"x".repeat((1 << 20) + 1)).is(413);
    for number in 1..100 {
        post(&format!("acme/n{number}"), "").is(200);
    }
    assert_eq!(post("acme/more", "").is(400).json()["code"], "limit_exceeded");
    assert_eq!(
        control(&fake, "GET", "/tenants/acme/inboxes", "").is(200).json().as_array().unwrap().len(),
        100
    );
    control(&fake, "DELETE", "/tenants/acme/inbox/n1", "").is(200);
    control(&fake, "DELETE", "/tenants/acme/inbox/n1", "").is(404);
    for _ in 0..1_000 {
        post("acme/plain", "");
    }
    let kept = fake.inbox("plain").messages;
    assert_eq!((kept.len(), kept[0].number), (1_000, 2));
    let script = |answers: &str| {
        control(&fake, "PUT", "/tenants/acme/inbox/plain", &format!("{{\"answers\":{answers}}}"))
    };
    script("[99]").is(400);
    script("[600]").is(400);
    script("[\"200\"]").is(400);
    script(&format!("{:?}", vec![200; 1_001])).is(400);
    script(&format!("{:?}", vec![200; 1_000])).is(200);
    let wait = control(&fake, "POST", "/tenants/acme/inbox/plain/wait", r#"{"typ":"x"}"#);
    assert_eq!(wait.is(400).json()["code"], "validation");
}

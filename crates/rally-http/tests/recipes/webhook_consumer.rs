//! A consumer of webhooks that sees duplicates and events out of order: it goes by `webhook-id` and by `sequence`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rally_core::{DeliveryOrder, Event, WebhookDraft};
use rally_http::testing::{Fake, Fault, FaultAction, FaultPoint, Message, Signature, StartClock};

use crate::client::Crm;

/// The program under test: the newest title of each contact.
#[derive(Default)]
struct Titles {
    seen: BTreeSet<String>,
    newest: BTreeMap<String, (u64, String)>,
    duplicates: usize,
}

impl Titles {
    fn take(&mut self, message: &Message) {
        if !self.seen.insert(message.id.clone().unwrap()) {
            self.duplicates += 1;
            return;
        }
        let (data, sequence) = (&message.body["data"], message.body["sequence"].as_u64().unwrap());
        let title = data["title"].as_str().unwrap_or_default().to_owned();
        let newest = self.newest.entry(data["id"].as_str().unwrap().to_owned()).or_default();
        if newest.0 < sequence {
            *newest = (sequence, title);
        }
    }
}

#[test]
fn the_newest_title_wins_in_whatever_order_events_come() {
    let at = StartClock::At("2025-03-01".parse().unwrap());
    let rally = Fake::builder().start_clock(at).start().unwrap();
    let hook =
        WebhookDraft::new("titles", rally.inbox_url_of("titles"), [Event::All]).ordering(DeliveryOrder::None);
    rally.session().unwrap().webhooks().create(&hook).unwrap();
    // The event of the creation fails at first, so it comes behind the two updates; that of the first update comes twice.
    rally
        .arm(Fault::new(FaultPoint::Webhook, FaultAction::Drop).event(Event::ContactCreated, "titles"))
        .unwrap();
    rally
        .arm(Fault::new(FaultPoint::Webhook, FaultAction::Duplicate).event(Event::ContactUpdated, "titles"))
        .unwrap();
    let crm = Crm::of(&rally);
    let ada = r#"{"firstName":"Ada","lastName":"Lovelace","email":"ada@x.example","title":"Countess"}"#;
    let id = crm.send("POST", "/contacts", "", ada).unwrap().body["id"].as_str().unwrap().to_owned();
    for title in ["Analyst", "Programmer"] {
        let update = format!(r#"{{"title":"{title}"}}"#);
        crm.send("PATCH", &format!("/contacts/{id}"), "", &update).unwrap();
    }
    rally.advance(Duration::from_secs(60)).unwrap();
    rally.verify_faults().unwrap();
    let messages = rally.inbox("titles").messages;
    assert_eq!(
        messages.last().unwrap().kind.as_deref(),
        Some("contact.created"),
        "the first event comes last"
    );
    let mut titles = Titles::default();
    for message in &messages {
        assert_eq!(message.signature, Signature::Verified);
        titles.take(message);
    }
    assert_eq!((messages.len(), titles.duplicates), (4, 1));
    assert_eq!(titles.newest[&id].1, "Programmer");
}

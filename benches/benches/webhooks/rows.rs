use std::time::{Duration, Instant};

use rally_benches::fixture;
use rally_core::{Atomicity, ContactDraft, DeliveryOrder, Event, Session, WebhookDraft, WriteOptions};

use crate::{
    Sizes,
    receiver::{Receiver, Running},
    store::Opened,
};

/// Records that a bulk creates.
const BULK: u64 = 100;

/// The time from the call that creates a record to the arrival of its event, one after the other.
pub(crate) fn latency(opened: &Opened, changes: usize) {
    let (session, receiver) = (opened.tenant("latency"), Receiver::start());
    subscribe(&session, &receiver.url("/hook"), &[Event::All]);
    let _running = Running::start(opened);
    let took = (0..changes).map(|number| deliver_one(&session, &receiver, number, "l"));
    println!("  change to arrival                        {}", show(took.collect()));
}

fn deliver_one(session: &Session, receiver: &Receiver, number: usize, name: &str) -> Duration {
    let begun = Instant::now();
    create(session, number, name);
    // The tenant's changes are these, and no others.
    receiver.arrival(u64::try_from(number + 1).expect("a number")).saturating_duration_since(begun)
}

/// The deliveries a second of events that wait, for so many webhooks together.
pub(crate) fn throughput(opened: &Opened, events: usize, webhooks: usize) {
    let (session, receiver) = (opened.tenant(&format!("throughput-{webhooks}")), Receiver::start());
    for _ in 0..webhooks {
        subscribe(&session, &receiver.url("/hook"), &[Event::All]);
    }
    let changes = events / webhooks;
    fill(&session, changes);
    let begun = Instant::now();
    let running = Running::start(opened);
    receiver.wait_for(changes * webhooks);
    let delivered = u32::try_from(changes * webhooks).expect("a number");
    let a_second = f64::from(delivered) / begun.elapsed().as_secs_f64();
    drop(running);
    println!("  deliveries a second, {webhooks} webhook(s)          {a_second:.0}");
}

/// The time of a create with no webhook, with one that has not subscribed to it, with one and with ten that have.
pub(crate) fn cost_of_a_create(opened: &Opened, creates: usize) {
    for (name, webhooks, event) in [
        ("none", 0, Event::All),
        ("one, of other events", 1, Event::DealWon),
        ("one", 1, Event::All),
        ("ten", 10, Event::All),
    ] {
        let slug = format!("cost-{webhooks}-{}", if event == Event::All { "all" } else { "won" });
        let session = opened.tenant(&slug);
        for _ in 0..webhooks {
            subscribe(&session, "https://x.example/", &[event]);
        }
        let took = (0..creates).map(|number| {
            let begun = Instant::now();
            create(&session, number, "c");
            begun.elapsed()
        });
        println!("  create, webhooks: {name:<23}{}", show(took.collect()));
    }
}

/// The time from change to arrival, and of a create, for one tenant while another has many events for a receiver that
/// never answers.
pub(crate) fn black_hole(opened: &Opened, sizes: Sizes) {
    let (swallowed, session, receiver) = (opened.tenant("hole"), opened.tenant("beside"), Receiver::start());
    subscribe(&swallowed, &receiver.url("/hole"), &[Event::All]);
    fill(&swallowed, sizes.waiting);
    subscribe(&session, &receiver.url("/hook"), &[Event::All]);
    let _running = Running::start(opened);
    let took = (0..sizes.latencies).map(|number| deliver_one(&session, &receiver, number, "b"));
    println!("  change to arrival, beside a black hole   {}", show(took.collect()));
    let took = (0..sizes.latencies).map(|number| {
        let begun = Instant::now();
        create(&session, number, "d");
        begun.elapsed()
    });
    println!("  create, beside a black hole              {}", show(took.collect()));
}

fn subscribe(session: &Session, url: &str, events: &[Event]) {
    let draft = WebhookDraft::new("bench", url, events).ordering(DeliveryOrder::None);
    session.webhooks().create(&draft).expect("a webhook");
}

fn create(session: &Session, number: usize, name: &str) {
    let draft = ContactDraft::new("Ada", "Lovelace", format!("{name}{number}@x.example"));
    session.contacts().create(&draft).expect("a contact");
}

/// Creates contacts as large as the fixture's.
fn fill(session: &Session, contacts: usize) {
    let contacts = u64::try_from(contacts).expect("a number");
    for first in (0..contacts).step_by(100) {
        let drafts: Vec<String> = (first..contacts.min(first + BULK)).map(fixture::draft).collect();
        let body = format!("[{}]", drafts.join(","));
        let made = session.contacts().json().create_many(
            body.as_bytes(),
            Atomicity::AllOrNothing,
            &WriteOptions::default(),
        );
        made.expect("contacts");
    }
}

/// Milliseconds: p50, p99 and the longest, and how many.
fn show(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent).div_ceil(100).saturating_sub(1);
        took.get(place).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    };
    format!("{:.2} / {:.2} / {:.2} ms ({})", at(50), at(99), at(100), took.len())
}

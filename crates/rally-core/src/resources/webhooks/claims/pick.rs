//! The deliveries of a tenant that are attempted next, each with a lease, in one transaction.

use std::collections::HashMap;

use bytes::Bytes;
use uuid::Uuid;

use super::super::{Event, URL, body, plan, replay, retention, secret, signing, uuid};
use crate::{
    base::{Error, Kind, Timestamp, Trace},
    engine::{
        codec::{DeliveryV1, LeaseV1, StandingV1, SubscriptionV1, SubscriptionsV1},
        keys::{EventPlace, outbox, spaces},
        schema::{Record, unquote},
        write::Transaction,
    },
    store::{Key, StoreError},
};

/// Entries that are looked at for each delivery that may be picked: some may have to wait for others.
const LOOKED_AT: usize = 4;

/// The places that are free.
pub(super) struct Room {
    pub(super) of_turn: usize,
    pub(super) of_webhook: usize,
    pub(super) in_flight: HashMap<Uuid, usize>,
    /// The number of the turn, by which webhooks take turns.
    pub(super) turn: u64,
    pub(super) lease_micros: i64,
}

/// A delivery that was picked.
pub(super) struct Picked {
    pub(super) webhook: Uuid,
    pub(super) place: EventPlace,
    pub(super) token: [u8; 16],
    pub(super) until: Timestamp,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    pub(super) attempt: u32,
    pub(super) trace: Option<Trace>,
}

/// The result of a turn.
pub(super) struct Turn {
    pub(super) claims: Vec<Picked>,
    /// The instant of the next turn, if one is known.
    pub(super) next: Option<Timestamp>,
}

impl Turn {
    /// Asks for the next turn at an instant at the latest.
    fn again(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

pub(super) fn pick(transaction: &mut Transaction<'_>, room: &Room) -> Result<Turn, Error> {
    let mut turn = Turn { claims: Vec::new(), next: None };
    if retention::forget_some(transaction)? || replay::work(transaction)? {
        turn.again(Timestamp::MIN);
    }
    let subscriptions = transaction.subscriptions()?;
    transaction.prefetch(&keys_of(&subscriptions))?;
    let count = subscriptions.all.len();
    let start = usize::try_from(room.turn).unwrap_or(0).checked_rem(count).unwrap_or(0);
    let in_turn = subscriptions.all.iter().cycle().skip(start).take(count);
    for (place, subscription) in in_turn.enumerate() {
        let left = room.of_turn.saturating_sub(turn.claims.len());
        // What is left is shared by the webhooks that are left, so that the first does not take it all.
        let share = left.div_ceil(count - place);
        pick_of(transaction, subscription, room, share, &mut turn)?;
    }
    Ok(turn)
}

/// Keys that a turn reads for each webhook.
fn keys_of(subscriptions: &SubscriptionsV1) -> Vec<Key> {
    let webhooks = subscriptions.all.iter().map(|subscription| uuid(subscription.subscriber));
    let keys = |webhook| [outbox::standing(webhook).into_key(), spaces::record(Kind::Webhook, webhook)];
    webhooks.flat_map(keys).collect()
}

/// Picks deliveries of one webhook.
fn pick_of(
    transaction: &mut Transaction<'_>,
    subscription: &SubscriptionV1,
    room: &Room,
    share: usize,
    turn: &mut Turn,
) -> Result<(), Error> {
    let webhook = uuid(subscription.subscriber);
    let used = room.in_flight.get(&webhook).copied().unwrap_or(0);
    let free = room.of_webhook.saturating_sub(used);
    let (most, now) = (share.min(free), transaction.now());
    let mut standing: StandingV1 = transaction.row(&outbox::standing(webhook))?.unwrap_or_default();
    let is_waiting = standing.breaker.is_some_and(|breaker| breaker.next_at > now.as_micros());
    if !subscription.is_on && retention::skip_some(transaction, webhook)? {
        turn.again(Timestamp::MIN);
    }
    let is_held = !subscription.is_on || is_waiting || replay::is_spreading(transaction, webhook)?;
    let mut picked = Vec::new();
    if most > 0 {
        let is_probe = standing.breaker.is_some();
        let most = if is_probe && !is_held { 1 } else { most };
        picked = due(transaction, webhook, most, is_held)?;
        if is_probe && picked.iter().any(|(place, _)| !is_test(*place)) {
            plan::begin_probe(&mut standing, now, transaction.entropy());
            transaction.put_row(outbox::standing(webhook), &standing)?;
        }
    }
    let is_bounded = picked.len() == most && most < share;
    let events: Vec<Key> = picked.iter().map(|(place, _)| outbox::event(*place).into_key()).collect();
    transaction.prefetch(&events)?;
    for (place, row) in picked {
        turn.claims.extend(lease(transaction, webhook, (place, row), room)?);
    }
    // Where the webhook's own bound is reached, the end of an attempt brings the next turn.
    if is_bounded {
        return Ok(());
    }
    if let Some(at) = next_of(transaction, webhook, &standing, is_held, subscription.is_on)? {
        turn.again(at);
    }
    Ok(())
}

/// True for an attempt that was asked for to test a webhook: it waits for nothing.
pub(in super::super) fn is_test(place: EventPlace) -> bool {
    place.number == Event::WebhookTest.number()
}

/// The deliveries of a webhook that are due, and that wait for no other. One that does leaves the list of those that are
/// due, until it is the first of its line.
fn due(
    transaction: &mut Transaction<'_>,
    webhook: Uuid,
    most: usize,
    is_held: bool,
) -> Result<Vec<(EventPlace, DeliveryV1)>, Error> {
    let now = transaction.now();
    // Tests are due since ever.
    let until = if is_held { Timestamp::MIN } else { now };
    let range = outbox::dues(webhook).all().until(outbox::dues_at(webhook, until.plus_micros(1)).into_key());
    let entries = transaction.scan_rows(&range, most * LOOKED_AT)?;
    let places: Vec<EventPlace> = entries.iter().filter_map(|entry| EventPlace::at_end(&entry.key)).collect();
    let keys = places.iter().map(|place| outbox::delivery(webhook, *place)).collect();
    let rows: Vec<Option<DeliveryV1>> = transaction.rows(keys)?;
    let mut picked = Vec::new();
    for ((entry, place), row) in entries.into_iter().zip(places).zip(rows) {
        let Some(mut row) = row else {
            transaction.delete_row(outbox::OutboxKey::of(entry.key));
            continue;
        };
        if picked.len() == most {
            break;
        }
        if let Some(line) = row.line
            && transaction.places(&outbox::line(webhook, uuid(line)).all(), 1)?.first() != Some(&place)
        {
            transaction.delete_row(outbox::OutboxKey::of(entry.key));
            row.due = None;
            transaction.put_row(outbox::delivery(webhook, place), &row)?;
            continue;
        }
        picked.push((place, row));
    }
    Ok(picked)
}

/// Leases a delivery, and prepares what is sent.
fn lease(
    transaction: &mut Transaction<'_>,
    webhook: Uuid,
    (place, mut row): (EventPlace, DeliveryV1),
    room: &Room,
) -> Result<Option<Picked>, Error> {
    let Some(body::Content { body, trace }) = body::of(transaction, place)? else {
        retention::give_up(transaction, webhook, place, row, "its event is kept no more")?;
        return Ok(None);
    };
    let mut token = [0; 16];
    transaction.entropy().fill(&mut token);
    let now = transaction.now();
    let until = now.plus_micros(room.lease_micros);
    row.lease = Some(LeaseV1 { until: until.as_micros(), token });
    let (attempt, origin) = (row.attempts.saturating_add(1), row.origin);
    transaction.make_due(webhook, place, row, until)?;
    let hook = transaction.find(Kind::Webhook, webhook)?.ok_or_else(damaged)?;
    let hook = Record::read(transaction.tenant().id, webhook, &hook)?;
    let origin = EventPlace { instant: Timestamp::from_micros(origin), ..place };
    let id = origin.id(transaction.tenant().id, webhook.as_bytes()).to_string();
    let seconds = now.as_micros().div_euclid(1_000_000);
    let signature = secret::sign(&signing(&hook, now)?, &id, seconds, &body)?;
    let mut headers = vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature),
    ];
    if let Some(trace) = trace {
        let mut span = [0; 8];
        transaction.entropy().fill(&mut span);
        headers.push(("traceparent", trace.with_span(span).to_string()));
    }
    let url = unquote(hook.slot(URL))?;
    Ok(Some(Picked { webhook, place, token, until, url, headers, body, attempt, trace }))
}

/// The instant at which the next delivery of a webhook may be attempted.
fn next_of(
    transaction: &Transaction<'_>,
    webhook: Uuid,
    standing: &StandingV1,
    is_held: bool,
    is_on: bool,
) -> Result<Option<Timestamp>, StoreError> {
    let entries = transaction.scan_rows(&outbox::dues(webhook).all(), 1)?;
    let first = entries.first().and_then(|entry| outbox::read_due(&entry.key, webhook));
    let breaker = standing.breaker.map(|breaker| Timestamp::from_micros(breaker.next_at));
    Ok(match first {
        Some(Timestamp::MIN) => first,
        _ if !is_on => first.filter(|first| *first > transaction.now()),
        _ if is_held && breaker.is_none() => None,
        first => first.map(|first| breaker.map_or(first, |breaker| breaker.max(first))),
    })
}

fn damaged() -> StoreError {
    StoreError::Corrupt { what: "a subscription without its record".to_owned() }
}

//! Rules of webhooks, and the subscriptions that follow from them.

use smallvec::smallvec;

use super::{
    DISABLED_REASON, DeliveryOrder, EVENTS, Event, FILTER, IS_ACTIVE, ORDERING, SECRET, URL, WebhookUrl,
    disabled_by, filter, secret,
};
use crate::{
    base::{Code, Error, Kind, Timestamp, limits},
    engine::{
        codec::{OnlyV1, StandingV1, SubscriptionV1, TaskV1},
        keys::outbox,
        schema::{Record, quote, read_bool, read_stored, text_of},
        write::{BY_RECORD, Change, Events, Revision, STRICT, Transaction, UNORDERED},
    },
    resources::deals::PIPELINE_ID,
};

/// Gives a new webhook its secret, and checks what members say together or of the engine.
pub(super) fn settle(transaction: &Transaction<'_>, hook: &mut Revision<'_>) -> Result<(), Error> {
    if hook.id.is_none() {
        check_count(transaction)?;
        hook.set(SECRET, quote(&secret::new(transaction.entropy())));
    }
    if hook.changes(URL) && !hook.text(URL).is_empty() {
        let url = WebhookUrl::parse(&text_of(hook.text(URL)), transaction.origin().reach);
        if let Err(phrase) = url {
            hook.wrong.add("url", phrase);
        }
    }
    if hook.changes(IS_ACTIVE) && hook.text(IS_ACTIVE) == "true" {
        hook.set(DISABLED_REASON, "");
    }
    filter::check(transaction, hook)
}

fn check_count(transaction: &Transaction<'_>) -> Result<(), Error> {
    if transaction.known_subscriptions()?.all.len() < limits::WEBHOOKS {
        return Ok(());
    }
    let detail = format!("a tenant has at most {} webhooks; delete one first", limits::WEBHOOKS);
    Err(Error::new(Code::LimitExceeded, detail))
}

/// Keeps the subscriptions and the standing of webhooks as their records have it.
pub(super) fn follow(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    let mut subscriptions = (*transaction.subscriptions()?).clone();
    let id = change.id.into_bytes();
    let place = subscriptions.all.iter().position(|subscription| subscription.subscriber == id);
    match (&change.after, place) {
        (Some(after), Some(place)) => {
            subscriptions.all.splice(place..=place, [subscription(after)?]);
        }
        (Some(after), None) => subscriptions.all.push(subscription(after)?),
        (None, Some(place)) => drop(subscriptions.all.remove(place)),
        (None, None) => {}
    }
    let is_on = |record: &Record<'_>| read_bool(record.slot(IS_ACTIVE));
    let was_on = change.before.as_ref().map(is_on).transpose()?;
    match change.after.as_ref().map(is_on).transpose()? {
        None => {
            transaction.delete_row(outbox::standing(change.id));
            transaction.put_task(change.id, change.at, &TaskV1::Clear)?;
        }
        Some(true) if was_on != Some(true) => begin_anew(transaction, change)?,
        Some(false) if was_on.is_none() => {
            transaction.put_row(outbox::standing(change.id), &StandingV1::default())?;
        }
        Some(_) => {}
    }
    Ok(transaction.set_subscriptions(subscriptions)?)
}

/// Lets the days of failures begin anew for a webhook that was switched on, and closes its breaker. The count of
/// failures ends with a success alone.
fn begin_anew(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    let key = outbox::standing(change.id);
    let standing: StandingV1 = transaction.row(&key)?.unwrap_or_default();
    let standing = StandingV1 {
        failures: standing.failures,
        last_success: standing.last_success,
        ..StandingV1::default()
    };
    Ok(transaction.put_row(key, &standing)?)
}

/// The subscription of a webhook.
pub(super) fn subscription(hook: &Record<'_>) -> Result<SubscriptionV1, Error> {
    let events: Vec<Event> = read_stored(hook.slot(EVENTS), "the events of a webhook")?;
    let order: DeliveryOrder = read_stored(hook.slot(ORDERING), "the ordering of a webhook")?;
    let filter = match hook.slot(FILTER) {
        [] => filter::EventFilter::default(),
        json => read_stored(json, "the filter of a webhook")?,
    };
    let only = filter.pipeline_id.map(|pipeline| OnlyV1 {
        kind: Kind::Deal.number(),
        slot: PIPELINE_ID.number(),
        value: quote(&pipeline.to_string()),
    });
    Ok(SubscriptionV1 {
        subscriber: hook.id.into_bytes(),
        is_on: read_bool(hook.slot(IS_ACTIVE))?,
        types: Event::bits(&events),
        order: match order {
            DeliveryOrder::None => UNORDERED,
            DeliveryOrder::Record => BY_RECORD,
            DeliveryOrder::Strict => STRICT,
        },
        changed: filter.changed_fields,
        only,
    })
}

/// A webhook that the engine switches off is an event for the others.
pub(super) fn events(change: &Change<'_>) -> Result<Option<Events>, Error> {
    if disabled_by(change)?.is_none() {
        return Ok(None);
    }
    let types = smallvec![Event::WebhookDisabled.as_type()];
    Ok(Some(Events { model: &super::TOLD, types }))
}

/// The instant so many days before.
pub(super) fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.plus_micros(-days.saturating_mul(86_400_000_000))
}

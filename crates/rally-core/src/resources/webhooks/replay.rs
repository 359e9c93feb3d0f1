//! Work that is done a step at a time: events that a large transaction has left, and events of the past once more.

use uuid::Uuid;

use super::{Event, Webhook, body, no_webhook, retention, told, uuid};
use crate::{
    base::{Action, Code, Error, Faults, Id, Kind, Timestamp, limits},
    engine::{
        codec::{self, EventV1, PayloadV1, SubscriptionV1, TaskV1},
        keys::{EventPlace, outbox},
        read::{self, FeedEntry, FeedPosition, HistoryEntry},
        schema::Record,
        session::{Collection, JsonCollection, WriteOptions},
        write::{Matter, NewEvent, Told, Transaction},
    },
    resources::definition,
    store::{Entry, StoreError},
};

/// Tasks that are looked at in a turn: more than there are replays, which alone may have to wait.
const TASKS: usize = 2 * limits::WEBHOOKS;
/// Tasks that one turn works at.
const STEPS: usize = 4;
/// Events that a step delivers.
const AT_ONCE: usize = 200;
/// Deliveries that may wait while a replay goes on.
const WAITING: usize = 500;

impl Collection<'_, Webhook> {
    /// Delivers events of the past once more: those of the changes from one number of the feed to another, or to the last
    /// one, that the webhook subscribes to; also those of a time when it was switched off. They come behind what waits
    /// already, with the `webhook-id` that they had.
    ///
    /// The bodies are those of the outbox. Events that it does not hold are told from the history of the record, with the
    /// record as it is when they are delivered.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// acme.webhooks().replay(till.id, 1, None)?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Validation`] when the numbers are none of changes that there are;
    /// [`Code::FeedTrimmed`] when those changes are gone; [`Code::Conflict`] while the webhook is switched off or another
    /// replay is under way; and [`Code::Forbidden`].
    pub fn replay(&self, id: Id<Webhook>, from_sequence: u64, to_sequence: Option<u64>) -> Result<(), Error> {
        let options = WriteOptions::default();
        self.json().replay(id, from_sequence, to_sequence, &options).map(|_replayed| ())
    }
}

impl JsonCollection<'_, Webhook> {
    /// [`Collection::replay`] with options; their version is that of the webhook. True if it had begun under the same
    /// idempotency key already.
    ///
    /// # Errors
    /// Those of `replay`, and those of the options.
    pub fn replay(
        &self,
        id: Id<Webhook>,
        from_sequence: u64,
        to_sequence: Option<u64>,
        options: &WriteOptions,
    ) -> Result<bool, Error> {
        let ((), replayed) = self.act("replay", id, options, &mut |transaction| {
            begin(transaction, id, from_sequence, to_sequence)
        })?;
        Ok(replayed)
    }
}

/// Notes that the events of some changes are to be delivered once more.
fn begin(
    transaction: &mut Transaction<'_>,
    id: Id<Webhook>,
    from: u64,
    to: Option<u64>,
) -> Result<(), Error> {
    let on = subscription(transaction, id.as_uuid())?;
    let last = transaction.last_number();
    let to = to.unwrap_or(last);
    check(from, to, last)?;
    if !on.is_on {
        return Err(Error::new(Code::Conflict, "the webhook is switched off; switch it on first"));
    }
    if has_task(transaction, id.as_uuid(), |task| matches!(task, TaskV1::Replay { .. }))? {
        return Err(Error::new(Code::Conflict, "a replay to this webhook is under way; wait for its end"));
    }
    let after = from - 1;
    if let Some(first) = transaction.view()?.changes(FeedPosition::After(after))?.next() {
        first?;
    }
    let at = transaction.tick()?;
    Ok(transaction.put_task(id.as_uuid(), at, &TaskV1::Replay { after, to })?)
}

fn check(from: u64, to: u64, last: u64) -> Result<(), Error> {
    let mut faults = Faults::new();
    if !(1..=last).contains(&from) {
        faults.add("fromSequence", format!("must be 1 to {last}, the number of the last change"));
    } else if !(from..=last).contains(&to) {
        faults.add("toSequence", format!("must be {from} to {last}, the number of the last change"));
    }
    faults.into_result()
}

fn subscription(transaction: &mut Transaction<'_>, webhook: Uuid) -> Result<SubscriptionV1, Error> {
    let subscriptions = transaction.subscriptions()?;
    let found = subscriptions.all.iter().find(|of| of.subscriber == webhook.into_bytes());
    found.cloned().ok_or_else(no_webhook)
}

/// Works at some of the tasks, one step each; true when there is something left that can be done at once.
pub(super) fn work(transaction: &mut Transaction<'_>) -> Result<bool, Error> {
    let entries = transaction.scan_rows(&outbox::tasks().all(), TASKS)?;
    let mut steps = 0;
    for entry in entries {
        if steps == STEPS {
            break;
        }
        let task: TaskV1 = codec::decode(&entry.value)?;
        let webhook = outbox::subscriber_of_task(&entry.key).ok_or_else(damaged)?;
        let on = subscription(transaction, webhook).ok();
        let next = match (task, on) {
            (TaskV1::Clear, None) if retention::clear_some(transaction, webhook)? => Some(task),
            (TaskV1::Spread { from, to }, Some(on)) => spread(transaction, &on, from, to)?,
            // Where much waits already, the end of attempts brings the next step.
            (TaskV1::Replay { .. }, Some(on)) if on.is_on && is_waiting(transaction, webhook)? => continue,
            (TaskV1::Replay { after, to }, Some(on)) if on.is_on => replay(transaction, &on, after, to)?,
            _ => None,
        };
        steps += 1;
        let key = outbox::OutboxKey::of(entry.key);
        match next {
            Some(next) => transaction.put_row(key, &next)?,
            None => transaction.delete_row(key),
        }
    }
    Ok(steps > 0)
}

/// True when so much waits for a webhook that a replay adds nothing to it.
fn is_waiting(transaction: &Transaction<'_>, webhook: Uuid) -> Result<bool, StoreError> {
    Ok(transaction.scan_rows(&outbox::dues(webhook).all(), WAITING)?.len() == WAITING)
}

/// True while events that a large transaction has left are still to be delivered to a webhook: what comes after them
/// waits.
pub(super) fn is_spreading(transaction: &Transaction<'_>, webhook: Uuid) -> Result<bool, Error> {
    has_task(transaction, webhook, |task| matches!(task, TaskV1::Spread { .. }))
}

fn has_task(
    transaction: &Transaction<'_>,
    webhook: Uuid,
    is_it: impl Fn(TaskV1) -> bool,
) -> Result<bool, Error> {
    for entry in transaction.scan_rows(&outbox::tasks_of(webhook).all(), TASKS)? {
        if is_it(codec::decode(&entry.value)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Delivers some of the events that a large transaction has left; the task that is left of it.
fn spread(
    transaction: &mut Transaction<'_>,
    on: &SubscriptionV1,
    from: i64,
    to: i64,
) -> Result<Option<TaskV1>, Error> {
    let instant = Timestamp::from_micros;
    let end = outbox::events_at(instant(to).plus_micros(1)).into_key();
    let range = outbox::events().all().from(outbox::events_at(instant(from)).into_key()).until(end);
    let entries = transaction.scan_rows(&range, AT_ONCE)?;
    let mut left = None;
    if entries.len() == AT_ONCE
        && let Some(last) = entries.last().and_then(|entry| EventPlace::at_end(&entry.key))
    {
        // An instant is delivered as a whole: its last events may not have been read.
        left = Some(TaskV1::Spread { from: last.instant.as_micros(), to });
    }
    for entry in entries {
        let (place, event) = read_event(&entry)?;
        let is_left =
            matches!(&left, Some(TaskV1::Spread { from, .. }) if place.instant.as_micros() >= *from);
        if is_left || !matches(transaction, on, place, &event)? {
            continue;
        }
        let new = NewEvent::of(place, event);
        if on.is_on
            && transaction.row::<codec::DeliveryV1>(&outbox::delivery(uuid(on.subscriber), place))?.is_none()
        {
            transaction.put_delivery(on, &new)?;
        }
    }
    Ok(left)
}

/// Delivers some events of the past once more; the task that is left of it.
fn replay(
    transaction: &mut Transaction<'_>,
    on: &SubscriptionV1,
    after: u64,
    to: u64,
) -> Result<Option<TaskV1>, Error> {
    let entries = match changes(transaction, after) {
        // A feed that was trimmed meanwhile has nothing more to tell.
        Err(error) if error.code() == Code::FeedTrimmed => return Ok(None),
        entries => entries?,
    };
    let entries: Vec<FeedEntry> = entries.into_iter().filter(|entry| entry.id <= to).collect();
    for entry in &entries {
        replay_change(transaction, on, entry)?;
    }
    let last = entries.last().map_or(to, |entry| entry.id);
    Ok(if last < to && entries.len() == AT_ONCE { Some(TaskV1::Replay { after: last, to }) } else { None })
}

fn changes(transaction: &mut Transaction<'_>, after: u64) -> Result<Vec<FeedEntry>, Error> {
    transaction.view()?.changes(FeedPosition::After(after))?.take(AT_ONCE).collect()
}

/// Delivers the events of one change once more.
fn replay_change(
    transaction: &mut Transaction<'_>,
    on: &SubscriptionV1,
    entry: &FeedEntry,
) -> Result<(), Error> {
    let kept = transaction.scan_rows(&outbox::events_at(entry.changed_at).all(), Event::ALL.len())?;
    for found in &kept {
        let (place, event) = read_event(found)?;
        if matches(transaction, on, place, &event)? {
            let body = body::of(transaction, place)?.map(|content| content.body.to_vec()).unwrap_or_default();
            again(transaction, on, place, EventV1 { payload: PayloadV1::Body(body), ..event })?;
        }
    }
    let model = definition(entry.entity_type).model;
    let past = read::change_numbered(transaction.view()?.snapshot(), model, entry.entity_id, entry.id)?;
    let Some(past) = past else { return Ok(()) };
    for event in told::of_past(entry.entity_type, &past) {
        let place = EventPlace { instant: entry.changed_at, number: event.number() };
        if kept.iter().all(|found| EventPlace::at_end(&found.key) != Some(place)) {
            from_past(transaction, on, event, place, &past, (entry.entity_type, entry.entity_id))?;
        }
    }
    Ok(())
}

/// Delivers an event that the outbox does not hold, with the record as it is at this moment.
fn from_past(
    transaction: &mut Transaction<'_>,
    on: &SubscriptionV1,
    of: Event,
    place: EventPlace,
    past: &HistoryEntry,
    about: (Kind, Uuid),
) -> Result<(), Error> {
    let is_update = past.action == Action::Updated;
    let changes = past.changes.iter().filter(|_| is_update);
    let changed: Vec<(String, String)> =
        changes.map(|change| (change.member.to_owned(), change.from_json().to_owned())).collect();
    let event = EventV1 {
        origin: place.instant.as_micros(),
        number: past.id,
        kind: about.0.number(),
        entity: about.1.into_bytes(),
        trace: None,
        payload: PayloadV1::Later(changed.clone()),
    };
    if matches(transaction, on, place, &event)? {
        let body = body::made(transaction, of.as_type(), place, past.id, Some(about), &Told { changed })?;
        again(transaction, on, place, EventV1 { payload: PayloadV1::Body(body), ..event })?;
    }
    Ok(())
}

/// Puts an event of the past into the outbox once more, at a place of its own, with its delivery.
fn again(
    transaction: &mut Transaction<'_>,
    on: &SubscriptionV1,
    place: EventPlace,
    event: EventV1,
) -> Result<(), Error> {
    let place = EventPlace { instant: transaction.tick()?, ..place };
    let new = NewEvent::of(place, event);
    transaction.put_event(&new)?;
    Ok(transaction.put_delivery(on, &new)?)
}

/// True when a subscription asks for an event of the outbox, as far as its record still tells.
fn matches(
    transaction: &Transaction<'_>,
    on: &SubscriptionV1,
    place: EventPlace,
    event: &EventV1,
) -> Result<bool, Error> {
    let (Some(of), Some(kind)) = (Event::from_number(place.number), Kind::from_number(event.kind)) else {
        return Ok(false);
    };
    let id = uuid(event.entity);
    let names = changed_names(&event.payload);
    let bytes = if on.only.is_some() { transaction.find(kind, id)? } else { None };
    let tenant = transaction.tenant().id;
    let record = bytes.as_ref().map(|bytes| Record::read(tenant, id, bytes)).transpose()?;
    let names = names.iter().map(String::as_str).collect();
    let matter = Matter { kind, id, names, states: [record.as_ref(), None] };
    Ok(matter.concerns(of.as_type(), on))
}

/// The names of the members that an event has changed.
fn changed_names(payload: &PayloadV1) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Changed {
        changed_fields: Vec<String>,
    }
    match payload {
        PayloadV1::Later(changed) => changed.iter().map(|(name, _)| name.clone()).collect(),
        PayloadV1::Body(body) => {
            serde_json::from_slice::<Changed>(body).map_or_else(|_| Vec::new(), |body| body.changed_fields)
        }
    }
}

fn read_event(entry: &Entry) -> Result<(EventPlace, EventV1), StoreError> {
    let place = EventPlace::at_end(&entry.key).ok_or_else(damaged)?;
    Ok((place, codec::decode(&entry.value)?))
}

fn damaged() -> StoreError {
    StoreError::Corrupt { what: "a row of the outbox".to_owned() }
}

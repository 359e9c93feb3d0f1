//! Deliveries as administrators see them.

use std::sync::LazyLock;

use uuid::Uuid;

use super::{Event, Webhook, no_webhook};
use crate::{
    base::{Error, Faults, Id, Kind, Scope, Timestamp, closed_set, limits},
    engine::{
        codec::{self, DeliveryV1, EventV1, PayloadV1, RecordHead, Slot},
        keys::{EventPlace, outbox, spaces},
        read::{Page, check_limit},
        schema::{self, Model, Resource, Row, Rule, Slots, quote, stored},
        session::{Collection, Session, resource},
    },
    store::{Direction, Entry, Snapshot, StoreError},
};

const WEBHOOK_ID: Slot = Slot::new(0);
const EVENT_ID: Slot = Slot::new(1);
const EVENT_TYPE: Slot = Slot::new(2);
const ATTEMPT: Slot = Slot::new(3);
const STATUS: Slot = Slot::new(4);
const RESPONSE_STATUS: Slot = Slot::new(5);
const RESPONSE_BODY: Slot = Slot::new(6);
const DURATION_MS: Slot = Slot::new(7);
const ERROR: Slot = Slot::new(8);
const NEXT_ATTEMPT_AT: Slot = Slot::new(9);
const DELIVERED_AT: Slot = Slot::new(10);
const SEQUENCE: Slot = Slot::new(11);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const COUNT: Rule = Rule::Integer { min: 0, max: limits::COUNT };
/// Rows that a list reads at once.
const CHUNK: usize = 1_000;

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Webhook, &Delivery::members()));

closed_set! {
    /// The state of a delivery.
    pub enum DeliveryStatus {
        /// It waits for its first attempt, or that is under way.
        Pending = "pending",
        /// The receiver has taken it.
        Succeeded = "succeeded",
        /// The last attempt has failed; another is made at `nextAttemptAt`, unless it is a test.
        Failed = "failed",
        /// All attempts have failed.
        Exhausted = "exhausted",
        /// It was not delivered, as the webhook was switched off. A replay delivers it.
        Skipped = "skipped",
    }
}

impl DeliveryStatus {
    /// The number in stored rows, which never changes.
    pub(super) const fn number(self) -> u8 {
        match self {
            DeliveryStatus::Pending => 0,
            DeliveryStatus::Succeeded => 1,
            DeliveryStatus::Failed => 2,
            DeliveryStatus::Exhausted => 3,
            DeliveryStatus::Skipped => 4,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.number() == number)
    }
}

resource! {
    /// The delivery of an event to a webhook.
    pub struct Delivery;

    members {
        /// Identity of the delivery. It is sent as `webhook-id`, unless the event is sent once more by a replay: then the
        /// id of its first delivery is.
        read id: Id<Delivery> = schema::id();
        /// The webhook.
        read webhook_id: Id<Webhook> = stored(WEBHOOK_ID, "webhookId", Rule::Id).always().read_only();
        /// The event: the `id` in its body.
        read event_id: Uuid = stored(EVENT_ID, "eventId", Rule::Id).always().read_only();
        /// The type of the event.
        read event_type: Event = stored(EVENT_TYPE, "eventType", Rule::Choice(Event::SET)).always().read_only();
        /// Attempts that have been made.
        read attempt: u32 = stored(ATTEMPT, "attempt", COUNT).always().read_only();
        /// State.
        read status: DeliveryStatus =
            stored(STATUS, "status", Rule::Choice(DeliveryStatus::SET)).always().read_only();
        /// The status of the receiver's last answer.
        read_optional response_status: u16 =
            stored(RESPONSE_STATUS, "responseStatus", Rule::Integer { min: 0, max: 999 }).read_only();
        /// The beginning of the receiver's last answer.
        read_optional response_body: String = stored(RESPONSE_BODY, "responseBody", Rule::LongText).read_only();
        /// Milliseconds that the last attempt took.
        read_optional duration_ms: u64 = stored(DURATION_MS, "durationMs", COUNT).read_only();
        /// The reason for which the last attempt has failed, if there was no answer.
        read_optional error: String = stored(ERROR, "error", SHORT).read_only();
        /// The instant of the next attempt.
        read_optional next_attempt_at: Timestamp =
            stored(NEXT_ATTEMPT_AT, "nextAttemptAt", Rule::Instant).read_only();
        /// The instant of its making.
        read created_at: Timestamp = schema::created_at();
        /// The instant at which the receiver took it.
        read_optional delivered_at: Timestamp = stored(DELIVERED_AT, "deliveredAt", Rule::Instant).read_only();
        /// The number of the change in the feed that the event tells of.
        read sequence: u64 = stored(SEQUENCE, "sequence", COUNT).always().read_only();
    }
}

impl Resource for Delivery {
    const KIND: Kind = Kind::Webhook;
    const READ: Scope = Scope::Admin;
    const PART: &'static str = "delivery";

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

/// The part of a webhook's deliveries that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// The most deliveries; 1 to [`limits::PAGE`].
    pub limit: usize,
    /// Deliveries to skip first.
    pub offset: u64,
    /// Only deliveries that come behind this one, which are older.
    pub after: Option<Id<Delivery>>,
    /// Only deliveries that have changed after an instant.
    pub updated_since: Option<Timestamp>,
    /// Only deliveries in a state.
    pub status: Option<DeliveryStatus>,
    /// Only deliveries of a type of event.
    pub event_type: Option<Event>,
    /// True to count all that match.
    pub count: bool,
}

impl Default for DeliveryQuery {
    fn default() -> Self {
        Self {
            limit: limits::PAGE,
            offset: 0,
            after: None,
            updated_since: None,
            status: None,
            event_type: None,
            count: false,
        }
    }
}

/// The message that a delivery brings to its receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryMessage {
    /// The id that is sent as `webhook-id`.
    pub webhook_id: Uuid,
    /// The body, byte for byte. `None` while it is not made yet, which the first attempt does for changes of a large
    /// transaction, and once it is kept no more.
    pub body: Option<String>,
}

/// The deliveries of a webhook.
#[derive(Clone, Copy, Debug)]
pub struct WebhookDeliveries<'s> {
    session: &'s Session,
    webhook: Uuid,
}

impl<'s> Collection<'s, Webhook> {
    /// The deliveries of a webhook, newest first. They are kept for [`limits::EVENT_DAYS`].
    #[must_use]
    pub fn deliveries(&self, webhook: Id<Webhook>) -> WebhookDeliveries<'s> {
        WebhookDeliveries { session: self.session, webhook: webhook.as_uuid() }
    }
}

impl WebhookDeliveries<'_> {
    /// Part of the list.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let page = acme.webhooks().deliveries(till.id).list(&DeliveryQuery::default())?;
    /// assert_eq!(page.records[0].event_type, Event::ContactCreated);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound) without such a webhook, [`Code::Validation`](crate::Code::Validation)
    /// for a limit outside 1 to [`limits::PAGE`], and [`Code::Forbidden`](crate::Code::Forbidden).
    pub fn list(&self, query: &DeliveryQuery) -> Result<Page<Delivery>, Error> {
        let Page { records, has_more, total, end } = self.rows(query)?;
        let records = records.iter().map(Row::read).collect::<Result<_, _>>()?;
        Ok(Page { records, has_more, total, end })
    }

    /// [`list`](Self::list) for adapters: deliveries in their stored form, from which JSON is written.
    ///
    /// # Errors
    /// Those of `list`.
    pub fn rows(&self, query: &DeliveryQuery) -> Result<Page<Row<Delivery>>, Error> {
        check_limit(query.limit, limits::PAGE)?;
        let snapshot = self.snapshot()?;
        let mut range = outbox::deliveries(self.webhook).all();
        if let Some(after) = query.after {
            let place = EventPlace::of_id(after.as_uuid());
            let place = place.ok_or_else(|| Faults::one("after", "is not the id of a delivery"))?;
            range = range.until(outbox::delivery(self.webhook, place).into_key());
        }
        let (mut found, mut passed) = (Vec::new(), 0_u64);
        loop {
            let entries = snapshot.scan(&range, Direction::Backward, CHUNK)?;
            for entry in &entries {
                let row: DeliveryV1 = codec::decode(&entry.value)?;
                if !query.asks_for(place_of(entry)?, &row) {
                    continue;
                }
                passed += 1;
                if passed > query.offset && found.len() <= query.limit {
                    found.push(self.row(entry, &row)?);
                }
            }
            let is_enough = found.len() > query.limit && !query.count;
            match entries.last() {
                Some(last) if entries.len() == CHUNK && !is_enough => range = range.until(last.key.clone()),
                _ => break,
            }
        }
        let has_more = found.len() > query.limit;
        found.truncate(query.limit);
        let total = if query.count { Some(passed) } else { None };
        Ok(Page { records: found, has_more, total, end: None })
    }

    /// One delivery.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// let test = acme.webhooks().test(till.id)?;
    /// assert_eq!(acme.webhooks().deliveries(till.id).get(test.id)?, test);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`](crate::Code::NotFound), also for a delivery of another webhook, and
    /// [`Code::Forbidden`](crate::Code::Forbidden).
    pub fn get(&self, delivery: Id<Delivery>) -> Result<Delivery, Error> {
        self.row_of(delivery)?.read()
    }

    /// [`get`](Self::get) for adapters.
    ///
    /// # Errors
    /// Those of `get`.
    pub fn row_of(&self, delivery: Id<Delivery>) -> Result<Row<Delivery>, Error> {
        let snapshot = self.snapshot()?;
        let place = self.place(delivery).ok_or_else(no_delivery)?;
        let key = outbox::delivery(self.webhook, place).into_key();
        let value = snapshot.get(&key)?.ok_or_else(no_delivery)?;
        let row: DeliveryV1 = codec::decode(&value)?;
        Ok(self.row(&Entry { key, value }, &row)?)
    }

    /// The message of a delivery.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// let test = acme.webhooks().test(till.id)?;
    /// let message = acme.webhooks().deliveries(till.id).message(test.id)?;
    /// assert!(message.body.is_some_and(|body| body.contains("webhook.test")));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub fn message(&self, delivery: Id<Delivery>) -> Result<DeliveryMessage, Error> {
        let snapshot = self.snapshot()?;
        let place = self.place(delivery).ok_or_else(no_delivery)?;
        let row = snapshot.get(&outbox::delivery(self.webhook, place).into_key())?.ok_or_else(no_delivery)?;
        let row: DeliveryV1 = codec::decode(&row)?;
        let origin = EventPlace { instant: Timestamp::from_micros(row.origin), ..place };
        let event = snapshot.get(&outbox::event(place).into_key())?;
        let body = match event.map(|event| codec::decode::<EventV1>(&event)).transpose()? {
            Some(EventV1 { payload: PayloadV1::Body(body), .. }) => Some(body),
            _ => None,
        };
        let body = body.map(String::from_utf8).transpose().map_err(|_| Error::internal("a body is UTF-8"))?;
        Ok(DeliveryMessage { webhook_id: origin.id(self.session.tenant().id, self.webhook.as_bytes()), body })
    }

    /// The place of a delivery of this webhook, if the id is one of its.
    pub(super) fn place(&self, delivery: Id<Delivery>) -> Option<EventPlace> {
        let place = EventPlace::of_id(delivery.as_uuid())?;
        let id = place.id(self.session.tenant().id, self.webhook.as_bytes());
        if id == delivery.as_uuid() { Some(place) } else { None }
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, Error> {
        self.session.require(Delivery::READ)?;
        let snapshot = self.session.snapshot()?;
        match snapshot.get(&spaces::record(Kind::Webhook, self.webhook))? {
            Some(webhook) if RecordHead::read(&webhook)?.is_of(self.webhook) => Ok(snapshot),
            _ => Err(no_webhook()),
        }
    }

    fn row(&self, entry: &Entry, delivery: &DeliveryV1) -> Result<Row<Delivery>, StoreError> {
        let (place, tenant) = (place_of(entry)?, self.session.tenant().id);
        let members = members(self.webhook, place, tenant, delivery)?;
        let (created_at, updated_at) = (delivery.made_at, delivery.changed_at);
        let head = RecordHead {
            created_at: Timestamp::from_micros(created_at),
            updated_at: Timestamp::from_micros(updated_at),
            ..RecordHead::none()
        };
        let bytes = codec::encode_record(head, members.first(MODEL.slot_count()));
        Ok(Row::new(tenant, place.id(tenant, self.webhook.as_bytes()), bytes))
    }
}

impl DeliveryQuery {
    fn asks_for(&self, place: EventPlace, row: &DeliveryV1) -> bool {
        self.status.is_none_or(|status| status.number() == row.status)
            && self.event_type.is_none_or(|event| event.number() == place.number)
            && self.updated_since.is_none_or(|since| row.changed_at > since.as_micros())
    }
}

/// The members of a delivery, by their slots.
fn members(
    webhook: Uuid,
    place: EventPlace,
    tenant: crate::base::TenantId,
    row: &DeliveryV1,
) -> Result<Slots<'static>, StoreError> {
    let damaged = || StoreError::Corrupt { what: "a delivery".to_owned() };
    let status = DeliveryStatus::from_number(row.status).ok_or_else(damaged)?;
    let event = Event::from_number(place.number).ok_or_else(damaged)?;
    let origin = EventPlace { instant: Timestamp::from_micros(row.origin), ..place };
    let instant = |micros: i64| quote(&Timestamp::from_micros(micros).to_string());
    let mut members = Slots::default();
    members.set(WEBHOOK_ID, quote(&webhook.to_string()));
    members.set(EVENT_ID, quote(&origin.id(tenant, b"").to_string()));
    members.set(EVENT_TYPE, event.json());
    members.set(ATTEMPT, row.attempts.to_string());
    members.set(STATUS, status.json());
    members.set(SEQUENCE, row.number.to_string());
    if let Some(last) = &row.last {
        members.set(DURATION_MS, last.took_ms.to_string());
        if let Some(code) = last.status {
            members.set(RESPONSE_STATUS, code.to_string());
            members.set(RESPONSE_BODY, quote(&String::from_utf8_lossy(&last.body)));
        }
        if let Some(error) = &last.error {
            members.set(ERROR, quote(error));
        }
    }
    if let Some(due) = row.due
        && status == DeliveryStatus::Failed
    {
        members.set(NEXT_ATTEMPT_AT, instant(row.lease.map_or(due, |lease| lease.until)));
    }
    if let Some(at) = row.delivered_at {
        members.set(DELIVERED_AT, instant(at));
    }
    Ok(members)
}

fn place_of(entry: &Entry) -> Result<EventPlace, StoreError> {
    let damaged = || StoreError::Corrupt { what: "a key of the outbox".to_owned() };
    EventPlace::at_end(&entry.key).ok_or_else(damaged)
}

/// The error of a verb on a delivery that there is not.
pub(super) fn no_delivery() -> Error {
    Error::not_found("delivery")
}

//! Acts on single webhooks and deliveries: tests, redeliveries, and new secrets.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Delivery, DeliveryStatus, Event, FORMER_SECRETS, FormerSecret, SECRET, Webhook, deliveries::no_delivery,
    no_webhook, secret, uuid,
};
use crate::{
    base::{Code, Error, Faults, Id, Kind, Timestamp, limits},
    engine::{
        codec::{DeliveryV1, PayloadV1, SubscriptionV1},
        keys::{EventPlace, outbox},
        schema::{Given, Record, Row, quote, read_stored, unquote},
        session::{Collection, JsonCollection, WriteOptions},
        write::{self, Answer, Editable, EventType, NewEvent, Told, Transaction, WriteOutcome, Written},
    },
};

impl Collection<'_, Webhook> {
    /// Sends an event of the type `webhook.test` to a webhook, at once and once only, even if it is switched off; if it
    /// succeeds, the webhook is switched on. The delivery tells the outcome when there is one.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// assert_eq!(acme.webhooks().test(till.id)?.status, DeliveryStatus::Pending);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`] and [`Code::Forbidden`].
    pub fn test(&self, id: Id<Webhook>) -> Result<Delivery, Error> {
        Ok(self.json().test(id, &WriteOptions::default())?.typed_after_commit()?.record)
    }

    /// Delivers an event once more, as if it had never been attempted.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// let test = acme.webhooks().test(till.id)?;
    /// assert_eq!(acme.webhooks().redeliver(till.id, test.id)?.id, test.id);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`], also for a delivery of another webhook; [`Code::Conflict`] while the webhook is switched off, or
    /// an attempt is under way; and [`Code::Forbidden`].
    pub fn redeliver(&self, id: Id<Webhook>, delivery: Id<Delivery>) -> Result<Delivery, Error> {
        Ok(self.json().redeliver(id, delivery, &WriteOptions::default())?.typed_after_commit()?.record)
    }

    /// Replaces the secret of a webhook. The one before goes on signing, besides the new one, for so many hours, so that
    /// its receiver can change over meanwhile.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let draft = WebhookDraft::new("till", "https://x.example/hook", [Event::ContactCreated]);
    /// # let till = acme.webhooks().create(&draft)?;
    /// assert_ne!(acme.webhooks().rotate_secret(till.id, 24)?.secret, till.secret);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Validation`] beyond [`limits::GRACE_HOURS`]; [`Code::LimitExceeded`] when
    /// [`limits::WEBHOOK_SECRETS`] sign already; and [`Code::Forbidden`].
    pub fn rotate_secret(&self, id: Id<Webhook>, grace_hours: u16) -> Result<Webhook, Error> {
        let written = self.json().rotate_secret(id, grace_hours, &WriteOptions::default())?;
        Ok(written.typed_after_commit()?.record)
    }
}

impl JsonCollection<'_, Webhook> {
    /// [`Collection::test`] with options; their version is that of the webhook.
    ///
    /// # Errors
    /// Those of `test`, and those of the options.
    pub fn test(&self, id: Id<Webhook>, options: &WriteOptions) -> Result<Written<Row<Delivery>>, Error> {
        let (place, replayed) = self.act("test", id, options, &mut |transaction| {
            let place = send_test(transaction, id)?;
            Ok(place.id(transaction.tenant().id, id.as_uuid().as_bytes()))
        })?;
        let record = self.session.webhooks().deliveries(id).row_of(Id::from_uuid(place))?;
        Ok(Written { outcome: WriteOutcome::Created, record, replayed })
    }

    /// [`Collection::redeliver`] with options; their version is that of the webhook.
    ///
    /// # Errors
    /// Those of `redeliver`, and those of the options.
    pub fn redeliver(
        &self,
        id: Id<Webhook>,
        delivery: Id<Delivery>,
        options: &WriteOptions,
    ) -> Result<Written<Row<Delivery>>, Error> {
        let deliveries = self.session.webhooks();
        let deliveries = deliveries.deliveries(id);
        let place = deliveries.place(delivery);
        let ((), replayed) = self.act("redeliver", id, options, &mut |transaction| {
            begin_anew(transaction, id, place.ok_or_else(no_delivery)?)
        })?;
        let record = deliveries.row_of(delivery)?;
        Ok(Written { outcome: WriteOutcome::Updated, record, replayed })
    }

    /// Runs an act on a webhook that changes nothing of its record; true beside the answer of an earlier one.
    pub(super) fn act<T: Serialize + DeserializeOwned>(
        &self,
        act: &str,
        id: Id<Webhook>,
        options: &WriteOptions,
        work: &mut dyn FnMut(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<(T, bool), Error> {
        self.session.require(Webhook::WRITE)?;
        let options = options.for_act::<Webhook>(act, Some(id.as_uuid()));
        self.session.commit_value(options.idempotency_key.as_ref(), &mut |transaction| {
            write::existing(transaction, Kind::Webhook, id.as_uuid(), options.precondition())?;
            work(transaction)
        })
    }

    /// [`Collection::rotate_secret`] with options.
    ///
    /// # Errors
    /// Those of `rotate_secret`, and those of the options.
    pub fn rotate_secret(
        &self,
        id: Id<Webhook>,
        grace_hours: u16,
        options: &WriteOptions,
    ) -> Result<Written<Row<Webhook>>, Error> {
        self.session.require(Webhook::WRITE)?;
        if grace_hours > limits::GRACE_HOURS {
            let phrase = format!("must be 0 to {}", limits::GRACE_HOURS);
            return Err(Faults::one("graceHours", phrase).into());
        }
        let verbs = self.verbs();
        let given = Given::default();
        let body = verbs.body(&given)?;
        let options = options.for_act::<Webhook>("rotate", Some(id.as_uuid()));
        verbs.write_one(Some(id), &options, &body, &mut |transaction| {
            rotate(transaction, id, grace_hours, &options)
        })
    }
}

/// Makes a delivery due, as if it had never been attempted.
fn begin_anew(transaction: &mut Transaction<'_>, id: Id<Webhook>, place: EventPlace) -> Result<(), Error> {
    let subscriptions = transaction.subscriptions()?;
    let found = subscriptions.all.iter().find(|of| uuid(of.subscriber) == id.as_uuid());
    let is_on = found.ok_or_else(no_webhook)?.is_on;
    let row = transaction.row::<DeliveryV1>(&outbox::delivery(id.as_uuid(), place))?;
    let row = row.ok_or_else(no_delivery)?;
    let now = transaction.now();
    if !is_on {
        return Err(Error::new(Code::Conflict, "the webhook is switched off; switch it on first"));
    }
    if row.lease.is_some_and(|lease| lease.until > now.as_micros()) {
        return Err(Error::new(Code::Conflict, "an attempt of this delivery is under way"));
    }
    let row = DeliveryV1 {
        status: DeliveryStatus::Pending.number(),
        step: 0,
        lease: None,
        changed_at: now.as_micros(),
        delivered_at: None,
        ..row
    };
    Ok(transaction.make_due(id.as_uuid(), place, row, now)?)
}

/// Puts a test into the outbox, for one webhook alone.
fn send_test(transaction: &mut Transaction<'_>, id: Id<Webhook>) -> Result<EventPlace, Error> {
    let subscriptions = transaction.subscriptions()?;
    let found = subscriptions.all.iter().find(|of| uuid(of.subscriber) == id.as_uuid());
    let subscription = found.ok_or_else(no_webhook)?;
    let event: EventType = Event::WebhookTest.as_type();
    let at = transaction.tick()?;
    let place = EventPlace { instant: at, number: event.number };
    let data = format!(r#"{{"webhookId":"{id}"}}"#);
    let (tenant, number) = (transaction.tenant().id, transaction.last_number());
    let told = Told { changed: Vec::new() };
    let body = write::body(tenant, event, place, number, None, Some(data.as_bytes()), &told);
    let new = NewEvent { place, origin: at, number, record: None, payload: PayloadV1::Body(body) };
    transaction.put_event(&new)?;
    let unordered = SubscriptionV1 { order: write::UNORDERED, ..subscription.clone() };
    transaction.put_delivery_at(&unordered, &new, Timestamp::MIN)?;
    Ok(place)
}

fn rotate(
    transaction: &mut Transaction<'_>,
    id: Id<Webhook>,
    grace_hours: u16,
    options: &WriteOptions,
) -> Result<Answer, Error> {
    let record = write::existing(transaction, Kind::Webhook, id.as_uuid(), options.precondition())?;
    let hook = Record::read(transaction.tenant().id, id.as_uuid(), &record)?;
    let now = transaction.now();
    let mut former: Vec<FormerSecret> = match hook.slot(FORMER_SECRETS) {
        [] => Vec::new(),
        json => read_stored(json, "former secrets")?,
    };
    former.retain(|former| now < former.until);
    if grace_hours > 0 && former.len() + 1 >= limits::WEBHOOK_SECRETS {
        return Err(too_many_secrets(&former));
    }
    if grace_hours > 0 {
        let until = now.plus_micros(i64::from(grace_hours) * 3_600_000_000);
        former.insert(0, FormerSecret { secret: unquote(hook.slot(SECRET))?, until });
    }
    let former = serde_json::to_string(&former).map_err(Error::internal)?;
    let new = quote(&secret::new(transaction.entropy()));
    let members = [(SECRET, new.as_str()), (FORMER_SECRETS, former.as_str())];
    write::set_members(transaction, Webhook::definition(), id.as_uuid(), &members)
}

fn too_many_secrets(former: &[FormerSecret]) -> Error {
    let first: Option<Timestamp> = former.iter().map(|former| former.until).min();
    let when = first.map_or_else(String::new, |until| format!("; the first of them ends at {until}"));
    let detail = format!("{} secrets sign already{when}", limits::WEBHOOK_SECRETS);
    Error::new(Code::LimitExceeded, detail)
}

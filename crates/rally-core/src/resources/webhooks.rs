//! Webhooks: where the events of a tenant are sent to.

mod acts;
mod address;
mod body;
mod claims;
mod deliveries;
mod event;
mod figures;
mod filter;
mod finish;
mod outcome;
mod plan;
mod replay;
mod retention;
mod secret;
mod subscribe;
pub(super) mod told;

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::{
    address::{ForbiddenAddress, WebhookUrl},
    claims::{Claim, CourierLimits, Deliveries},
    deliveries::{Delivery, DeliveryMessage, DeliveryQuery, DeliveryStatus, WebhookDeliveries},
    event::Event,
    figures::OutboxFigures,
    filter::EventFilter,
    finish::Finished,
    outcome::{Answered, Attempted, RetryAfter},
};
use super::{audit, define};
use crate::{
    base::{Error, Id, Kind, Scope, TenantId, Timestamp, closed_set, limits},
    engine::{
        codec::{self, Slot, StandingV1},
        keys::outbox,
        schema::{self, Join, Member, Model, Record, Resource, Row, Rule, joined, quote, stored},
        session::{Caller, Engine, Session, resource},
        write::{Change, Creatable, Definition, Editable, Rules, Transaction},
    },
    store::StoreError,
};

const NAME: Slot = Slot::new(0);
const URL: Slot = Slot::new(1);
const SECRET: Slot = Slot::new(2);
const EVENTS: Slot = Slot::new(3);
const IS_ACTIVE: Slot = Slot::new(4);
const DISABLED_REASON: Slot = Slot::new(5);
const ORDERING: Slot = Slot::new(6);
const FILTER: Slot = Slot::new(7);
/// The secrets before, as long as they sign.
const FORMER_SECRETS: Slot = Slot::new(8);
const SHORT: Rule = Rule::Text { characters: limits::SHORT_TEXT };
const MADE_HERE: &str = "is made here and replaced by rotate-secret alone; leave it out";

static MODEL: LazyLock<Model> = LazyLock::new(|| Model::new(Kind::Webhook, &Webhook::members()));

closed_set! {
    /// The order in which a webhook's events are delivered.
    pub enum DeliveryOrder {
        /// Any order, so that no event waits for another.
        None = "none",
        /// The events of a record in the order of its changes: each waits until those before it are delivered or given
        /// up.
        Record = "record",
        /// All events in the order of the changes, one after the other.
        Strict = "strict",
    }
}

resource! {
    /// A receiver of events: an HTTP endpoint to which they are sent, signed as Standard Webhooks has it.
    pub struct Webhook;
    draft {
        /// Creates a [`Webhook`].
        pub struct WebhookDraft;
    }
    update {
        /// Updates a [`Webhook`].
        pub struct WebhookUpdate;
    }

    members {
        /// Identity of the webhook.
        read id: Id<Webhook> = schema::id();
        /// Name.
        required name: String = stored(NAME, "name", SHORT);
        /// The URL that events are sent to: https, without a user name, on port 443, 8443 or one from 1024 on.
        required url: String = stored(URL, "url", Rule::Url);
        /// The secret that signs: `whsec_` and 32 random bytes as Base64.
        read secret: String = stored(SECRET, "secret", SHORT).always().refused(MADE_HERE);
        /// The types of events that are sent, `*` for every one.
        required events: Vec<Event> = stored(EVENTS, "events", Rule::Choices(Event::SUBSCRIBED));
        /// True when events are sent. A webhook that the engine has switched off is switched on again by setting this, or
        /// by a test that succeeds.
        defaulted is_active: bool = stored(IS_ACTIVE, "isActive", Rule::Boolean).default("true");
        /// The instant of the last delivery that succeeded.
        read_optional last_triggered_at: Timestamp =
            joined(Slot::new(0), "lastTriggeredAt", Rule::Instant, LAST_TRIGGERED_AT);
        /// Failures in a row; 0 after a success.
        read failure_count: u32 =
            joined(Slot::new(1), "failureCount", Rule::Integer { min: 0, max: limits::COUNT }, FAILURE_COUNT).always();
        /// The instant of its creation.
        read created_at: Timestamp = schema::created_at();
        /// The reason for which the engine has switched it off.
        read_optional disabled_reason: String = stored(DISABLED_REASON, "disabledReason", SHORT).read_only();
        /// The order in which events are delivered. A change of it holds for events from then on.
        defaulted ordering: DeliveryOrder =
            stored(ORDERING, "ordering", Rule::Choice(DeliveryOrder::SET)).default(DeliveryOrder::Record.json());
        /// Events that are sent, out of those of the types.
        optional filter: EventFilter = stored(FILTER, "filter", filter::RULE);
        /// The instant of the next attempt, if one has failed and others wait for it.
        read_optional next_attempt_at: Timestamp =
            joined(Slot::new(2), "nextAttemptAt", Rule::Instant, NEXT_ATTEMPT_AT);
    }
    hidden {
        stored(FORMER_SECRETS, "formerSecrets", SHORT).hidden();
    }
}

impl Resource for Webhook {
    const KIND: Kind = Kind::Webhook;
    const READ: Scope = Scope::Admin;

    fn model() -> &'static Model {
        &MODEL
    }

    fn read(row: &Row<Self>) -> Result<Self, Error> {
        Self::read_row(row)
    }
}

impl Editable for Webhook {
    const WRITE: Scope = Scope::Admin;
    type Update = WebhookUpdate;

    fn definition() -> Definition {
        define(&MODEL, &RULES)
    }
}

impl Creatable for Webhook {
    type Draft = WebhookDraft;
}

static RULES: Rules = Rules {
    settle: subscribe::settle,
    follow: subscribe::follow,
    audit: note,
    events: subscribe::events,
    subscribes: true,
    ..Rules::NONE
};

/// The members of a webhook that other webhooks are told when it is switched off: all but its secrets.
static TOLD: LazyLock<Model> = LazyLock::new(|| {
    let told = |member: Member| if member.slot() == Some(SECRET) { member.hidden() } else { member };
    Model::new(Kind::Webhook, &Webhook::members().into_iter().map(told).collect::<Vec<_>>())
});

/// A webhook's former secret, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FormerSecret {
    secret: String,
    until: Timestamp,
}

/// Notes a change of a webhook: that the engine has switched it off, that its secret was replaced, or any other.
fn note(transaction: &mut Transaction<'_>, change: &Change<'_>) -> Result<(), Error> {
    if let Some(reason) = disabled_by(change)? {
        return audit::note_act(transaction, change.id, "webhook.disabled", &reason);
    }
    if let (Some(before), Some(after)) = (&change.before, &change.after)
        && before.slot(SECRET) != after.slot(SECRET)
    {
        return audit::note_act(transaction, change.id, "webhook.secretRotated", "");
    }
    audit::note(transaction, change)
}

/// The reason for which a change has switched a webhook off, if the engine has done so.
fn disabled_by(change: &Change<'_>) -> Result<Option<String>, StoreError> {
    let reason = |record: &Record<'_>| schema::unquote(record.slot(DISABLED_REASON));
    let before = change.before.as_ref().map(reason).transpose()?.unwrap_or_default();
    let after = change.after.as_ref().map(reason).transpose()?.unwrap_or_default();
    Ok(if before.is_empty() && !after.is_empty() { Some(after) } else { None })
}

const LAST_TRIGGERED_AT: Join = Join {
    is_of_others: false,
    key: standing_key,
    write: |_, row, out| write_instant(codec::decode::<StandingV1>(row)?.last_success, out),
};

const FAILURE_COUNT: Join = Join {
    is_of_others: false,
    key: standing_key,
    write: |_, row, out| {
        out.extend_from_slice(codec::decode::<StandingV1>(row)?.failures.to_string().as_bytes());
        Ok(())
    },
};

const NEXT_ATTEMPT_AT: Join = Join {
    is_of_others: false,
    key: standing_key,
    write: |_, row, out| write_instant(codec::decode::<StandingV1>(row)?.next_at, out),
};

fn standing_key(hook: &Record<'_>) -> Result<Option<crate::store::Key>, StoreError> {
    Ok(Some(outbox::standing(hook.id).into_key()))
}

fn write_instant(micros: Option<i64>, out: &mut Vec<u8>) -> Result<(), Error> {
    if let Some(micros) = micros {
        out.extend_from_slice(quote(&Timestamp::from_micros(micros).to_string()).as_bytes());
    }
    Ok(())
}

/// The secrets that sign at an instant: the webhook's own first, then former ones whose time is not over.
fn signing(hook: &Record<'_>, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let former: Vec<FormerSecret> = match hook.slot(FORMER_SECRETS) {
        [] => Vec::new(),
        json => schema::read_stored(json, "former secrets")?,
    };
    let valid = former.into_iter().filter(|former| now < former.until).map(|former| former.secret);
    Ok([schema::unquote(hook.slot(SECRET))?].into_iter().chain(valid).collect())
}

/// The session of the courier with a tenant; `None` if there is no such tenant.
fn courier(engine: &Engine, tenant: TenantId) -> Result<Option<Session>, Error> {
    let caller = Caller::Host { name: "courier".to_owned() };
    let open = |info| Session::open(engine.clone(), info, caller, Scope::Admin);
    Ok(engine.tenant_by_id(tenant)?.map(open))
}

/// The error of a verb on a webhook that there is not.
fn no_webhook() -> Error {
    Error::not_found(Kind::Webhook.noun())
}

fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}

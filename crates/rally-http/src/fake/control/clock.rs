use std::sync::Arc;

use axum::extract::{Path, State};
use rally_core::{Error, Faults, Finished, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answers::{Answered, ok},
    reading::{Json, tenant},
};
use crate::fake::{
    advance::{self, Delivered, Moved, Ran, What},
    shared::Shared,
    span::Span,
    tenant::FakeTenant,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    to: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advance {
    by: Option<Span>,
    to: Option<Timestamp>,
}

pub(super) async fn show(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    Ok(ok(&clock(&tenant(&fake, &slug)?)))
}

pub(super) async fn freeze(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Freeze>,
) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    match asked.at {
        Some(at) => tenant.freeze_at(at),
        None => tenant.freeze(),
    }
    Ok(ok(&clock(&tenant)))
}

pub(super) async fn set(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Set>,
) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    tenant.set_clock(asked.to);
    Ok(ok(&clock(&tenant)))
}

pub(super) async fn real(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    tenant.use_real_time();
    Ok(ok(&clock(&tenant)))
}

pub(super) async fn advance(
    State(fake): State<Arc<Shared>>,
    slug: Path<String>,
    Json(asked): Json<Advance>,
) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    let now = tenant.now();
    let to = match (asked.by, asked.to) {
        (Some(by), None) => now.plus_micros(by.as_micros()),
        (None, Some(to)) if to >= now => to,
        (None, Some(_)) => return Err(refused("to", "must not lie behind the clock; set goes back").into()),
        _ => return Err(refused("by", "must be given, or to, and not both").into()),
    };
    Ok(ok(&moved(&tenant, &advance::advance(&fake, &tenant.world, to).await?)))
}

pub(super) async fn settle(State(fake): State<Arc<Shared>>, slug: Path<String>) -> Answered {
    let tenant = tenant(&fake, &slug)?;
    Ok(ok(&moved(&tenant, &advance::settle(&fake, &tenant.world).await?)))
}

fn refused(member: &str, phrase: &str) -> Error {
    Faults::one(member, phrase).into()
}

pub(super) fn clock(tenant: &FakeTenant) -> Value {
    // Something that is due since ever is due now.
    let now = tenant.now();
    let next_due = tenant.next_due().map(|due| due.max(now));
    json!({ "now": now, "mode": tenant.clock_mode().name(), "nextDue": next_due })
}

fn moved(tenant: &FakeTenant, moved: &Moved) -> Value {
    let mut answer = clock(tenant);
    if let Some(members) = answer.as_object_mut() {
        members.insert("ran".to_owned(), moved.ran.iter().map(ran).collect());
        members.insert("ranBeyond".to_owned(), json!(moved.ran_beyond));
    }
    answer
}

fn ran(ran: &Ran) -> Value {
    let at = ran.at;
    match &ran.what {
        What::Delivery(delivered) => delivery(at, delivered),
        What::KeyExpired { id, name } => json!({ "at": at, "what": "keyExpired", "keyId": id, "name": name }),
        What::TokenExpired { user } => json!({ "at": at, "what": "tokenExpired", "userId": user }),
        What::IdempotencyKeyExpired { count } => {
            json!({ "at": at, "what": "idempotencyKeyExpired", "count": count })
        }
        What::EventsForgotten { count } => json!({ "at": at, "what": "eventsForgotten", "count": count }),
        What::RateWindow { count } => json!({ "at": at, "what": "rateWindow", "count": count }),
    }
}

fn delivery(at: Timestamp, delivered: &Delivered) -> Value {
    let Delivered { webhook, delivery, event, attempt, status, error, outcome } = delivered;
    let (outcome, next) = match outcome {
        Finished::Succeeded => ("succeeded", None),
        Finished::RetriedAt(at) => ("retried", Some(at)),
        Finished::GivenUp => ("givenUp", None),
        Finished::Lost => ("lost", None),
    };
    json!({
        "at": at,
        "what": "delivery",
        "webhookId": webhook,
        "deliveryId": delivery,
        "event": event.map(rally_core::Event::as_str),
        "attempt": attempt,
        "status": status,
        "error": error,
        "outcome": outcome,
        "nextAttemptAt": next,
    })
}

//! The outcome of attempts, and what follows from it for the delivery and its webhook.

use uuid::Uuid;

use super::{
    Attempted, Claim, CourierLimits, DISABLED_REASON, DeliveryStatus, IS_ACTIVE, Webhook, claims::is_test,
    courier, plan,
};
use crate::{
    base::{Error, Kind, Timestamp, limits},
    engine::{
        codec::{AttemptV1, DeliveryV1, LeaseV1, StandingV1},
        keys::{OutboxKey, outbox, spaces},
        schema::{Record, quote, read_bool},
        session::Engine,
        write::{self, Editable, Transaction},
    },
    store::{Key, StoreError},
};

/// The consequence of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The event is delivered.
    Succeeded,
    /// The event is attempted again at an instant.
    RetriedAt(Timestamp),
    /// The event is given up: all attempts have failed, it was a test, or the receiver is gone.
    GivenUp,
    /// The delivery was another's meanwhile, or is there no more, so nothing has changed.
    Lost,
}

pub(super) fn finish(engine: &Engine, claim: &Claim, attempted: &Attempted) -> Result<Finished, Error> {
    let Some(session) = courier(engine, claim.tenant())? else { return Ok(Finished::Lost) };
    session.write_reading(&|| keys_ahead(claim), |transaction| conclude(transaction, claim, attempted))
}

/// Keys that the end of an attempt reads.
fn keys_ahead(claim: &Claim) -> Vec<Key> {
    let webhook = claim.webhook().as_uuid();
    let rows = [outbox::delivery(webhook, claim.place()), outbox::standing(webhook)];
    let rows = rows.into_iter().map(OutboxKey::into_key);
    rows.chain([spaces::record(Kind::Webhook, webhook)]).collect()
}

pub(super) fn renew(engine: &Engine, claim: &mut Claim, limits: &CourierLimits) -> Result<bool, Error> {
    let Some(session) = courier(engine, claim.tenant())? else { return Ok(false) };
    let until = session.write(|transaction| {
        let Some(mut row) = held(transaction, claim)? else { return Ok(None) };
        let until = transaction.now().plus_micros(i64::from(limits.lease_seconds) * 1_000_000);
        row.lease = row.lease.map(|lease| LeaseV1 { until: until.as_micros(), ..lease });
        transaction.make_due(claim.webhook().as_uuid(), claim.place(), row, until)?;
        Ok(Some(until))
    })?;
    until.into_iter().for_each(|until| claim.set_lease(until));
    Ok(until.is_some())
}

pub(super) fn give_back(engine: &Engine, claim: &Claim) -> Result<bool, Error> {
    let Some(session) = courier(engine, claim.tenant())? else { return Ok(false) };
    session.write(|transaction| {
        let Some(row) = held(transaction, claim)? else { return Ok(false) };
        let (webhook, now) = (claim.webhook().as_uuid(), transaction.now());
        transaction.make_due(webhook, claim.place(), DeliveryV1 { lease: None, ..row }, now)?;
        Ok(true)
    })
}

/// The delivery of a claim, if it is still the claim's.
fn held(transaction: &Transaction<'_>, claim: &Claim) -> Result<Option<DeliveryV1>, StoreError> {
    let key = outbox::delivery(claim.webhook().as_uuid(), claim.place());
    let row = transaction.row::<DeliveryV1>(&key)?;
    Ok(row.filter(|row| row.lease.is_some_and(|lease| lease.token == claim.token())))
}

fn conclude(
    transaction: &mut Transaction<'_>,
    claim: &Claim,
    attempted: &Attempted,
) -> Result<Finished, Error> {
    let (webhook, place) = (claim.webhook().as_uuid(), claim.place());
    let (Some(before), Some(hook)) = (held(transaction, claim)?, transaction.find(Kind::Webhook, webhook)?)
    else {
        return Ok(Finished::Lost);
    };
    let now = transaction.now();
    let is_on = read_bool(Record::read(transaction.tenant().id, webhook, &hook)?.slot(IS_ACTIVE))?;
    let mut standing: StandingV1 = transaction.row(&outbox::standing(webhook))?.unwrap_or_default();
    let mut row = after_attempt(&before, attempted, now);
    let finished = if attempted.is_success() {
        row.delivered_at = Some(now.as_micros());
        plan::succeed(&mut standing, now);
        Finished::Succeeded
    } else if is_test(place) {
        Finished::GivenUp
    } else {
        plan::fail(&mut standing, now, transaction.entropy());
        let asked = attempted.result.as_ref().ok().and_then(|answer| answer.retry_after);
        let retry = plan::retry_at(now, row.step, asked, transaction.entropy());
        retry.filter(|_| !attempted.is_gone()).map_or(Finished::GivenUp, Finished::RetriedAt)
    };
    row.status = status(finished, is_test(place)).number();
    match finished {
        Finished::RetriedAt(at) => {
            let row = DeliveryV1 { due: before.due, ..row };
            transaction.make_due(webhook, place, row, at)?;
        }
        _ => {
            transaction.end_delivery(webhook, place, &before)?;
            transaction.put_row(outbox::delivery(webhook, place), &row)?;
        }
    }
    switch(transaction, webhook, is_on, attempted, &standing)?;
    standing.next_at = next_attempt(transaction, webhook, &standing)?.map(Timestamp::as_micros);
    transaction.put_row(outbox::standing(webhook), &standing)?;
    Ok(finished)
}

/// The delivery after an attempt, apart from its state.
fn after_attempt(before: &DeliveryV1, attempted: &Attempted, now: Timestamp) -> DeliveryV1 {
    let (status, body, error) = match &attempted.result {
        Ok(answer) => {
            (Some(answer.status), answer.body.iter().take(limits::ANSWER_BYTES).copied().collect(), None)
        }
        Err(reason) => (None, Vec::new(), Some(reason.chars().take(limits::SHORT_TEXT).collect())),
    };
    DeliveryV1 {
        attempts: before.attempts.saturating_add(1),
        step: before.step.saturating_add(1),
        due: None,
        lease: None,
        changed_at: now.as_micros(),
        last: Some(AttemptV1 { status, body, error, took_ms: attempted.duration_ms }),
        ..before.clone()
    }
}

fn status(finished: Finished, is_test: bool) -> DeliveryStatus {
    match finished {
        Finished::Succeeded => DeliveryStatus::Succeeded,
        Finished::GivenUp if !is_test => DeliveryStatus::Exhausted,
        Finished::GivenUp | Finished::RetriedAt(_) | Finished::Lost => DeliveryStatus::Failed,
    }
}

/// Switches a webhook off whose receiver is gone or has failed for days, and on again after a success.
fn switch(
    transaction: &mut Transaction<'_>,
    webhook: Uuid,
    is_on: bool,
    attempted: &Attempted,
    standing: &StandingV1,
) -> Result<(), Error> {
    let reason = if attempted.is_gone() {
        Some("the receiver answered 410: it is gone".to_owned())
    } else if plan::is_given_up(standing, transaction.now()) {
        Some(format!("every delivery has failed for {} days", limits::FAILING_DAYS))
    } else {
        None
    };
    let set = |transaction: &mut Transaction<'_>, is_active, reason: &str| {
        let members = [(IS_ACTIVE, is_active), (DISABLED_REASON, reason)];
        write::set_members(transaction, Webhook::definition(), webhook, &members).map(drop)
    };
    match reason {
        Some(reason) if is_on => set(transaction, "false", &quote(&reason)),
        None if !is_on && attempted.is_success() => set(transaction, "true", ""),
        _ => Ok(()),
    }
}

/// The instant of the next attempt that a failing webhook gets.
fn next_attempt(
    transaction: &Transaction<'_>,
    webhook: Uuid,
    standing: &StandingV1,
) -> Result<Option<Timestamp>, StoreError> {
    if standing.failures == 0 {
        return Ok(None);
    }
    if let Some(breaker) = standing.breaker {
        return Ok(Some(Timestamp::from_micros(breaker.next_at)));
    }
    let first = transaction.scan_rows(&outbox::dues(webhook).all(), 1)?;
    Ok(first.first().and_then(|entry| outbox::read_due(&entry.key, webhook)))
}

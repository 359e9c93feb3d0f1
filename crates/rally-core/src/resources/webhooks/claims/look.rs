//! Looks at tenants, in turn, for what is due.

use parking_lot::Mutex;

use super::{
    super::courier,
    Claim, CourierLimits,
    pick::{self, Picked, Room},
};
use crate::{
    base::{Error, TenantId, Timestamp, limits},
    engine::{
        codec::{self, StandingV1, SubscriptionsV1},
        keys::{EventPlace, outbox},
        session::{Engine, Session, enlisted},
    },
    store::{Direction, StoreError},
};

/// Tenants that one call looks at, so that what it has claimed is soon on its way.
const LOOKS: usize = 64;
/// Deliveries of a tenant in one turn.
const IN_A_TURN: usize = 16;
/// The time after which a tenant is looked at again whose look has failed.
const AFTER_FAILURE_MICROS: i64 = 1_000_000;

pub(super) fn claim(engine: &Engine, limits: &CourierLimits) -> Result<Vec<Claim>, Error> {
    let agenda = engine.agenda();
    // Two claims at once would both see the same places free.
    let _claiming = agenda.claiming();
    let now = engine.clock().now();
    look_at_directory(engine, now, limits)?;
    let mut claims = Vec::new();
    for _ in 0..LOOKS {
        let free = limits.in_flight.max(1).saturating_sub(agenda.all_in_flight());
        if free == 0 {
            agenda.fill();
            break;
        }
        let Some((tenant, turn)) = agenda.next(now) else { break };
        match look_at(engine, tenant, turn, free, limits) {
            Ok(found) => claims.extend(found),
            Err(error) => {
                agenda.plan(tenant, now.plus_micros(AFTER_FAILURE_MICROS));
                if claims.is_empty() {
                    return Err(error);
                }
                break;
            }
        }
    }
    Ok(claims)
}

/// Notes the tenants that have subscribers: all at first, and on a store that others write to a part each second.
fn look_at_directory(engine: &Engine, now: Timestamp, limits: &CourierLimits) -> Result<(), Error> {
    let agenda = engine.agenda();
    let directory = engine.directory();
    let Some(after) = agenda.begin_look(now, engine.is_shared()) else { return Ok(()) };
    let most = limits.tenants_a_second.max(1);
    let mut last = after;
    loop {
        let found = enlisted(&directory, last, most)?;
        found.iter().for_each(|tenant| agenda.plan(*tenant, Timestamp::MIN));
        last = if found.len() == most { found.last().copied() } else { None };
        // Tenants of this process alone are all known from now on.
        if engine.is_shared() || last.is_none() {
            break;
        }
    }
    agenda.end_look(now, last);
    Ok(())
}

fn look_at(
    engine: &Engine,
    tenant: TenantId,
    turn: u64,
    free: usize,
    limits: &CourierLimits,
) -> Result<Vec<Claim>, Error> {
    let Some(session) = courier(engine, tenant)? else { return Ok(Vec::new()) };
    let agenda = engine.agenda();
    let now = engine.clock().now();
    match next_look(&session)? {
        Some(at) if at <= now => {}
        at => {
            at.into_iter().for_each(|at| agenda.plan(tenant, at));
            return Ok(Vec::new());
        }
    }
    let in_flight = agenda.in_flight_of(tenant);
    let of_tenant = limits.in_flight_of_tenant.max(1).saturating_sub(in_flight.values().sum());
    if of_tenant == 0 {
        // The end of an attempt brings the next turn.
        return Ok(Vec::new());
    }
    let room = Room {
        of_turn: free.min(of_tenant).min(IN_A_TURN),
        of_webhook: limits.in_flight_of_webhook.max(1),
        in_flight,
        turn,
        lease_micros: i64::from(limits.lease_seconds) * 1_000_000,
    };
    let taken = session.write(|transaction| pick::pick(transaction, &room))?;
    // What is due already waits for the end of an attempt, which brings the next turn by itself.
    let later = if taken.next.is_none() { next_look(&session)?.filter(|at| *at > now) } else { None };
    taken.next.or(later).into_iter().for_each(|at| agenda.plan(tenant, at));
    Ok(taken.claims.into_iter().map(|claim| claim_of(engine, tenant, claim)).collect())
}

fn claim_of(engine: &Engine, tenant: TenantId, picked: Picked) -> Claim {
    let Picked { webhook, place, token, until, url, headers, body, attempt, trace } = picked;
    let in_flight = Mutex::new(Some(engine.agenda().take(tenant, webhook)));
    Claim { tenant, webhook, place, token, until, url, headers, body, attempt, trace, in_flight }
}

/// The instant at which there is something to do for a tenant; [`Timestamp::MIN`] when there is already.
fn next_look(session: &Session) -> Result<Option<Timestamp>, Error> {
    let snapshot = session.snapshot()?;
    let first = |key: &outbox::OutboxKey| -> Result<_, StoreError> {
        Ok(snapshot.scan(&key.all(), Direction::Forward, 1)?.into_iter().next())
    };
    if first(&outbox::tasks())?.is_some() {
        return Ok(Some(Timestamp::MIN));
    }
    let oldest = first(&outbox::events())?.and_then(|entry| EventPlace::at_end(&entry.key));
    let mut next = oldest.map(|place| place.instant.plus_micros(limits::EVENT_DAYS * 86_400_000_000));
    let Some(bytes) = snapshot.get(outbox::subscriptions().key())? else { return Ok(next) };
    let subscriptions: SubscriptionsV1 = codec::decode(&bytes)?;
    for subscription in &subscriptions.all {
        let webhook = super::super::uuid(subscription.subscriber);
        let Some(entry) = first(&outbox::dues(webhook))? else { continue };
        let mut at = outbox::read_due(&entry.key, webhook);
        if let Some(bytes) = snapshot.get(outbox::standing(webhook).key())?
            && let Some(breaker) = codec::decode::<StandingV1>(&bytes)?.breaker
            && at != Some(Timestamp::MIN)
            && subscription.is_on
        {
            at = at.map(|at| at.max(Timestamp::from_micros(breaker.next_at)));
        }
        let at = if subscription.is_on { at } else { Some(Timestamp::MIN) };
        next = next.into_iter().chain(at).min();
    }
    Ok(next)
}

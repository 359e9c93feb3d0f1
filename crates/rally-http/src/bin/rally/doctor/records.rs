use rally_core::{ApiKey, Engine, Error, Query, Session, Timestamp};

use super::Finding;
use crate::failure::Failure;

/// Microseconds before its end at which a key is near it.
const NEAR_EXPIRY: i64 = 14 * 86_400_000_000;
/// Microseconds for which an event may wait.
const LATE: i64 = 3_600_000_000;
/// Microseconds by which the newest change may be ahead of the clock.
const AHEAD: i64 = 2_000_000;
/// Keys that are named.
const NAMED: usize = 10;

/// Looks at what is in a store, of all tenants.
pub(super) fn examine(engine: &Engine) -> Vec<Finding> {
    match look(engine) {
        Ok(findings) => findings,
        Err(error) => vec![Finding::fault("records", Failure::from(error).to_string())],
    }
}

fn look(engine: &Engine) -> Result<Vec<Finding>, Error> {
    let now = engine.clock().now();
    let (mut keys, mut newest, tenants) = (Vec::new(), Timestamp::MIN, engine.tenants()?);
    for tenant in &tenants {
        let session = engine.tenant(&tenant.slug)?.trusted_session("rally doctor")?;
        newest = newest.max(session.last_change()?.1);
        keys.extend(near_expiry(&session, &tenant.slug, now)?);
    }
    Ok(vec![
        Finding::well("tenants", format!("there are {}", tenants.len())),
        of_clock(newest, now),
        of_keys(&keys),
        of_deliveries(engine, now)?,
        of_hooks(engine)?,
    ])
}

/// The keys of a tenant that end soon, as texts.
fn near_expiry(session: &Session, slug: &str, now: Timestamp) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut offset = 0;
    loop {
        let page = session.api_keys().list(Query::all().offset(offset))?;
        for ApiKey { name, key_prefix, is_active, expires_at, .. } in &page.records {
            if let Some(end) = expires_at.filter(|end| *is_active && *end < now.plus_micros(NEAR_EXPIRY)) {
                let state = if end <= now { "ended" } else { "ends" };
                found.push(format!("{key_prefix} ({name}) of {slug} {state} at {end}"));
            }
            offset += 1;
        }
        if !page.has_more {
            return Ok(found);
        }
    }
}

fn of_clock(newest: Timestamp, now: Timestamp) -> Finding {
    let ahead = newest.as_micros().saturating_sub(now.as_micros());
    if ahead > AHEAD {
        let seconds = ahead / 1_000_000;
        Finding::warning(
            "clock",
            format!(
                "the newest change is {seconds} s ahead of it; until then, changes are a microsecond apart"
            ),
        )
    } else {
        Finding::well("clock", "no change is ahead of it")
    }
}

fn of_keys(near: &[String]) -> Finding {
    match near {
        [] => Finding::well("keys", "none ends within 14 days"),
        near => {
            let named = near.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
            let more =
                if near.len() > NAMED { format!("; and {} more", near.len() - NAMED) } else { String::new() };
            Finding::warning("keys", format!("{named}{more}"))
        }
    }
}

fn of_deliveries(engine: &Engine, now: Timestamp) -> Result<Finding, Error> {
    let figures = engine.deliveries().figures()?;
    let told = format!("{} wait{}", figures.pending, if figures.is_partial { " at least" } else { "" });
    let age = figures.oldest.map_or(0, |oldest| now.as_micros().saturating_sub(oldest.as_micros()));
    Ok(if age > LATE {
        let minutes = age / 60_000_000;
        Finding::warning(
            "deliveries",
            format!("{told}, the oldest for {minutes} minutes: its receiver is away, or no server delivers"),
        )
    } else {
        Finding::well("deliveries", told)
    })
}

fn of_hooks(engine: &Engine) -> Result<Finding, Error> {
    let figures = engine.deliveries().figures()?;
    let told = format!("{} are on, {} off", figures.on, figures.off);
    Ok(if figures.off > 0 { Finding::warning("webhooks", told) } else { Finding::well("webhooks", told) })
}

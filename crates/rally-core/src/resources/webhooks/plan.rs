//! The plan of attempts: the time between them, and the breaker of a webhook that keeps failing.

use super::{RetryAfter, subscribe::days_before};
use crate::{
    base::{Entropy, Timestamp, limits},
    engine::codec::{BreakerV1, StandingV1},
};

/// Seconds from each failed attempt to the next.
const DELAYS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Seconds from the opening of a breaker to its first probe, and from each to the next.
const PROBES: [i64; 6] = [10, 20, 40, 80, 160, 300];
/// Seconds within which failures in a row open a breaker.
const BREAKER_SECONDS: i64 = 60;
const SECOND: i64 = 1_000_000;

/// The instant of the attempt after one that has failed as number `step` of the plan; `None` when it was the last.
pub(super) fn retry_at(
    now: Timestamp,
    step: u32,
    asked: Option<RetryAfter>,
    entropy: &dyn Entropy,
) -> Option<Timestamp> {
    let planned = DELAYS.get(usize::try_from(step.checked_sub(1)?).ok()?)? * SECOND;
    let delay = jittered(planned, entropy);
    let asked = match asked {
        Some(RetryAfter::Seconds(seconds)) => {
            i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND)
        }
        Some(RetryAfter::At(at)) => at.as_micros().saturating_sub(now.as_micros()),
        None => 0,
    };
    Some(now.plus_micros(asked.clamp(delay, planned * 2)))
}

/// A time that is up to a fifth shorter or longer, so that retries of many events do not come together.
fn jittered(micros: i64, entropy: &dyn Entropy) -> i64 {
    let mut random = [0; 4];
    entropy.fill(&mut random);
    let thousandths = i64::from(u32::from_le_bytes(random) % 401) - 200;
    micros + micros / 1_000 * thousandths
}

/// The instant of the probe after one, or of the first.
fn probe_at(now: Timestamp, probes: u32, entropy: &dyn Entropy) -> Timestamp {
    let last = PROBES.last().copied().unwrap_or(BREAKER_SECONDS);
    let seconds = usize::try_from(probes).ok().and_then(|probes| PROBES.get(probes).copied()).unwrap_or(last);
    now.plus_micros(jittered(seconds * SECOND, entropy))
}

/// Notes a probe that begins, so that no other does.
pub(super) fn begin_probe(standing: &mut StandingV1, now: Timestamp, entropy: &dyn Entropy) {
    if let Some(breaker) = &mut standing.breaker {
        breaker.probes = breaker.probes.saturating_add(1);
        breaker.next_at = probe_at(now, breaker.probes, entropy).as_micros();
    }
}

/// Notes a success: the breaker is closed.
pub(super) fn succeed(standing: &mut StandingV1, now: Timestamp) {
    *standing = StandingV1 { last_success: Some(now.as_micros()), ..StandingV1::default() };
}

/// Notes a failure, which may open the breaker.
pub(super) fn fail(standing: &mut StandingV1, now: Timestamp, entropy: &dyn Entropy) {
    standing.failures = standing.failures.saturating_add(1);
    standing.failed_since.get_or_insert(now.as_micros());
    standing.recent.push(now.as_micros());
    let spare = standing.recent.len().saturating_sub(limits::BREAKER_FAILURES);
    standing.recent.drain(..spare);
    let oldest = now.plus_micros(-BREAKER_SECONDS * SECOND).as_micros();
    let is_full = standing.recent.len() == limits::BREAKER_FAILURES;
    if is_full && standing.breaker.is_none() && standing.recent.first().is_some_and(|first| *first >= oldest)
    {
        let next_at = probe_at(now, 0, entropy).as_micros();
        standing.breaker = Some(BreakerV1 { probes: 0, next_at });
    }
}

/// True when a webhook has failed for so long, without a success, that it is switched off.
pub(super) fn is_given_up(standing: &StandingV1, now: Timestamp) -> bool {
    let end = days_before(now, limits::FAILING_DAYS).as_micros();
    standing.failed_since.is_some_and(|since| since <= end)
}

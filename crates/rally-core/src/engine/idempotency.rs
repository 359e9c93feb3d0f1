use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    codec::{self, AnswerV1},
    spaces,
    stage::Stage,
    written::Answer,
};
use crate::{
    base::{Code, Error, Faults, Kind, TenantId, Timestamp, limits},
    store::{Direction, KeyRange, Snapshot, StoreError},
};

/// How many kept answers that have grown too old each keyed write clears away.
const CLEARED_AT_ONCE: usize = 4;

/// Makes a write happen once: a repetition under the same key gets the first answer.
///
/// The answer is kept with the write itself, for [`limits::IDEMPOTENCY_HOURS`]. A write that was refused has changed
/// nothing and is not kept, so it may be mended and sent again under the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    pub(crate) key: String,
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// A key of the caller's choosing, and the parts of the request that must be the same when it is used again.
    ///
    /// # Errors
    /// [`Code::Validation`] unless the key has 1 to [`limits::IDEMPOTENCY_KEY`] visible ASCII characters.
    pub fn new(key: &str, content: &[&[u8]]) -> Result<Self, Error> {
        let fits = (1..=limits::IDEMPOTENCY_KEY).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            let phrase = format!("must be 1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY);
            return Err(Faults::one("Idempotency-Key", phrase).into());
        }
        let mut hash = Sha256::new();
        for part in content {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Ok(Self { key: key.to_owned(), fingerprint: hash.finalize().into() })
    }

    /// The key as it stands for one act only: what is done, to which kind, and to which record.
    pub(crate) fn for_act(&self, act: &str, kind: Kind, id: Option<Uuid>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint);
        hash.update([kind.number()]);
        hash.update(id.unwrap_or_default());
        hash.update(act);
        Self { key: self.key.clone(), fingerprint: hash.finalize().into() }
    }

    /// The key as it stands where tenants share one set of keys.
    pub(crate) fn within(&self, tenant: TenantId) -> Self {
        Self { key: format!("{tenant} {}", self.key), ..self.clone() }
    }
}

/// The answer that is kept for a key, if there is one that has not grown too old.
pub(crate) fn kept(stage: &Stage<'_>, key: &IdempotencyKey) -> Result<Option<Answer>, Error> {
    let Some(bytes) = stage.overlay.get(&spaces::answer(&key.key))? else { return Ok(None) };
    let kept: AnswerV1 = codec::decode(&bytes)?;
    if Timestamp::from_micros(kept.kept_at) <= oldest(stage.now) {
        return Ok(None);
    }
    if kept.fingerprint != key.fingerprint {
        let detail = "this Idempotency-Key was used for another request; use a new one";
        return Err(Error::new(Code::IdempotencyMismatch, detail));
    }
    Ok(Some(Answer::from_body(kept.body)?))
}

/// Keeps the answer for a key, with the write itself.
pub(crate) fn keep(stage: &mut Stage<'_>, key: &IdempotencyKey, answer: &Answer) -> Result<(), StoreError> {
    clear_old(stage)?;
    let row =
        AnswerV1 { kept_at: stage.now.as_micros(), fingerprint: key.fingerprint, body: answer.to_body() };
    let age = spaces::answer_age(stage.now, &key.key);
    stage.overlay.batch.put(spaces::answer(&key.key), codec::encode(&row)?);
    stage.overlay.batch.put(age, key.key.clone().into_bytes());
    Ok(())
}

fn clear_old(stage: &mut Stage<'_>) -> Result<(), StoreError> {
    let old = KeyRange::prefix(&spaces::answer_ages()).until(spaces::answer_age(oldest(stage.now), ""));
    for entry in stage.overlay.scan(&old, Direction::Forward, CLEARED_AT_ONCE)? {
        let answer = spaces::answer(&String::from_utf8_lossy(&entry.value));
        // A key that was used again since has a younger answer, which stays.
        if let Some(bytes) = stage.overlay.get(&answer)?
            && codec::decode::<AnswerV1>(&bytes)?.kept_at <= oldest(stage.now).as_micros()
        {
            stage.overlay.batch.delete(answer);
        }
        stage.overlay.batch.delete(entry.key);
    }
    Ok(())
}

/// Answers kept at this instant, or before it, are kept no more.
fn oldest(now: Timestamp) -> Timestamp {
    now.plus_micros(-limits::IDEMPOTENCY_HOURS * 3_600 * 1_000_000)
}

/// Says that the key's first write has no answer yet.
pub(crate) fn still_running() -> Error {
    Error::new(Code::Conflict, "a request with this Idempotency-Key is still running; try again")
        .with_under_way()
}

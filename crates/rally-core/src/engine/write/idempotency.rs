use std::collections::HashSet;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Answer, Transaction};
use crate::{
    base::{Code, Error, Faults, Kind, TenantId, Timestamp, count, limits},
    engine::{
        codec::{self, AnswerV1},
        keys::spaces,
    },
    store::{Direction, KeyRange, Snapshot, StoreError},
};

/// Expired answers that each write with a key deletes, at most.
const CLEARED_AT_ONCE: usize = 4;

/// Key under which a write happens once; repeating it returns the first answer.
///
/// The answer is kept with the write itself, for [`limits::IDEMPOTENCY_HOURS`]. A refused write changes nothing and
/// its answer is not kept, so the request may be corrected and sent again under the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    fingerprint: [u8; 32],
}

impl IdempotencyKey {
    /// A caller's key, and the parts of the request that a repetition must share.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let key = |name: &str| IdempotencyKey::new("order-7", &[name.as_bytes()]);
    /// let order = |name: &str| {
    ///     acme.companies().create_with(&CompanyDraft::new(name), &WriteOptions::default().once(key(name)?))
    /// };
    /// assert_eq!(order("Looms Ltd")?.record, order("Looms Ltd")?.record);
    /// let error = order("Mills Ltd").unwrap_err();
    /// assert_eq!(error.code(), Code::IdempotencyMismatch);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Validation`] unless the key has 1 to [`limits::IDEMPOTENCY_KEY`] visible ASCII characters.
    pub fn new(key: &str, content: &[&[u8]]) -> Result<Self, Error> {
        let fits = (1..=limits::IDEMPOTENCY_KEY).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !fits {
            let phrase = format!("must be 1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY);
            return Err(Faults::one("idempotencyKey", phrase).into());
        }
        let mut hash = Sha256::new();
        for part in content {
            hash.update(count(part.len()).to_be_bytes());
            hash.update(part);
        }
        Ok(Self { key: key.to_owned(), fingerprint: hash.finalize().into() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.key
    }

    /// The key for one act only: a verb, a kind, and a record.
    pub(crate) fn for_act(&self, act: &str, kind: Kind, id: Option<Uuid>) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint);
        hash.update([kind.number()]);
        hash.update(id.unwrap_or(Uuid::nil()));
        hash.update(act);
        Self { key: self.key.clone(), fingerprint: hash.finalize().into() }
    }

    /// The key of one of several transactions that are made under it; no caller's key has a blank.
    #[cfg(feature = "files")]
    pub(crate) fn for_part(&self, number: u64) -> Self {
        if number == 0 {
            self.clone()
        } else {
            Self { key: format!("{} {number}", self.key), ..self.clone() }
        }
    }

    /// The key for a transaction of a host's own.
    pub(crate) fn for_transaction(&self) -> Self {
        let mut hash = Sha256::new();
        hash.update(self.fingerprint);
        hash.update("transaction");
        Self { key: self.key.clone(), fingerprint: hash.finalize().into() }
    }

    /// The key as it stands in the directory, where all tenants share one set of keys.
    pub(crate) fn within(&self, tenant: TenantId) -> Self {
        Self { key: format!("{tenant} {}", self.key), ..self.clone() }
    }
}

/// The answer that is kept for a key, unless it has expired.
pub(crate) fn kept(transaction: &Transaction<'_>, key: &IdempotencyKey) -> Result<Option<Answer>, Error> {
    let Some(bytes) = transaction.overlay.get(&spaces::answer(&key.key))? else { return Ok(None) };
    let kept: AnswerV1 = codec::decode(&bytes)?;
    if Timestamp::from_micros(kept.kept_at) <= oldest(transaction.now()) {
        return Ok(None);
    }
    if kept.fingerprint != key.fingerprint {
        let detail = "this idempotency key was used for another request; use a new one";
        return Err(Error::new(Code::IdempotencyMismatch, detail));
    }
    Ok(Some(Answer::from_body(kept.body)?))
}

/// Keeps the answer for a key, with the write itself.
pub(crate) fn keep(
    transaction: &mut Transaction<'_>,
    key: &IdempotencyKey,
    answer: &Answer,
) -> Result<(), StoreError> {
    clear_old(transaction)?;
    let row = AnswerV1 {
        kept_at: transaction.now().as_micros(),
        fingerprint: key.fingerprint,
        body: answer.to_body(),
    };
    let age = spaces::answer_age(transaction.now(), &key.key);
    transaction.overlay.put(spaces::answer(&key.key), codec::encode(&row)?);
    transaction.overlay.put(age, key.key.clone().into_bytes());
    Ok(())
}

fn clear_old(transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
    let old =
        KeyRange::prefix(&spaces::answer_ages()).until(spaces::answer_age(oldest(transaction.now()), ""));
    for entry in transaction.overlay.scan(&old, Direction::Forward, CLEARED_AT_ONCE)? {
        let damaged = |_| StoreError::Corrupt { what: "the key of a kept answer".to_owned() };
        let answer = spaces::answer(std::str::from_utf8(&entry.value).map_err(damaged)?);
        // A key that was used again since has a younger answer, which stays.
        if let Some(bytes) = transaction.overlay.get(&answer)?
            && codec::decode::<AnswerV1>(&bytes)?.kept_at <= oldest(transaction.now()).as_micros()
        {
            transaction.overlay.delete(answer);
        }
        transaction.overlay.delete(entry.key);
    }
    Ok(())
}

/// The instant up to which kept answers have expired.
fn oldest(now: Timestamp) -> Timestamp {
    now.plus_micros(-limits::IDEMPOTENCY_HOURS * 3_600 * 1_000_000)
}

/// The idempotency keys of writes that are running in this process.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<(TenantId, String)>>);

/// The mark of a write that is running. It ends when this is dropped.
pub(crate) struct UnderWayGuard<'u> {
    under_way: &'u UnderWay,
    entry: (TenantId, String),
}

impl UnderWay {
    /// Marks a write as running.
    ///
    /// # Errors
    /// [`Code::Conflict`] when another write with this key is running.
    pub(crate) fn mark(&self, tenant: TenantId, key: &IdempotencyKey) -> Result<UnderWayGuard<'_>, Error> {
        let entry = (tenant, key.key.clone());
        if self.0.lock().insert(entry.clone()) {
            return Ok(UnderWayGuard { under_way: self, entry });
        }
        let detail = "a request with this idempotency key is still running; try again";
        Err(Error::new(Code::Conflict, detail).with_under_way())
    }
}

impl Drop for UnderWayGuard<'_> {
    fn drop(&mut self) {
        self.under_way.0.lock().remove(&self.entry);
    }
}

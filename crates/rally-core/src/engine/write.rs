//! The way into the store that every write takes.

use super::{
    Resource, Session,
    idempotency::{self, IdempotencyKey},
    spaces,
    stage::Stage,
    written::Answer,
};
use crate::{
    base::{Error, Id, TenantId, Timestamp},
    store::{Abort, Batch, Commit, Key, Snapshot, StoreError},
};

/// What a write may ask for besides its content.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Only if the record's last change is of this instant.
    pub if_version: Option<Timestamp>,
    /// Only once for this key.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl WriteOptions {
    /// These options for one act only, so that an idempotency key is never answered for another.
    pub(crate) fn for_act<R: Resource>(&self, act: &str, id: Option<Id<R>>) -> Self {
        let (key, act) = (self.idempotency_key.as_ref(), format!("{act} {}", R::PART));
        let idempotency_key = key.map(|key| key.for_act(&act, R::KIND, id.map(Id::as_uuid)));
        Self { idempotency_key, ..self.clone() }
    }

    /// These options where tenants share one set of idempotency keys.
    pub(crate) fn within(&self, tenant: TenantId) -> Self {
        let idempotency_key = self.idempotency_key.as_ref().map(|key| key.within(tenant));
        Self { idempotency_key, ..self.clone() }
    }
}

/// What came of a write: its answer, and whether it is a kept one.
pub(crate) struct Done {
    pub(crate) answer: Answer,
    pub(crate) replayed: bool,
}

impl Session {
    /// Runs `work` on the tenant's newest state and commits what it has staged, once for each idempotency key.
    pub(crate) fn write(
        &self,
        options: &WriteOptions,
        work: &mut dyn FnMut(&mut Stage<'_>) -> Result<Answer, Error>,
    ) -> Result<Done, Error> {
        self.write_knowing(options, &Vec::new, work)
    }

    /// [`write`](Session::write), for work that is known to read some keys.
    pub(crate) fn write_knowing(
        &self,
        options: &WriteOptions,
        ahead: &dyn Fn() -> Vec<Key>,
        work: &mut dyn FnMut(&mut Stage<'_>) -> Result<Answer, Error>,
    ) -> Result<Done, Error> {
        let tenant = self.tenant().id;
        let _under_way = match &options.idempotency_key {
            Some(key) => Some(self.engine().begin(tenant, &key.key).ok_or_else(idempotency::still_running)?),
            None => None,
        };
        let mut done = None;
        let mut refused = None;
        let commit = self.engine().store().write(tenant, &mut |newest| match self
            .build(options, ahead, newest, work)
        {
            Ok((batch, result)) => {
                done = Some(result);
                Ok(batch)
            }
            Err(error) if error.is_store_conflict() => Err(Abort::Store(StoreError::Conflict)),
            Err(error) => {
                refused = Some(error);
                Err(Abort::Refused)
            }
        })?;
        match (commit, done, refused) {
            (Commit::Applied, Some(done), _) => Ok(done),
            (Commit::Refused, _, Some(error)) => Err(error),
            _ => Err(Error::internal("the store ran no build")),
        }
    }

    fn build(
        &self,
        options: &WriteOptions,
        ahead: &dyn Fn() -> Vec<Key>,
        newest: &dyn Snapshot,
        work: &mut dyn FnMut(&mut Stage<'_>) -> Result<Answer, Error>,
    ) -> Result<(Batch, Done), Error> {
        // Elsewhere a key is read as fast as it is put on a list.
        if self.engine().store().is_shared() {
            let answer = options.idempotency_key.iter().map(|key| spaces::answer(&key.key));
            let keys: Vec<Key> = [spaces::head()].into_iter().chain(answer).chain(ahead()).collect();
            newest.prefetch(&keys)?;
        }
        let mut stage = Stage::new(self, newest)?;
        let Some(key) = &options.idempotency_key else {
            let answer = work(&mut stage)?;
            return Ok((stage.finish()?, Done { answer, replayed: false }));
        };
        if let Some(kept) = idempotency::kept(&stage, key)? {
            return Ok((Batch::new(), Done { answer: kept, replayed: true }));
        }
        let answer = work(&mut stage)?;
        idempotency::keep(&mut stage, key, &answer)?;
        Ok((stage.finish()?, Done { answer, replayed: false }))
    }
}

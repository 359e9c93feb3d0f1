use crate::{
    base::{TenantId, Timestamp},
    engine::write::{IdempotencyKey, Precondition, Unless},
};

/// Conditions of a write, besides its content.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The write happens only if the record's last change is of this instant.
    pub if_version: Option<Timestamp>,
    /// The write does not happen if it meets such a version of the record.
    pub unless: Unless,
    /// The write happens only once for this key.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl WriteOptions {
    /// Writes only if the record's last change is of this instant: its `updated_at`.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// # let ada = acme.contacts().create(&ContactDraft::new("Ada", "Lovelace", "ada@x.example"))?;
    /// let as_i_know_it = WriteOptions::default().if_version(ada.updated_at);
    /// acme.contacts().update(ada.id, &ContactUpdate::new().city("London"))?;
    /// let error = acme.contacts().delete_with(ada.id, &as_i_know_it).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn if_version(mut self, version: Timestamp) -> Self {
        self.if_version = Some(version);
        self
    }

    /// Does not write if it meets such a version of the record. An upsert unless there is one creates only.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let if_new = WriteOptions::default().unless(Unless::Exists);
    /// let ada = ContactDraft::new("Ada", "Lovelace", "ada@x.example");
    /// assert_eq!(acme.contacts().upsert_with(&ada, &if_new)?.outcome, WriteOutcome::Created);
    /// let error = acme.contacts().upsert_with(&ada, &if_new).unwrap_err();
    /// assert_eq!(error.code(), Code::PreconditionFailed);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn unless(mut self, unless: Unless) -> Self {
        self.unless = unless;
        self
    }

    /// Writes only once for a key.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # let acme = engine.create_tenant(&TenantDraft::new("acme"))?.trusted_session("docs")?;
    /// let once = WriteOptions::default().once(IdempotencyKey::new("order-7", &[b"Looms Ltd"])?);
    /// let looms = CompanyDraft::new("Looms Ltd");
    /// assert!(!acme.companies().create_with(&looms, &once)?.replayed);
    /// assert!(acme.companies().create_with(&looms, &once)?.replayed);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn once(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    pub(crate) const fn precondition(&self) -> Precondition<'_> {
        Precondition { if_version: self.if_version, unless: &self.unless }
    }

    /// These options where tenants share one set of idempotency keys.
    pub(crate) fn within(&self, tenant: TenantId) -> Self {
        let idempotency_key = self.idempotency_key.as_ref().map(|key| key.within(tenant));
        Self { idempotency_key, ..self.clone() }
    }
}

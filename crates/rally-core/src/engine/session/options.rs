use crate::{
    base::{TenantId, Timestamp},
    engine::write::IdempotencyKey,
};

/// Conditions of a write, besides its content.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The write happens only if the record's last change is of this instant.
    pub if_version: Option<Timestamp>,
    /// The write happens only once for this key.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl WriteOptions {
    /// Writes only if the record's last change is of this instant: its `updated_at`.
    #[must_use]
    pub const fn if_version(mut self, version: Timestamp) -> Self {
        self.if_version = Some(version);
        self
    }

    /// Writes only once for a key.
    #[must_use]
    pub fn once(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// These options where tenants share one set of idempotency keys.
    pub(crate) fn within(&self, tenant: TenantId) -> Self {
        let idempotency_key = self.idempotency_key.as_ref().map(|key| key.within(tenant));
        Self { idempotency_key, ..self.clone() }
    }
}

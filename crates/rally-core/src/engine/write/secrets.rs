use super::Transaction;
use crate::{
    engine::{
        codec::{self, SecretsV1},
        keys::spaces,
    },
    store::{Snapshot, StoreError},
};

/// The secrets that tokens are signed with, as a directory has them.
pub(crate) fn read_secrets(directory: &dyn Snapshot) -> Result<SecretsV1, StoreError> {
    directory.get(&spaces::secrets())?.map_or_else(|| Ok(SecretsV1::default()), |bytes| codec::decode(&bytes))
}

impl Transaction<'_> {
    /// The secrets that tokens are signed with.
    pub(crate) fn secrets(&self) -> Result<SecretsV1, StoreError> {
        read_secrets(&self.overlay)
    }

    /// Replaces the secrets that tokens are signed with.
    pub(crate) fn set_secrets(&mut self, secrets: &SecretsV1) -> Result<(), StoreError> {
        self.overlay.put(spaces::secrets(), codec::encode(secrets)?);
        Ok(())
    }
}

use super::{
    codec::{self, SecretsV1},
    spaces,
    stage::Stage,
};
use crate::store::{Snapshot, StoreError};

/// The secrets that tokens are signed with.
pub(crate) fn read_secrets(snapshot: &dyn Snapshot) -> Result<SecretsV1, StoreError> {
    snapshot.get(&spaces::secrets())?.map_or_else(|| Ok(SecretsV1::default()), |bytes| codec::decode(&bytes))
}

/// Puts others in their place.
pub(crate) fn write_secrets(stage: &mut Stage<'_>, secrets: &SecretsV1) -> Result<(), StoreError> {
    stage.overlay.batch.put(spaces::secrets(), codec::encode(secrets)?);
    Ok(())
}

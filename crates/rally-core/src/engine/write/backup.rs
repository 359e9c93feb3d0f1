use super::Transaction;
use crate::{
    engine::{
        codec::{self, BackupV1},
        keys::spaces,
    },
    store::{Snapshot, StoreError},
};

/// The last backup, as a directory has it.
pub(crate) fn read_backup(directory: &dyn Snapshot) -> Result<Option<BackupV1>, StoreError> {
    directory.get(&spaces::backup())?.map(|row| codec::decode(&row)).transpose()
}

impl Transaction<'_> {
    /// Notes a backup, unless a later one is noted.
    pub(crate) fn note_backup(&mut self, backup: BackupV1) -> Result<(), StoreError> {
        if read_backup(&self.overlay)?.is_none_or(|known| known.made_at <= backup.made_at) {
            self.overlay.put(spaces::backup(), codec::encode(&backup)?);
        }
        Ok(())
    }
}

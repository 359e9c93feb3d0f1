//! The note of the last backup of a store, for whoever watches it. It is in the directory, so all servers of the store show it,
//! and it does not go along with a copy.

use super::Backup;
use crate::{
    base::{Error, Timestamp},
    engine::{codec::BackupV1, session::Engine, write::read_backup},
};

/// The last backup of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastBackup {
    /// The instant at which it was begun: all that was written before is in it.
    pub made_at: Timestamp,
    /// True if it was read back and compared.
    pub is_verified: bool,
}

impl Engine {
    /// Notes that a backup of this store is whole and safe, unless a later one is noted.
    ///
    /// ```
    /// # use rally_core::*;
    /// # let engine = Engine::new(store::MemoryStore::new());
    /// # struct Nowhere;
    /// # impl BackupTarget for Nowhere {
    /// #     type File = std::io::Sink;
    /// #     fn begin(&mut self, _: &str) -> std::io::Result<Self::File> { Ok(std::io::sink()) }
    /// #     fn end(&mut self, _: Self::File, _: &BackupFile) -> std::io::Result<()> { Ok(()) }
    /// # }
    /// # let mut target = Nowhere;
    /// assert!(engine.last_backup()?.is_none());
    /// let backup = engine.back_up(&mut target)?;
    /// engine.note_backup(&backup, false)?;
    /// assert_eq!(engine.last_backup()?, Some(LastBackup { made_at: backup.made_at, is_verified: false }));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn note_backup(&self, backup: &Backup, is_verified: bool) -> Result<(), Error> {
        let row = BackupV1 { made_at: backup.made_at.as_micros(), is_verified };
        self.directory().write(|transaction| Ok(transaction.note_backup(row)?))
    }

    /// The last backup that was noted.
    ///
    /// # Errors
    /// [`Code::Unavailable`](crate::Code::Unavailable) when the store cannot answer.
    pub fn last_backup(&self) -> Result<Option<LastBackup>, Error> {
        let row = read_backup(&*self.directory().snapshot()?)?;
        Ok(row.map(|row| LastBackup {
            made_at: Timestamp::from_micros(row.made_at),
            is_verified: row.is_verified,
        }))
    }
}

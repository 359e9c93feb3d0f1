use std::{error::Error, io};

use rally_core::store::StoreError;
use redb::{DatabaseError, StorageError};

/// A store that could not be opened: the reason, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Somebody has the file open.
    #[error("{place} is in use by another process; stop it or use another file")]
    InUse {
        /// The file.
        place: String,
    },
    /// There is no folder to put the file in.
    #[error("the folder of {place} does not exist; create it or use another path")]
    NoFolder {
        /// The file.
        place: String,
    },
    /// The operating system forbids reading or writing the file.
    #[error("{place} may not be read and written; grant both to this user or use another path")]
    NotPermitted {
        /// The file.
        place: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file has no content. A new store is made only where there is no file, so that a lost one is noticed.
    #[error("{place} is empty; restore it from a backup, or delete it to begin a new one")]
    Empty {
        /// The file.
        place: String,
    },
    /// The file holds something else, or its creation was cut short.
    #[error(
        "{place} is not a Rally file, or its creation was cut short; use another path, or delete it to begin anew"
    )]
    NotRally {
        /// The file.
        place: String,
    },
    /// The file was written in a format that this version does not know.
    #[error(
        "{place} has file format {found}, this version writes {known}; use a version of Rally that knows it"
    )]
    UnknownFormat {
        /// The file.
        place: String,
        /// Its format.
        found: u32,
        /// The format that this version reads and writes.
        known: u32,
    },
    /// The file is not what was written.
    #[error("{place} is damaged ({what}); restore it from a backup")]
    Damaged {
        /// The file.
        place: String,
        /// The damage.
        what: String,
    },
    /// The disk or the backend failed.
    #[error("{place} cannot be opened; see to the disk and try again")]
    Failed {
        /// The file.
        place: String,
        /// Its error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OpenError {
    pub(crate) fn from_io(place: &str, error: io::Error) -> Self {
        let place = place.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoFolder { place },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { place, source: error }
            }
            io::ErrorKind::InvalidData => Self::NotRally { place },
            io::ErrorKind::UnexpectedEof => Self::Damaged { place, what: "it ends too early".to_owned() },
            _ => Self::Failed { place, source: error.into() },
        }
    }

    pub(crate) fn from_database(place: &str, error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::InUse { place: place.to_owned() }
            }
            DatabaseError::Storage(StorageError::Io(error)) => Self::from_io(place, error),
            DatabaseError::Storage(StorageError::Corrupted(what)) => {
                Self::Damaged { place: place.to_owned(), what }
            }
            error => Self::Failed { place: place.to_owned(), source: error.into() },
        }
    }

    /// The error and what caused it, for the log.
    pub(crate) fn reason(&self) -> String {
        match self.source() {
            Some(cause) => format!("{self}: {cause}"),
            None => self.to_string(),
        }
    }
}

/// Turns a storage error into one for readers and writers.
pub(crate) fn store_error(error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        redb::Error::Corrupted(what) => StoreError::Corrupt { what },
        error @ (redb::Error::Io(_)
        | redb::Error::Backend(_)
        | redb::Error::PreviousIo
        | redb::Error::DatabaseClosed
        | redb::Error::TransactionPoisoned
        | redb::Error::LockPoisoned(_)) => StoreError::Unavailable { reason: error.to_string() },
        error => StoreError::Backend { source: error.into() },
    }
}

/// True if there is no space for what was to be written.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

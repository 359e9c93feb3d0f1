//! The answer that a caller gets when a store fails.

use super::StoreError;
use crate::base::{Code, Error};

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict | StoreError::Unavailable { .. } | StoreError::NeedsReopen { .. } => {
                Error::new(Code::Unavailable, "the store cannot answer at present; try again").caused_by(error)
            }
            StoreError::CommitUnknown { .. } => Error::new(
                Code::Unavailable,
                "the connection to the store was lost and the write may or may not have happened; look before you repeat \
                 it, or repeat it with the same idempotency key",
            )
            .with_unknown_outcome()
            .caused_by(error),
            StoreError::TooLarge { .. } => {
                Error::new(Code::LimitExceeded, "this is larger than the store can hold").caused_by(error)
            }
            StoreError::Corrupt { .. } | StoreError::Backend { .. } => Error::internal(error),
        }
    }
}

impl Error {
    /// True when the store asks for the write to be built again.
    pub(crate) fn is_store_conflict(&self) -> bool {
        let cause = std::error::Error::source(self).and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(StoreError::Conflict))
    }
}

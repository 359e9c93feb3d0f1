use std::{error::Error, sync::Arc};

/// A failure of a store; each variant says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer came between; nothing was applied. Run the write again.
    #[error("another write came between")]
    Conflict,
    /// The store cannot answer at present; nothing was applied. Try later.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// The reason, for the log.
        reason: String,
    },
    /// The answer to a commit was lost. Find out whether it was applied before telling anyone.
    #[error("the outcome of a commit is unknown: {reason}")]
    CommitUnknown {
        /// The reason, for the log.
        reason: String,
    },
    /// A key, value or batch beyond [`Limits`](super::Limits); nothing was applied. Do not repeat it unchanged.
    #[error("a {what} of {bytes} bytes is over the limit of {limit}")]
    TooLarge {
        /// `key`, `value` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that is possible.
        limit: usize,
    },
    /// Stored bytes are not what was written. Retrying does not help; a backup does.
    #[error("stored data is damaged: {what}")]
    Corrupt {
        /// The damage and its place.
        what: String,
    },
    /// The store has shut itself after a failure and must be opened again; nothing was applied.
    #[error("the store must be reopened: {reason}")]
    NeedsReopen {
        /// The reason, for the log.
        reason: String,
    },
    /// Anything else that the backend reports; nothing was applied.
    #[error("the storage backend failed")]
    Backend {
        /// The backend's own error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// The same error for one of several who share it.
    pub(super) fn retold(self: &Arc<Self>) -> Self {
        match &**self {
            Self::Conflict => Self::Conflict,
            Self::Unavailable { reason } => Self::Unavailable { reason: reason.clone() },
            Self::CommitUnknown { reason } => Self::CommitUnknown { reason: reason.clone() },
            Self::TooLarge { what, bytes, limit } => Self::TooLarge { what, bytes: *bytes, limit: *limit },
            Self::Corrupt { what } => Self::Corrupt { what: what.clone() },
            Self::NeedsReopen { reason } => Self::NeedsReopen { reason: reason.clone() },
            Self::Backend { .. } => Self::Backend { source: Arc::clone(self).into() },
        }
    }
}

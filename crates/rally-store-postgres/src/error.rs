use std::{error::Error, io, iter};

use deadpool::managed::PoolError;
use rally_core::store::StoreError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// A store that could not be opened: the reason, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL says something else than where a database is.
    #[error(
        "the address of the database is wrong: {reason}; it should look like postgres://user@host/database"
    )]
    Address {
        /// The fault.
        reason: String,
    },
    /// Nobody answers there, or not yet. Waiting may help.
    #[error("no PostgreSQL answers at {place}: {reason}; see that it runs and takes connections")]
    Unreachable {
        /// Hosts and database.
        place: String,
        /// The failure.
        reason: String,
    },
    /// The server does not let this user in, or does not know the database.
    #[error("{place} refuses this user: {reason}; check user, password and database")]
    Refused {
        /// Hosts and database.
        place: String,
        /// The server's message.
        reason: String,
    },
    /// The connection cannot be made as `sslmode` asks.
    #[error("no connection to {place} can be made as sslmode asks: {reason}")]
    Tls {
        /// Hosts and database.
        place: String,
        /// The failure.
        reason: String,
    },
    /// The tables are of another version.
    #[error(
        "the tables in {place} are of version {found}, this program knows {known}; use a program that knows it"
    )]
    UnknownVersion {
        /// Hosts and database.
        place: String,
        /// Their version.
        found: i32,
        /// The version that this program reads and writes.
        known: i32,
    },
    /// The tables were there before, and are gone.
    #[error("the tables in {place} are gone; restore them, or open the store anew to begin with empty ones")]
    Missing {
        /// Hosts and database.
        place: String,
    },
    /// The tables cannot be made or read.
    #[error("the tables in {place} cannot be set up: {reason}")]
    SetUp {
        /// Hosts and database.
        place: String,
        /// The server's message.
        reason: String,
    },
}

impl OpenError {
    /// True when nobody answered: the same may succeed later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Turns a failure to connect into an error for the caller who opens a store.
    pub(crate) fn from_connecting(place: &str, error: &tokio_postgres::Error) -> Self {
        let (place, reason) = (place.to_owned(), reason(error));
        let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
        match (error.code(), io) {
            (Some(code), _) if is_refusal(code) => Self::Refused { place, reason },
            (None, Some(io)) if io.kind() == io::ErrorKind::InvalidData => Self::Tls { place, reason },
            // An error that comes neither from the server nor from the system is one of the handshake or of the
            // settings.
            (None, None) if reason.contains("TLS") => Self::Tls { place, reason },
            (None, None) if reason.contains("password") => Self::Refused { place, reason },
            _ => Self::Unreachable { place, reason },
        }
    }

    pub(crate) fn from_set_up(place: &str, error: &tokio_postgres::Error) -> Self {
        let (place, reason) = (place.to_owned(), reason(error));
        match error.code() {
            Some(code) if !is_passing(code) => Self::SetUp { place, reason },
            _ => Self::Unreachable { place, reason },
        }
    }
}

/// True when the server refuses this user or database for good.
fn is_refusal(code: &SqlState) -> bool {
    let class = code.code().get(..2);
    class == Some("28") || [SqlState::INVALID_CATALOG_NAME, SqlState::INSUFFICIENT_PRIVILEGE].contains(code)
}

/// True when the server says that it cannot answer at present: it starts, stops, is full, or is no primary.
fn is_passing(code: &SqlState) -> bool {
    let class = code.code().get(..2);
    matches!(class, Some("08" | "53" | "57"))
        || [SqlState::LOCK_NOT_AVAILABLE, SqlState::READ_ONLY_SQL_TRANSACTION].contains(code)
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
}

/// True when the tables were dropped, renamed or brought to another version while the store was open.
fn is_other_schema(code: &SqlState) -> bool {
    [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME, SqlState::UNDEFINED_COLUMN].contains(code)
}

/// True when the database asks for the transaction to be run again.
pub(crate) fn is_conflict(error: &tokio_postgres::Error) -> bool {
    let code = error.code();
    code == Some(&SqlState::T_R_SERIALIZATION_FAILURE) || code == Some(&SqlState::T_R_DEADLOCK_DETECTED)
}

/// True when the connection is gone, so that nobody knows from the error what the server went on to do.
pub(crate) fn is_lost(error: &tokio_postgres::Error) -> bool {
    let fatal = |error: &DbError| {
        let class = error.code().code().get(..2);
        // A full disk or a failed sync ends the session under a code of its own, even behind the commit's record.
        matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            || matches!(class, Some("08" | "57")) && *error.code() != SqlState::QUERY_CANCELED
            || *error.code() == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
            || *error.code() == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
    };
    error.as_db_error().is_none_or(fatal)
}

/// Turns an error of a statement into one for readers and writers.
pub(crate) fn store_error(error: tokio_postgres::Error) -> StoreError {
    if is_conflict(&error) {
        return StoreError::Conflict;
    }
    match error.code() {
        _ if is_lost(&error) => unavailable(reason(&error)),
        Some(code) if is_passing(code) => unavailable(reason(&error)),
        Some(code) if is_other_schema(code) => unavailable(format!(
            "the tables are not there as this program knows them: {}; restore them, or use a program that knows them",
            reason(&error)
        )),
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => {
            StoreError::Corrupt { what: reason(&error) }
        }
        _ => StoreError::Backend { source: error.into() },
    }
}

pub(crate) fn pool_error(error: PoolError<OpenError>) -> StoreError {
    match error {
        PoolError::Backend(error) => unavailable(error.to_string()),
        PoolError::Timeout(_) => unavailable("all connections to the database are in use".to_owned()),
        error => StoreError::Backend { source: error.into() },
    }
}

pub(crate) fn unavailable(reason: String) -> StoreError {
    StoreError::Unavailable { reason }
}

/// The error and all that caused it.
pub(crate) fn reason(error: &tokio_postgres::Error) -> String {
    let parts: Vec<String> = causes(error).map(ToString::to_string).collect();
    parts.join(": ")
}

fn causes(error: &tokio_postgres::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    iter::successors(Some(first), |&error| error.source())
}

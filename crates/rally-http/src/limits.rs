//! Every limit of the HTTP adapter; those of the engine are [`rally_core::limits`].

/// Bytes of a request body.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of the body of a bulk request.
pub const BULK_BODY_BYTES: usize = 8 << 20;
/// Bytes of the body of a login.
pub const LOGIN_BODY_BYTES: usize = 16 << 10;
/// Failed logins a minute and account.
pub const FAILED_LOGINS_PER_MINUTE: u32 = 10;
/// Requests that may wait for a turn at hashing a password, of callers with a known source or credential and of others
/// each.
pub const PASSWORDS_WAITING: usize = 128;
/// Requests without a valid credential a minute and source address.
pub const FAILED_CREDENTIALS_PER_MINUTE: u32 = 60;

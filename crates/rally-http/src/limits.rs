//! Every limit of the HTTP adapter; those of the engine are [`rally_core::limits`].

use std::time::Duration;

/// Bytes of a request body.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of the body of a bulk request.
pub const BULK_BODY_BYTES: usize = 8 << 20;
/// Bytes of the body of a login.
pub const LOGIN_BODY_BYTES: usize = 16 << 10;
/// The longest time that a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The time after which a body must have come at [`BODY_BYTES_PER_SECOND`].
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// Bytes of a body a second at least.
pub const BODY_BYTES_PER_SECOND: u32 = 1 << 10;
/// Bytes of bodies in memory at once: of requests that arrive, and of answers that wait for their readers.
pub const BODY_BUDGET: usize = 256 << 20;
/// Bytes of a query string.
pub const QUERY_BYTES: usize = 4 << 10;
/// Connections of a server at once.
pub const CONNECTIONS: usize = 8_192;
/// Connections of a server from one source address at once.
pub const CONNECTIONS_PER_SOURCE: usize = 512;
/// Requests at once on one connection of HTTP/2.
pub const STREAMS: u32 = 100;
/// The longest time from the first byte of a request to the end of its headers.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest time that a connection stays open without a request.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// The longest time that an answer waits for its reader to take more of it.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The time without a sign of life after which a peer that speaks HTTP/2 is asked for one.
pub const PING_INTERVAL: Duration = Duration::from_secs(30);
/// The longest time that such a peer may take to give it.
pub const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a body that nobody wants which are read so that the connection can be used again.
pub const UNREAD_BYTES: usize = 256 << 10;
/// The time for which the bytes of a caller who still sends are read and dropped.
pub const LINGER: Duration = Duration::from_secs(1);
/// The time that running requests have after the shutdown has begun.
pub const GRACE: Duration = Duration::from_secs(10);
/// Failed logins a minute and account.
pub const FAILED_LOGINS_PER_MINUTE: u32 = 10;
/// Requests that may wait for a turn at hashing a password, of callers with a known source or credential and of others
/// each.
pub const PASSWORDS_WAITING: usize = 128;
/// Requests without a valid credential a minute and source address.
pub const FAILED_CREDENTIALS_PER_MINUTE: u32 = 60;

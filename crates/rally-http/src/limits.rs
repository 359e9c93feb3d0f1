//! Every limit of the HTTP adapter; those of the engine are [`rally_core::limits`].

use std::time::Duration;

/// Bytes of a request body.
pub const BODY_BYTES: usize = 1 << 20;
/// Bytes of the body of a bulk request.
pub const BULK_BODY_BYTES: usize = 8 << 20;
/// Bytes of the body of an import.
pub const FILE_BODY_BYTES: usize = 64 << 20;
/// The longest time that the body of an import may take to arrive.
pub const FILE_BODY_TIMEOUT: Duration = Duration::from_secs(600);
/// Bytes of files on the disk at once: of those that have arrived and are read, and of refused rows that are sent.
pub const FILE_DISK_BUDGET: usize = 1 << 30;
/// The longest time that an export waits for its reader, all in all.
pub const EXPORT_PATIENCE: Duration = Duration::from_secs(600);
/// Exports at once, each of which holds a view; of one tenant half as many.
pub const EXPORTS_AT_ONCE: usize = 4;
/// Bytes of a file that wait for its reader, and bytes up to which a file that has arrived stays in memory, together.
pub const FILE_MEMORY: usize = 512 << 10;
/// Bytes of the parts of a form beside its file.
pub const FORM_HEAD_BYTES: usize = 64 << 10;
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
/// The longest time from the opening of a connection, or from the first byte of a later request, to the end of the
/// request's headers.
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
/// The time between two looks at the files of a server's certificate.
pub const TLS_LOOK: Duration = Duration::from_secs(5);
/// Failed logins a minute at an account from one source.
pub const FAILED_LOGINS_PER_MINUTE: u32 = 10;
/// Failed logins a minute at an account from all sources that are not known to it together.
pub const FAILED_LOGINS_OF_ACCOUNT_PER_MINUTE: u32 = 100;
/// Pairs of an account and a source that has logged in to it, which are remembered as known.
pub const KNOWN_LOGINS: usize = 65_536;
/// The time for which such a pair is remembered.
pub const KNOWN_LOGIN_LIFE: Duration = Duration::from_hours(30 * 24);
/// Requests that may wait for a turn at hashing a password, of callers with a known source or credential and of others
/// each.
pub const PASSWORDS_WAITING: usize = 128;
/// Sources, and pairs of a source and an account, whose failures of a minute are counted each by itself; those that come
/// later in the minute share a fixed number of counts.
pub const COUNTED_SOURCES: usize = 65_536;
/// Credentials that are remembered as valid, so that a flood from where they are used does not hold them up.
pub const VALID_CREDENTIALS: usize = 65_536;
/// The time for which a credential is remembered as valid.
pub const VALID_CREDENTIAL_LIFE: Duration = Duration::from_secs(600);
/// Unknown credentials that are looked up in the store for a source when its requests without a valid one are spent, as a
/// multiple of these.
pub const LOOKUPS_BEYOND_FAILURES: u32 = 10;
/// Reads of a store behind a network, and writes, that are done at once; of one tenant half as many.
pub const AT_ONCE: usize = 64;
/// Requests that wait for one kind of work.
pub const WAITING: usize = 4_096;
/// Requests of one tenant that wait for one kind of work.
pub const WAITING_A_TENANT: usize = 256;
/// Requests without a valid credential a minute and source address; failed logins are counted apart, to the same number.
pub const FAILED_CREDENTIALS_PER_MINUTE: u32 = 60;
/// Seconds that a request for changes may ask to wait for the next one.
pub const FEED_WAIT_SECONDS: usize = 30;
/// Requests that wait for a change at once.
pub const FEED_WAITS: usize = 1_024;
/// Requests of one tenant that wait for a change at once.
pub const FEED_WAITS_A_TENANT: usize = 32;
/// The time between two looks of such a request at the feed.
pub const FEED_LOOK: Duration = Duration::from_millis(200);
/// The time for which the store's answer to a check of readiness stands, in microseconds.
pub const READINESS_MICROS: i64 = 1_000_000;
/// The time that the store has to answer a check of readiness.
pub const READINESS_PATIENCE: Duration = Duration::from_secs(2);
/// The time for which the figures of the events that wait to be delivered stand, in microseconds.
pub const OUTBOX_WATCH_MICROS: i64 = 15_000_000;
/// Credentials whose walks by offset are remembered.
pub const WALK_CALLERS: usize = 1_024;
/// Lists of one credential whose walks by offset are remembered.
pub const WALK_LISTS: usize = 16;
/// Pages of one list whose ends are remembered.
pub const WALK_PAGES: usize = 64;
/// The time for which the end of a page is remembered.
pub const WALK_LIFE: Duration = Duration::from_secs(600);
/// The time that an attempt to deliver an event of a webhook has, from looking up the host to the last byte of the answer.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of the body of a receiver's answer that are read.
pub const WEBHOOK_ANSWER_BODY_BYTES: usize = 16 << 10;
/// Bytes of the head of a receiver's answer.
pub const WEBHOOK_ANSWER_HEAD_BYTES: usize = 32 << 10;
/// Headers of a receiver's answer.
pub const WEBHOOK_ANSWER_HEADERS: usize = 64;
/// Addresses of a receiver that are tried by one attempt.
pub const WEBHOOK_ADDRESSES_TRIED: usize = 4;
/// Names of receivers that are looked up at once.
pub const WEBHOOK_LOOKUPS_AT_ONCE: usize = 64;
/// Spans that wait to be sent to a collector of traces.
pub const SPANS_WAITING: usize = 2_048;
/// Spans that are sent to a collector at once.
pub const SPANS_AT_ONCE: usize = 512;
/// The longest time that a span waits for others to be sent with.
pub const SPAN_DELAY: Duration = Duration::from_secs(1);
/// The time that a collector has to take spans, repetitions included.
pub const SPAN_TIMEOUT: Duration = Duration::from_secs(10);
/// The time for which the end of a server waits until a collector has taken the last spans.
pub const SPAN_GRACE: Duration = Duration::from_secs(2);
/// Bytes of the path of a request that its span has.
pub const SPAN_PATH_BYTES: usize = 1 << 10;
/// Hours for which the former secret of a webhook goes on signing, unless the rotation says otherwise.
pub const SECRET_GRACE_HOURS: u16 = 24;

use std::{path::PathBuf, thread, time::Duration};

use ipnet::IpNet;
use rally_core::{FileLimits, Scratch};

use crate::{limits, metrics::Metrics, traces::Traces, walks::WalkMemory};

/// Options of the HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Hosts under which the first label names a tenant: with `localhost`, `acme.localhost` names `acme`.
    pub host_suffixes: Vec<String>,
    /// Networks of proxies whose `X-Forwarded-…` and `Forwarded` headers are believed; none unless they are named. The
    /// client is the address that the last of them names, and its host may name the tenant.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests without a valid credential a minute and source address, and as many failed logins; 0 for no limit.
    pub failed_credentials_per_minute: u32,
    /// The other bounds on callers who guess, and on what is remembered of them.
    pub guesses: GuessLimits,
    /// Passwords that are hashed at once, for logins and for users that are written; at least 1. Each takes a processor
    /// and 19 MiB for some tens of milliseconds. The engine has
    /// [such a bound](rally_core::Config::passwords_at_once) of its own, beyond which threads wait.
    pub passwords_at_once: usize,
    /// Requests that may wait for a turn at hashing a password; callers with a credential, and sources that have logged in
    /// to the account lately, have as many places of their own.
    pub passwords_waiting: usize,
    /// Origins of pages that may call the API from a browser, such as `https://app.example`; none unless they are named.
    pub cors_origins: Vec<String>,
    /// Bytes of bodies that may be in memory at once, of requests that arrive and of answers that wait for their readers; a
    /// tenant may have a quarter of them. Requests for which there is no room are answered 503. 0 for no limit.
    pub body_budget: usize,
    /// The longest time that the body of a request may take to arrive.
    pub body_timeout: Duration,
    /// The time after which it must have come at `body_bytes_per_second`.
    pub body_grace: Duration,
    /// Bytes a second at which the body of a request must come, once `body_grace` is over.
    pub body_bytes_per_second: u32,
    /// Bytes of a query string at most.
    pub query_bytes: usize,
    /// True for a console at `/console`: a page to see and steer a tenant with, by the API alone.
    #[cfg(feature = "console")]
    pub console: bool,
    /// The memory of walks by offset, so that changes between their pages make them skip no record. Each server
    /// remembers what it has answered itself: a walk that changes to another one goes on by counting.
    pub walks: WalkMemory,
    /// The counts that `/metrics` shows.
    pub metrics: Metrics,
    /// The spans of requests, and their way to a collector; off unless it is set, which the feature `otlp` is for.
    pub traces: Traces,
    /// The threads that the engine works on.
    pub work_on: WorkOn,
    /// Reads that cost little, where [`work_on`](Self::work_on) has threads for them: a record, a page at an offset.
    pub reads: LaneOptions,
    /// Reads whose cost follows what they look through: searches, filters, the feed. One that has begun goes on to its
    /// end, so a tenant's read begins at the latest when each other tenant that waits has had one turn. What one of them may
    /// look through is the records of one list, or the deals of one pipeline; a page of the feed reads 1,000 entries at most.
    pub long_reads: LaneOptions,
    /// Requests for changes that wait for the next one. None of them stands in a line for its place: where there is
    /// none, the answer is 503.
    pub feed_waits: LaneOptions,
    /// Writes. They wait for the disk or for the database much more than they compute.
    pub writes: LaneOptions,
    /// Bulks. They compute more than they wait, so many at once would only take time from each other and from the rest.
    pub bulks: LaneOptions,
    /// Exports. Each holds a view for as long as its reader takes, which is a connection where the store is a database.
    pub exports: LaneOptions,
    /// Imports, dry runs included, each of which computes until it is done.
    pub imports: LaneOptions,
    /// Files of records.
    pub files: FileOptions,
}

/// Options of exports and imports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// Bytes of the body of an import.
    pub body_bytes: usize,
    /// The longest time that such a body may take to arrive; it must come at
    /// [`body_bytes_per_second`](Config::body_bytes_per_second), too.
    pub body_timeout: Duration,
    /// Bytes of files that may be on the disk at once: of those that have arrived and wait to be read, and of refused rows
    /// that are sent. A tenant may have a quarter of them. Imports for which there is no room are answered 503. 0 for no
    /// limit.
    pub disk_budget: usize,
    /// The longest time that an export waits for its reader, all in all. Then its view is given up, and the answer ends
    /// broken off.
    pub export_patience: Duration,
    /// The folder of temporary files: of imports that arrive, and of the rows of workbooks; the system's unless it is set.
    pub temporary_folder: Option<PathBuf>,
    /// Room for what dry runs would change, if it is more than is kept in memory; all of it is, unless this is set.
    pub scratch: Option<Scratch>,
    /// The bounds of files that are read.
    pub limits: FileLimits,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            body_bytes: limits::FILE_BODY_BYTES,
            body_timeout: limits::FILE_BODY_TIMEOUT,
            disk_budget: limits::FILE_DISK_BUDGET,
            export_patience: limits::EXPORT_PATIENCE,
            temporary_folder: None,
            scratch: None,
            limits: FileLimits::default(),
        }
    }
}

/// Bounds on callers who guess passwords and credentials, and on what is remembered of them. All of it is kept by each
/// server for itself, in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// Failed logins a minute at an account from one source.
    pub failed_logins_per_minute: u32,
    /// Failed logins a minute at an account from all sources together that have not logged in to it.
    pub failed_logins_of_account_per_minute: u32,
    /// Sources, and pairs of a source and an account, whose failures of a minute are counted each by itself.
    pub counted_sources: usize,
    /// Pairs of an account and a source that has logged in to it, which are remembered.
    pub known_logins: usize,
    /// The time for which such a pair is remembered.
    pub known_login_life: Duration,
    /// Credentials that are remembered as valid, and go on working while a flood comes from where they are used.
    pub valid_credentials: usize,
    /// The time for which a credential is remembered as valid.
    pub valid_credential_life: Duration,
    /// Unknown credentials of a source that are looked up after its requests without a valid one are spent, as a multiple
    /// of these.
    pub lookups_beyond_failures: u32,
}

impl Default for GuessLimits {
    fn default() -> Self {
        Self {
            failed_logins_per_minute: limits::FAILED_LOGINS_PER_MINUTE,
            failed_logins_of_account_per_minute: limits::FAILED_LOGINS_OF_ACCOUNT_PER_MINUTE,
            counted_sources: limits::COUNTED_SOURCES,
            known_logins: limits::KNOWN_LOGINS,
            known_login_life: limits::KNOWN_LOGIN_LIFE,
            valid_credentials: limits::VALID_CREDENTIALS,
            valid_credential_life: limits::VALID_CREDENTIAL_LIFE,
            lookups_beyond_failures: limits::LOOKUPS_BEYOND_FAILURES,
        }
    }
}

/// Bounds of one kind of work. Tenants take turns at it; what finds no place to wait is answered 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneOptions {
    /// Work that is done at once; at least 1.
    pub at_once: usize,
    /// Work of one tenant that is done at once; at least 1. Less than `at_once`, or one tenant can hold up all others.
    pub at_once_a_tenant: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Requests of one tenant that wait.
    pub waiting_a_tenant: usize,
}

impl LaneOptions {
    /// So much at once, half of it for one tenant.
    const fn at_once(at_once: usize) -> Self {
        Self {
            at_once,
            at_once_a_tenant: at_once / 2,
            waiting: limits::WAITING,
            waiting_a_tenant: limits::WAITING_A_TENANT,
        }
    }
}

/// The threads that the engine works on. Reads that look through much, writes of many records and writes that hash a
/// password are always done on others than those that serve connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkOn {
    /// Threads that may wait: for a store whose reads wait too, such as one behind a network.
    #[default]
    BlockingThreads,
    /// The thread that serves the connection for reads, threads that may wait for writes: for a store in a file, whose
    /// reads seldom wait. It saves a read its changes of thread, which cost more than the read.
    BlockingThreadsForWrites,
    /// The thread that serves the connection: for a store that never waits.
    ServingThread,
}

impl Default for Config {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self {
            host_suffixes: vec!["localhost".to_owned()],
            trusted_proxies: Vec::new(),
            failed_credentials_per_minute: limits::FAILED_CREDENTIALS_PER_MINUTE,
            guesses: GuessLimits::default(),
            // One processor is left, so that the API goes on.
            passwords_at_once: processors.saturating_sub(1).clamp(1, rally_core::limits::PASSWORDS_AT_ONCE),
            passwords_waiting: limits::PASSWORDS_WAITING,
            cors_origins: Vec::new(),
            body_budget: limits::BODY_BUDGET,
            body_timeout: limits::BODY_TIMEOUT,
            body_grace: limits::BODY_GRACE,
            body_bytes_per_second: limits::BODY_BYTES_PER_SECOND,
            query_bytes: limits::QUERY_BYTES,
            #[cfg(feature = "console")]
            console: false,
            walks: WalkMemory::default(),
            metrics: Metrics::new(),
            traces: Traces::off(),
            work_on: WorkOn::BlockingThreads,
            reads: LaneOptions::at_once(limits::AT_ONCE),
            // They compute, so more than there are processors would only take time from each other and from the rest.
            long_reads: LaneOptions::at_once(processors.max(2)),
            feed_waits: LaneOptions {
                at_once: limits::FEED_WAITS,
                at_once_a_tenant: limits::FEED_WAITS_A_TENANT,
                waiting: 0,
                waiting_a_tenant: 0,
            },
            writes: LaneOptions::at_once(limits::AT_ONCE),
            // They compute, as long reads do.
            bulks: LaneOptions::at_once(processors.max(2)),
            exports: LaneOptions::at_once(limits::EXPORTS_AT_ONCE),
            imports: LaneOptions::at_once(processors.max(2)),
            files: FileOptions::default(),
        }
    }
}

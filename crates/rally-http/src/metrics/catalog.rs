/// One metric of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricInfo {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: MetricKind,
    /// The names of its labels. Their values are few and fixed by the program.
    pub labels: &'static [&'static str],
    /// The meaning, in a sentence.
    pub meaning: &'static str,
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows, from 0 at the start of the process.
    Counter,
    /// A number that rises and falls.
    Gauge,
    /// Values counted by their sizes.
    Histogram,
}

impl MetricKind {
    /// The name of the type, as Prometheus has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Declares metrics, each as a constant, and the list of all.
macro_rules! metrics {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $meaning:literal;)+) => {
        $(pub(super) const $constant: MetricInfo = MetricInfo {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$($label),*],
            meaning: $meaning,
        };)+

        impl MetricInfo {
            /// All metrics, in the order of their names.
            pub const ALL: &'static [MetricInfo] = &[$($constant),+];
        }
    };
}

metrics! {
    AUTH_FAILURES: Counter "rally_auth_failures_total" ["reason"]
        "Requests without a valid credential, by reason: missing, malformed, unknown, or login for a wrong password.";
    LAST_BACKUP: Gauge "rally_backup_last_success_timestamp_seconds" []
        "The instant, in seconds since 1970, at which the last backup of the store was begun that became whole; 0 if there is none.";
    BACKUP_VERIFIED: Gauge "rally_backup_verified" []
        "1 if the last backup was read back and compared with what the store has; otherwise 0.";
    BUILD: Gauge "rally_build_info" ["version", "commit"]
        "Always 1; the labels say which program runs.";
    FEED_ENTRIES: Counter "rally_feed_entries_total" []
        "Changes that this server has put into the feeds of all tenants.";
    CONNECTIONS: Gauge "rally_http_connections" []
        "Connections that are open.";
    CONNECTIONS_REFUSED: Counter "rally_http_connections_refused_total" ["reason"]
        "Connections that found no place, by reason: all (every place is busy), source (those of one address are), or system (no descriptor is left).";
    REQUEST_DURATION: Histogram "rally_http_request_duration_seconds" ["route", "method"]
        "The time from the end of a request's headers to the beginning of its answer.";
    IN_FLIGHT: Gauge "rally_http_requests_in_flight" []
        "Requests that are being answered.";
    REQUESTS: Counter "rally_http_requests_total" ["route", "method", "status_class"]
        "Requests that were answered, by the pattern of their path, method and class of status.";
    IMPORT_ROWS: Counter "rally_import_rows_total" ["outcome"]
        "Rows of files that were imported, by outcome: created, updated, unchanged or refused.";
    RATE_LIMITED: Counter "rally_rate_limited_total" ["limit"]
        "Requests that were answered 429, by the limit: tenant, source (without a valid credential) or login.";
    READY: Gauge "rally_ready" []
        "1 while the server does its work; 0 while its store does not answer, and once it is stopping.";
    SPANS: Counter "rally_spans_total" ["outcome"]
        "Spans of requests and deliveries for the collector of traces, by outcome: sent, failed (it has not taken them), or dropped (too many waited for it).";
    COMMIT_WRITES: Histogram "rally_store_commit_batch_size" []
        "Writes that have shared a commit.";
    COMMIT_DURATION: Histogram "rally_store_commit_duration_seconds" []
        "The time that commits have taken, failed ones included.";
    DISK_FREE: Gauge "rally_store_disk_free_bytes" []
        "Bytes that are free on the disk of the file.";
    STORE_ERRORS: Counter "rally_store_errors_total" ["kind"]
        "Failures of the store that have ended a request, by kind.";
    FILE_BYTES: Gauge "rally_store_file_bytes" []
        "Bytes that the file takes on the disk.";
    FOLD_DURATION: Histogram "rally_store_fold_duration_seconds" []
        "The time that it has taken to put what was in the journal in its places.";
    JOURNAL_BYTES: Gauge "rally_store_journal_bytes" []
        "Bytes of memory for changes that are durable in the journal and not in their places yet.";
    LIVE_BYTES: Gauge "rally_store_live_bytes" []
        "Bytes of the keys and values that are in the file; the rest of it is free, or is its structure.";
    OLDEST_SNAPSHOT: Gauge "rally_store_oldest_snapshot_seconds" []
        "The time for which a reader has kept a state of the file that has been replaced, so that its space cannot be used again.";
    POOL_IN_USE: Gauge "rally_store_pool_in_use" []
        "Connections to the database that are in use.";
    POOL_PLACES: Gauge "rally_store_pool_places" []
        "Connections to the database that there may be.";
    POOL_WAITING: Gauge "rally_store_pool_waiting" []
        "Callers that wait for a connection to the database.";
    ATTEMPT_DURATION: Histogram "rally_webhook_attempt_duration_seconds" []
        "The time that attempts to deliver events have taken.";
    ATTEMPTS: Counter "rally_webhook_attempts_total" ["outcome"]
        "Attempts to deliver events, by outcome: succeeded, retried (it will be attempted again), given_up, or lost (another server had it).";
    HOOKS: Gauge "rally_webhook_hooks" ["state"]
        "Webhooks by state: on or off.";
    OLDEST_PENDING: Gauge "rally_webhook_oldest_pending_seconds" []
        "The age of the event that has waited longest to be delivered; 0 if none waits.";
    PENDING: Gauge "rally_webhook_pending" []
        "Deliveries that are going to be attempted; of very many, a part.";
}

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, core::Collector};
use rally_core::store::StoreError;

use super::catalog::{self, MetricInfo};

/// The classes of the duration of requests, in seconds.
const DURATIONS: [f64; 12] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The counts behind the metrics of one server, which the router ([`Config::metrics`](crate::Config::metrics)) and the
/// listener ([`ServeOptions::metrics`](crate::ServeOptions::metrics)) share. Clones are the same counts.
///
/// ```
/// use rally_http::{Config, Metrics, ServeOptions};
///
/// let metrics = Metrics::new();
/// let config = Config { metrics: metrics.clone(), ..Config::default() };
/// let options = ServeOptions { metrics, ..ServeOptions::default() };
/// assert_eq!(config.metrics, options.metrics);
/// ```
#[derive(Clone)]
pub struct Metrics(Option<Arc<Counters>>);

/// Metrics that are counted when things happen; the others are read when they are asked for.
pub(crate) struct Counters {
    registry: Registry,
    pub(super) requests: IntCounterVec,
    pub(super) durations: HistogramVec,
    pub(super) in_flight: IntGauge,
    connections: IntGauge,
    refused: IntCounterVec,
    rate_limited: IntCounterVec,
    auth_failures: IntCounterVec,
    store_errors: IntCounterVec,
    spans: IntCounterVec,
    is_stopping: AtomicBool,
}

/// The reason for which a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All places are taken by connections that are busy.
    All,
    /// Those of its source are.
    Source,
    /// The system had none to give.
    System,
}

/// The limit that a request was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Tenant,
    Source,
    Login,
}

/// The reason for which a request had no valid credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthFailure {
    Missing,
    Malformed,
    Unknown,
    Login,
}

/// The end of a span's way to the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanEnd {
    /// The collector has it.
    Sent,
    /// The collector has not taken it.
    Failed,
    /// Too many waited.
    Dropped,
}

/// A connection that is counted until this is dropped.
pub(crate) struct CountedConnection(Option<Arc<Counters>>);

impl Metrics {
    /// Counts that begin at 0.
    #[must_use]
    pub fn new() -> Self {
        Self(Some(Arc::new(Counters::new())))
    }

    /// Nothing is counted, and `/metrics` is not there.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Has `rally_ready` be 0 from now on, as that of a server that is about to stop.
    pub fn begin_stopping(&self) {
        if let Some(counters) = &self.0 {
            counters.is_stopping.store(true, Ordering::Release);
        }
    }

    pub(crate) fn counters(&self) -> Option<&Arc<Counters>> {
        self.0.as_ref()
    }

    pub(crate) fn open_connection(&self) -> CountedConnection {
        self.0.iter().for_each(|counters| counters.connections.inc());
        CountedConnection(self.0.clone())
    }

    pub(crate) fn note_refused_connection(&self, refusal: Refusal) {
        self.0.iter().for_each(|counters| add(&counters.refused, refusal.name()));
    }

    pub(crate) fn note_rate_limited(&self, limit: Limit) {
        self.0.iter().for_each(|counters| add(&counters.rate_limited, limit.name()));
    }

    pub(crate) fn note_auth_failure(&self, failure: AuthFailure) {
        self.0.iter().for_each(|counters| add(&counters.auth_failures, failure.name()));
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn note_spans(&self, end: SpanEnd, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.iter().for_each(|counters| counters.spans.with_label_values(&[end.name()]).inc_by(count));
    }

    /// Counts the failure of the store that an error was caused by, if it was.
    pub(crate) fn note_store_error(&self, error: &rally_core::Error) {
        let Some(counters) = &self.0 else { return };
        let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
        cause.into_iter().for_each(|cause| add(&counters.store_errors, kind(cause)));
    }
}

impl Counters {
    fn new() -> Self {
        let registry = Registry::new();
        let counter =
            |info: &MetricInfo| registered(&registry, made(IntCounterVec::new(opts(info), info.labels)));
        let gauge = |info: &MetricInfo| registered(&registry, made(IntGauge::with_opts(opts(info))));
        let durations = HistogramOpts::from(opts(&catalog::REQUEST_DURATION)).buckets(DURATIONS.to_vec());
        let durations = made(HistogramVec::new(durations, catalog::REQUEST_DURATION.labels));
        let counters = Self {
            requests: counter(&catalog::REQUESTS),
            durations: registered(&registry, durations),
            in_flight: gauge(&catalog::IN_FLIGHT),
            connections: gauge(&catalog::CONNECTIONS),
            refused: counter(&catalog::CONNECTIONS_REFUSED),
            rate_limited: counter(&catalog::RATE_LIMITED),
            auth_failures: counter(&catalog::AUTH_FAILURES),
            store_errors: counter(&catalog::STORE_ERRORS),
            spans: counter(&catalog::SPANS),
            is_stopping: AtomicBool::new(false),
            registry,
        };
        counters.begin_at_zero();
        counters
    }

    /// Shows each value of a label from the start, so that the first event is a change.
    fn begin_at_zero(&self) {
        let begin = |counter: &IntCounterVec, values: &[&str]| {
            values.iter().for_each(|value| drop(counter.with_label_values(&[value])));
        };
        begin(&self.refused, &[Refusal::All, Refusal::Source, Refusal::System].map(Refusal::name));
        begin(&self.rate_limited, &[Limit::Tenant, Limit::Source, Limit::Login].map(Limit::name));
        let failures =
            [AuthFailure::Missing, AuthFailure::Malformed, AuthFailure::Unknown, AuthFailure::Login];
        begin(&self.auth_failures, &failures.map(AuthFailure::name));
        begin(&self.store_errors, &KINDS);
        begin(&self.spans, &[SpanEnd::Sent, SpanEnd::Failed, SpanEnd::Dropped].map(SpanEnd::name));
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.registry.gather()
    }
}

impl Refusal {
    const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Source => "source",
            Self::System => "system",
        }
    }
}

impl Limit {
    const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Source => "source",
            Self::Login => "login",
        }
    }
}

impl AuthFailure {
    const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Login => "login",
        }
    }
}

impl SpanEnd {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The kinds of failures of a store.
const KINDS: [&str; 7] =
    ["conflict", "unavailable", "commit_unknown", "too_large", "corrupt", "needs_reopen", "backend"];

const fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Conflict => "conflict",
        StoreError::Unavailable { .. } => "unavailable",
        StoreError::CommitUnknown { .. } => "commit_unknown",
        StoreError::TooLarge { .. } => "too_large",
        StoreError::Corrupt { .. } => "corrupt",
        StoreError::NeedsReopen { .. } => "needs_reopen",
        StoreError::Backend { .. } => "backend",
    }
}

fn add(counter: &IntCounterVec, value: &str) {
    counter.with_label_values(&[value]).inc();
}

fn opts(info: &MetricInfo) -> Opts {
    Opts::new(info.name, info.meaning)
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    made(registry.register(Box::new(collector.clone())));
    collector
}

#[expect(
    clippy::expect_used,
    reason = "names and labels are those of the catalog, each of which is used once"
)]
fn made<T>(result: prometheus::Result<T>) -> T {
    result.expect("a metric of the catalog can be made")
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.iter().for_each(|counters| counters.connections.dec());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for Metrics {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Metrics {}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Metrics(on)" } else { "Metrics(off)" })
    }
}

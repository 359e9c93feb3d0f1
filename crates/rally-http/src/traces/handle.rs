#[cfg(not(feature = "otlp"))]
use std::convert::Infallible as Recorder;

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
};
use rally_core::Trace;

#[cfg(feature = "otlp")]
use super::{
    courier::TracedCourier,
    exporting::Exporting,
    options::{TraceError, TraceOptions},
    recorder::{Recorded, Recorder},
};
#[cfg(feature = "otlp")]
use crate::{courier::Courier, metrics::Metrics};
use crate::{forwarded::Client, request_id::RequestId};

/// The spans of a server: one of each request, and one of each attempt to deliver an event that follows from a request.
/// Clones are the same.
///
/// Without them a request is in the trace that its `traceparent` names, and in none if it names none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traces(Option<Recorder>);

/// The span of a request that is being answered; where spans are off, only the trace that the request names.
pub(crate) struct RequestSpan {
    trace: Option<Trace>,
    #[cfg(feature = "otlp")]
    recorded: Option<Recorded>,
}

impl Traces {
    /// No spans.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Spans that go to a collector, on the tokio runtime that this is called on, until what is returned beside them is
    /// stopped or dropped. What becomes of them is counted.
    ///
    /// A request that names a trace is in it; any other begins one. The sampler is the one that `OTEL_TRACES_SAMPLER` names,
    /// by default the caller's decision; `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS` are read as well.
    ///
    /// ```
    /// use rally_http::{Config, Metrics, TraceOptions, Traces};
    /// # use std::time::Duration;
    ///
    /// # let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    /// # runtime.block_on(async {
    /// let metrics = Metrics::new();
    /// let (traces, exporting) = Traces::export(&TraceOptions::new("http://localhost:4318"), &metrics)?;
    /// let config = Config { metrics, traces, ..Config::default() };
    /// // Here a router with this configuration serves.
    /// exporting.stop(Duration::from_secs(2)).await;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TraceError`] if the endpoint is none, or a variable of the environment cannot be used.
    #[cfg(feature = "otlp")]
    pub fn export(options: &TraceOptions, metrics: &Metrics) -> Result<(Self, Exporting), TraceError> {
        let (queue, exporting) = Exporting::begin(options, metrics)?;
        Ok((Self(Some(Recorder::new(options, queue))), exporting))
    }

    /// A courier whose attempts have spans, each in the trace of the request that its event follows from.
    #[cfg(feature = "otlp")]
    #[must_use]
    pub fn courier<C: Courier>(&self, courier: C) -> TracedCourier<C> {
        TracedCourier::new(courier, self.0.clone())
    }

    /// Begins the span of a request.
    pub(crate) fn begin(&self, request: &Request, pattern: Option<&str>) -> RequestSpan {
        let named = named(request.headers());
        #[cfg(feature = "otlp")]
        if let Some(recorder) = &self.0
            && let Some((trace, recorded)) = recorder.begin_request(request, pattern, named)
        {
            return RequestSpan { trace: Some(trace), recorded: Some(recorded) };
        }
        #[cfg(not(feature = "otlp"))]
        let _ = pattern;
        RequestSpan {
            trace: named,
            #[cfg(feature = "otlp")]
            recorded: None,
        }
    }
}

impl RequestSpan {
    /// The place of the request in its trace, for whatever follows from it.
    pub(crate) const fn trace(&self) -> Option<Trace> {
        self.trace
    }

    /// Ends the span with the answer.
    pub(crate) fn end(self, client: &Client, id: &RequestId, status: StatusCode) {
        #[cfg(feature = "otlp")]
        if let Some(recorded) = self.recorded {
            recorded.answer(client, id.as_str(), status);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = (client, id, status);
    }
}

/// The trace that a request names. One that cannot be read is none, as the standard has it.
fn named(headers: &HeaderMap) -> Option<Trace> {
    headers.get("traceparent")?.to_str().ok()?.parse().ok()
}

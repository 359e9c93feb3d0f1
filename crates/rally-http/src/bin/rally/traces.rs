use rally_http::{Courier, Metrics, Traces};

use crate::{arguments::TraceArguments, failure::Failure};

/// The spans of a server and their way to the collector, if it is to have any.
pub(crate) struct Tracing {
    traces: Traces,
    #[cfg(feature = "otlp")]
    exporting: Option<rally_http::Exporting>,
}

impl Tracing {
    /// Begins to send spans, if a collector is named.
    #[cfg(feature = "otlp")]
    pub(crate) fn begin(arguments: &TraceArguments, metrics: &Metrics) -> Result<Self, Failure> {
        let Some(endpoint) = endpoint(arguments) else {
            return Ok(Self { traces: Traces::off(), exporting: None });
        };
        let options = rally_http::TraceOptions {
            service: arguments.otlp_service_name.clone(),
            ..rally_http::TraceOptions::new(endpoint)
        };
        let (traces, exporting) = Traces::export(&options, metrics)
            .map_err(|error| Failure::new(format!("--otlp-endpoint: {error}")))?;
        Ok(Self { traces, exporting: Some(exporting) })
    }

    /// Refuses a collector, as this program has no spans for it.
    #[cfg(not(feature = "otlp"))]
    pub(crate) fn begin(arguments: &TraceArguments, _: &Metrics) -> Result<Self, Failure> {
        match endpoint(arguments) {
            None => Ok(Self { traces: Traces::off() }),
            Some(_) => Err(Failure::new(
                "--otlp-endpoint (or RALLY_OTLP_ENDPOINT, or OTEL_EXPORTER_OTLP_ENDPOINT): this program sends no \
                 traces; build it with `--features otlp`, or leave the setting empty"
                    .to_owned(),
            )),
        }
    }

    /// The spans, for the configuration of a router.
    pub(crate) fn traces(&self) -> Traces {
        self.traces.clone()
    }

    /// A courier whose attempts have spans.
    #[cfg(feature = "otlp")]
    pub(crate) fn courier(&self, courier: impl Courier) -> impl Courier {
        self.traces.courier(courier)
    }

    /// The courier as it is.
    #[cfg(not(feature = "otlp"))]
    #[expect(clippy::unused_self, reason = "with the feature it is needed")]
    pub(crate) fn courier(&self, courier: impl Courier) -> impl Courier {
        courier
    }

    /// Sends the last spans, which a collector that takes none does not hold up for long.
    pub(crate) async fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(exporting) = self.exporting {
            exporting.stop(rally_http::limits::SPAN_GRACE).await;
        }
    }
}

/// The collector that is named. An empty name is none, so that one of the environment can be taken back.
fn endpoint(arguments: &TraceArguments) -> Option<&str> {
    arguments.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty())
}

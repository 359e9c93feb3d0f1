use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use url::Url;

use crate::limits;

/// The path of traces below the URL of a collector.
const PATH: &str = "v1/traces";

/// Options of spans that go to a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// The URL of the collector, such as `http://localhost:4318`; spans go to `/v1/traces` below it.
    pub endpoint: String,
    /// The name of the service, `service.name` in OpenTelemetry.
    pub service: String,
    /// Spans that wait to be sent; those that come when as many do are dropped and counted.
    pub waiting: usize,
    /// Spans that are sent at once; at least 1.
    pub at_once: usize,
    /// The longest time that a span waits for others to be sent with.
    pub delay: Duration,
    /// The time that the collector has to take spans, repetitions included.
    pub timeout: Duration,
}

/// The reason why no spans can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError(pub(super) String);

impl TraceOptions {
    /// The usual options for a collector.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            service: "rally".to_owned(),
            waiting: limits::SPANS_WAITING,
            at_once: limits::SPANS_AT_ONCE,
            delay: limits::SPAN_DELAY,
            timeout: limits::SPAN_TIMEOUT,
        }
    }

    /// The origin of the spans: the service, and what `OTEL_RESOURCE_ATTRIBUTES` says.
    pub(super) fn resource(&self) -> Resource {
        Resource::builder()
            .with_service_name(self.service.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// The URL that spans are sent to.
    pub(super) fn url(&self) -> Result<Url, TraceError> {
        let mut url = Url::parse(&self.endpoint)
            .map_err(|error| TraceError(format!("the URL of the collector is none: {error}")))?;
        let refused = |reason: &str| Err(TraceError(format!("the URL of the collector {reason}")));
        if !["http", "https"].contains(&url.scheme()) || url.host().is_none() {
            return refused("must begin with http:// or https://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("names a user, which belongs into OTEL_EXPORTER_OTLP_HEADERS");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refused("has a query or a fragment, which have no meaning there");
        }
        let path = format!("{}/{PATH}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(url)
    }
}

impl std::fmt::Display for TraceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TraceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_go_below_the_url_of_the_collector() {
        for (endpoint, url) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
        ] {
            assert_eq!(TraceOptions::new(endpoint).url().map(|url| url.to_string()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn a_url_that_is_none_or_holds_a_secret_is_refused() {
        for (endpoint, reason) in [
            ("collector:4318", "must begin with http"),
            ("collector", "is none"),
            ("grpc://collector:4317", "must begin with http"),
            ("http://user:hush@collector:4318", "names a user"),
            ("http://collector:4318?key=hush", "has a query"),
        ] {
            let refused = TraceOptions::new(endpoint).url().unwrap_err().to_string();
            assert!(refused.contains(reason) && !refused.contains("hush"), "{endpoint}: {refused}");
        }
    }
}

//! Traces: the place of each request in one (W3C Trace Context), which the log and the deliveries that follow name; and,
//! with the feature `otlp`, the spans that go to a collector.
//!
//! A span of a request has what the access log has, by OpenTelemetry's conventions for HTTP: never a tenant, a host, a query
//! or a credential.

#[cfg(feature = "otlp")]
mod client;
#[cfg(feature = "otlp")]
mod courier;
#[cfg(feature = "otlp")]
mod exporting;
mod handle;
#[cfg(feature = "otlp")]
mod options;
#[cfg(feature = "otlp")]
mod recorder;

pub use self::handle::Traces;
#[cfg(feature = "otlp")]
pub use self::{
    courier::TracedCourier,
    exporting::Exporting,
    options::{TraceError, TraceOptions},
};

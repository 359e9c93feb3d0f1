//! Metrics for whoever operates a server, in the text form of Prometheus. None has a tenant, an id or a host as a label.

mod catalog;
mod counters;
mod meters;
mod page;

#[cfg(feature = "otlp")]
pub(crate) use self::counters::SpanEnd;
pub use self::{
    catalog::{MetricInfo, MetricKind},
    counters::Metrics,
};
pub(crate) use self::{
    counters::{AuthFailure, Limit, Refusal},
    meters::Meters,
    page::{CONTENT_TYPE, Page},
};

use std::{fmt, sync::Arc};

use axum::{
    extract::Request,
    http::{Method, StatusCode, Version},
};
use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    trace::{Span as _, SpanContext, SpanKind, Status, TraceContextExt, TraceState, Tracer, TracerProvider},
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanProcessor};
use rally_core::Trace;

use super::options::TraceOptions;
use crate::{forwarded::Client, limits};

/// The name of a method that is none of HTTP's.
const OTHER: &str = "_OTHER";

/// Makes spans. Clones are the same.
#[derive(Clone)]
pub(crate) struct Recorder(Arc<SdkTracer>);

/// A span of a request or of an attempt that has begun. Dropped, it ends without an answer.
pub(crate) struct Recorded(Span);

impl Recorder {
    /// Spans go to the queue when they end.
    pub(super) fn new(options: &TraceOptions, queue: impl SpanProcessor + 'static) -> Self {
        let provider =
            SdkTracerProvider::builder().with_resource(options.resource()).with_span_processor(queue).build();
        let version = env!("CARGO_PKG_VERSION");
        let scope = InstrumentationScope::builder("rally-http").with_version(version).build();
        Self(Arc::new(provider.tracer_with_scope(scope)))
    }

    /// Begins the span of a request, and tells its place in its trace.
    pub(super) fn begin_request(
        &self,
        request: &Request,
        pattern: Option<&str>,
        named: Option<Trace>,
    ) -> Option<(Trace, Recorded)> {
        let method = method(request.method());
        let name = match (method, pattern) {
            (OTHER, pattern) => format!("HTTP {}", pattern.unwrap_or_default()).trim_end().to_owned(),
            (method, Some(pattern)) => format!("{method} {pattern}"),
            (method, None) => method.to_owned(),
        };
        let (trace, mut recorded) = self.begin(name, SpanKind::Server, named)?;
        let span = &mut recorded.0;
        span.set_attribute(KeyValue::new("http.request.method", method));
        pattern
            .into_iter()
            .for_each(|pattern| span.set_attribute(KeyValue::new("http.route", pattern.to_owned())));
        span.set_attribute(KeyValue::new("url.path", cut(request.uri().path()).to_owned()));
        if let Some(version) = version(request.version()) {
            span.set_attribute(KeyValue::new("network.protocol.version", version));
        }
        Some((trace, recorded))
    }

    /// Begins the span of an attempt to deliver an event that follows from a request, and tells its place in the trace.
    pub(super) fn begin_attempt(&self, caused_by: Trace) -> Option<(Trace, Recorded)> {
        let (trace, mut recorded) = self.begin("POST".to_owned(), SpanKind::Client, Some(caused_by))?;
        recorded.0.set_attribute(KeyValue::new("http.request.method", "POST"));
        Some((trace, recorded))
    }

    fn begin(&self, name: String, kind: SpanKind, parent: Option<Trace>) -> Option<(Trace, Recorded)> {
        let mut around = Context::new();
        if let Some(parent) = parent.and_then(context) {
            around = around.with_remote_span_context(parent);
        }
        let builder = self.0.span_builder(name).with_kind(kind);
        let span = self.0.build_with_context(builder, &around);
        let trace = place(span.span_context())?;
        Some((trace, Recorded(span)))
    }
}

impl Recorded {
    /// Ends the span of a request. Only what fails on this side is an error.
    pub(super) fn answer(mut self, client: &Client, id: &str, status: StatusCode) {
        let span = &mut self.0;
        span.set_attribute(KeyValue::new("client.address", client.address.to_string()));
        span.set_attribute(KeyValue::new("url.scheme", client.scheme.unwrap_or("http")));
        let id = Value::Array(Array::String(vec![StringValue::from(id.to_owned())]));
        span.set_attribute(KeyValue::new("http.response.header.x-request-id", id));
        self.status(status.as_u16(), status.is_server_error());
        self.0.end();
    }

    /// Ends the span of an attempt that was answered; every status but 2xx and 3xx is an error there.
    pub(super) fn answered(mut self, status: u16) {
        self.status(status, status >= 400);
        self.0.end();
    }

    /// Ends the span of an attempt without an answer.
    pub(super) fn failed(mut self, kind: &'static str) {
        self.0.set_attribute(KeyValue::new("error.type", kind));
        self.0.set_status(Status::error(""));
        self.0.end();
    }

    fn status(&mut self, status: u16, is_error: bool) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if is_error {
            self.0.set_attribute(KeyValue::new("error.type", status.to_string()));
            self.0.set_status(Status::error(""));
        }
    }
}

fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

const fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// The beginning of a path, so that what waits to be sent is bounded.
fn cut(path: &str) -> &str {
    path.get(..path.floor_char_boundary(limits::SPAN_PATH_BYTES)).unwrap_or(path)
}

/// A place in a trace as the SDK has it; it is another process's or was stored, so it counts as remote.
fn context(trace: Trace) -> Option<SpanContext> {
    let text = trace.to_string();
    let mut parts = text.split('-').skip(1);
    let id = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    Some(SpanContext::new(id, span, flags, true, TraceState::default()))
}

/// A place in a trace as the engine has it.
fn place(context: &SpanContext) -> Option<Trace> {
    let (id, span) = (context.trace_id(), context.span_id());
    format!("00-{id}-{span}-{:02x}", context.trace_flags().to_u8()).parse().ok()
}

impl PartialEq for Recorder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Recorder {}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use axum::body::Body;
    use opentelemetry_sdk::{error::OTelSdkResult, trace::SpanData};
    use parking_lot::Mutex;

    use super::*;

    /// Keeps the spans that have ended.
    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanProcessor for Kept {
        fn on_start(&self, _: &mut Span, _: &Context) {}

        fn on_end(&self, span: SpanData) {
            self.0.lock().push(span);
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[test]
    fn only_what_fails_on_this_side_is_an_error_of_a_request() {
        let kept = Kept::default();
        let recorder = Recorder::new(&TraceOptions::new("http://unused"), kept.clone());
        let client = Client { address: Ipv4Addr::LOCALHOST.into(), host: None, scheme: Some("https") };
        for (method, status, name, is_error) in [
            ("GET", 200, "GET /api/v1/contacts", false),
            ("GET", 404, "GET /api/v1/contacts", false),
            ("GET", 503, "GET /api/v1/contacts", true),
            ("BREW", 405, "HTTP /api/v1/contacts", false),
        ] {
            let request =
                Request::builder().method(method).uri("/api/v1/contacts").body(Body::empty()).unwrap();
            let begun = recorder.begin_request(&request, Some("/api/v1/contacts"), None);
            begun.unwrap().1.answer(&client, "one", StatusCode::from_u16(status).unwrap());
            let span = kept.0.lock().pop().unwrap();
            assert_eq!((&*span.name, span.status == Status::error("")), (name, is_error));
            let has = |name: &str| span.attributes.iter().any(|attribute| attribute.key.as_str() == name);
            assert_eq!((has("error.type"), has("url.scheme")), (is_error, true));
        }
    }

    #[test]
    fn an_attempt_that_is_not_answered_or_answered_otherwise_is_an_error() {
        let kept = Kept::default();
        let recorder = Recorder::new(&TraceOptions::new("http://unused"), kept.clone());
        let caused_by = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
        let begin = || recorder.begin_attempt(caused_by).unwrap().1;
        begin().answered(204);
        begin().answered(500);
        begin().failed("connect");
        // One that is given up ends all the same.
        drop(begin());
        let ended: Vec<Status> = kept.0.lock().iter().map(|span| span.status.clone()).collect();
        assert_eq!(ended, [Status::Unset, Status::error(""), Status::error(""), Status::Unset]);
    }

    #[test]
    fn a_place_in_a_trace_comes_back_as_it_went() {
        for flags in ["00", "01"] {
            let text = format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
            let trace: Trace = text.parse().unwrap();
            assert_eq!(context(trace).and_then(|context| place(&context)), Some(trace));
        }
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let long = format!("/{}é", "x".repeat(limits::SPAN_PATH_BYTES - 2));
        assert_eq!(cut(&long).len(), limits::SPAN_PATH_BYTES - 1);
        assert_eq!(cut("/api"), "/api");
    }
}

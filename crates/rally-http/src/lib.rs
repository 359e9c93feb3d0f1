//! Rally over HTTP: the documented API as a [`router`] for a host's own server, as a server ([`serve`]), and as a fake
//! for the tests of programs that call it ([`testing::Fake`]).
//!
//! ```
//! use axum::{body::Body, http::Request};
//! use rally_core::{Engine, store::MemoryStore};
//! use tower::ServiceExt;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let rally = rally_http::router(Engine::new(MemoryStore::new()), rally_http::Config::default());
//! let request = Request::get("/api/v1/contacts").body(Body::empty())?;
//! assert_eq!(rally.oneshot(request).await?.status(), 401);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate turns requests into calls of [`rally_core`] and its answers into responses; the rules are all there.
//!
//! Tokens of logins are made by the crate `jsonwebtoken`, which asks one provider of cryptography in a process. A host that
//! uses that crate for algorithms other than HS256 installs its provider before it makes a router; else a router installs
//! one that knows HS256 alone.

mod anonymous;
mod answer;
mod app;
mod blocking;
mod body;
mod budget;
mod call;
mod caller;
mod conditional;
mod config;
#[cfg(feature = "console")]
mod console;
mod cors;
mod courier;
mod credentials;
mod crud;
mod docs;
mod entry_fields;
mod fake;
mod files;
mod forwarded;
mod handler;
mod hashing;
mod header_list;
mod history;
mod host;
mod lanes;
mod lifecycle;
pub mod limits;
mod listener;
mod logins;
mod metrics;
mod middleware;
mod object;
mod openapi;
mod outbox;
mod packed;
mod parameters;
mod pieces;
mod prefer;
mod problem;
mod proxies;
mod query;
mod readiness;
mod recent;
mod request_id;
mod route;
mod router;
mod routes;
mod run;
mod signatures;
mod stopping;
pub mod testing;
mod tokens;
mod traces;
mod walks;

pub use config::{Config, FileOptions, GuessLimits, LaneOptions, WorkOn};
pub use courier::{
    Courier, CourierOptions, Delivering, HttpCourier, Resolve, SendError, Step, SystemResolver, Underway,
    WebhookRequest, deliver, secure_client,
};
pub use lifecycle::Lifecycle;
pub use listener::{ServeOptions, TlsFiles, raise_descriptor_limit, serve};
pub use metrics::{MetricInfo, MetricKind, Metrics};
pub use router::{Routers, router, routers};
pub use traces::Traces;
#[cfg(feature = "otlp")]
pub use traces::{Exporting, TraceError, TraceOptions, TracedCourier};
pub use walks::WalkMemory;

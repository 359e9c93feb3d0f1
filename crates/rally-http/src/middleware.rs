//! The one layer around every request: its id, its caller, its panic, its headers and its line in the log.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use parking_lot::Mutex;
use rally_core::{Code, Error, Trace, schema::Allowance};

use crate::{
    app::App,
    budget::Holder,
    call::{below_api, mount},
    caller::{hide_credentials, write_allowance},
    forwarded::Client,
    host,
    problem::Problem,
    query,
    request_id::{RequestId, X_REQUEST_ID},
    routes::{HEALTH, LOG_IN, METRICS, READINESS},
    traces::Traces,
};

/// The time for which the same cause of an unavailable store is not logged again.
const REPEAT_AFTER: Duration = Duration::from_secs(60);

/// Answers a request of any path.
pub(crate) async fn answer_request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    hide_credentials(request.headers_mut());
    let id = app.request_ids().of(request.headers());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mounted_on = mount(&uri, request.extensions());
    let path = format!("{mounted_on}{}", uri.path());
    let pattern: Option<&MatchedPath> = request.extensions().get();
    let pattern = pattern.and_then(|pattern| pattern.as_str().strip_prefix(mounted_on));
    let underway = app.meters().begin(pattern, began);
    let span = traces(&app, pattern).begin(&request, pattern);
    let client = app.client(&request);
    let trace = span.trace();
    request.extensions_mut().insert(client.clone());
    if let Some(trace) = trace {
        request.extensions_mut().insert(trace);
    }
    let mut allowance = None;
    let answered = AssertUnwindSafe(answer(&app, request, next, &mut allowance)).catch_unwind().await;
    let mut response = match answered {
        Ok(response) => response,
        Err(panic) => Problem::from(panicked(&*panic)).into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        if let Problem::Engine(error) = &problem {
            app.config().metrics.note_store_error(error);
        }
        log_failure(&problem, &id, trace);
        problem.render(&path, &id, &mut response);
    }
    let entry = Entry { method: &method, uri: &uri, client: &client, id: &id, trace, began };
    entry.log(&response);
    span.end(&client, &id, response.status());
    write_headers(response.headers_mut(), &uri, id, allowance.as_ref());
    if let Some(underway) = underway {
        underway.answer(&method, response.status());
    }
    response
}

async fn answer(app: &App, mut request: Request, next: Next, allowance: &mut Option<Allowance>) -> Response {
    if let Err(error) = check(app, &request) {
        return Problem::from(error).into_response();
    }
    if !is_api(request.uri()) || is_login(request.uri().path()) {
        return next.run(request).await;
    }
    let claim = app.claim(&request);
    match app.admit(claim, allowance).await {
        Ok(session) => {
            let holder = Holder::Tenant(session.tenant().id);
            request.extensions_mut().insert(session);
            counted(app, holder, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Err(problem) => problem.into_response(),
    }
}

/// The spans that a request is among: none, if it is asked every few seconds by what watches the server.
fn traces<'a>(app: &'a App, pattern: Option<&str>) -> &'a Traces {
    static OFF: Traces = Traces::off();
    let is_watched = pattern.is_some_and(|pattern| [HEALTH, READINESS, METRICS].contains(&pattern));
    if is_watched { &OFF } else { &app.config().traces }
}

/// Refuses a request whose head is not sane, before anything is looked up for it.
fn check(app: &App, request: &Request) -> Result<(), Error> {
    host::check(request)?;
    query::check(request.uri().query(), app.config().query_bytes)
}

/// Answers a request, and counts the answer until it has been sent. A request for whose answer there is no room is not
/// begun.
async fn counted(app: &App, holder: Holder, request: Request, next: Next) -> Result<Response, Problem> {
    app.budget().check(holder)?;
    let is_repeatable = request.method().is_safe();
    let response = next.run(request).await;
    app.budget().hold(holder, response, is_repeatable)
}

/// True for paths that need a credential and are counted: all under `/api`, known or not.
fn is_api(uri: &Uri) -> bool {
    uri.path().strip_prefix("/api").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True for the one path under `/api` that asks for no credential.
fn is_login(path: &str) -> bool {
    below_api(path) == Some(LOG_IN)
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Error::internal(format!("panic: {}", text.unwrap_or("without a message")))
}

fn write_headers(headers: &mut HeaderMap, uri: &Uri, id: RequestId, allowance: Option<&Allowance>) {
    headers.insert(X_REQUEST_ID, id.into_header());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_api(uri) {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    }
    if let Some(allowance) = allowance {
        write_allowance(allowance, headers);
    }
}

/// Logs the cause of a failure, which the caller is not told, under the id that the caller is told.
fn log_failure(problem: &Problem, id: &RequestId, trace: Option<Trace>) {
    let Problem::Engine(error) = problem else { return };
    match error.code() {
        Code::Internal => {
            let trace = trace.map(|trace| trace.id());
            tracing::error!(trace_id = id.as_str(), trace, ?error, "a request failed");
        }
        Code::Unavailable => log_unavailable(error, id),
        _ => {}
    }
}

/// Logs once in a while why the store does not answer, however many requests hear of it; all of them at level debug.
fn log_unavailable(error: &Error, id: &RequestId) {
    /// The cause that was logged last, and when.
    static LOGGED: Mutex<Option<(String, Instant)>> = Mutex::new(None);
    let cause = format!("{error:?}");
    let mut logged = LOGGED.lock();
    match &*logged {
        Some((last, at)) if *last == cause && at.elapsed() < REPEAT_AFTER => {
            tracing::debug!(trace_id = id.as_str(), "the store still does not answer");
        }
        _ => {
            tracing::warn!(trace_id = id.as_str(), error = %cause, "the store does not answer");
            *logged = Some((cause, Instant::now()));
        }
    }
}

/// A request as the log has it.
struct Entry<'r> {
    method: &'r Method,
    uri: &'r Uri,
    client: &'r Client,
    id: &'r RequestId,
    trace: Option<Trace>,
    began: Instant,
}

impl Entry<'_> {
    fn log(&self, response: &Response) {
        let Self { method, uri, client, id, trace, began } = self;
        tracing::info!(
            target: "rally_http::access",
            %method,
            path = uri.path(),
            client = %client.address,
            scheme = client.scheme,
            status = response.status().as_u16(),
            duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            trace_id = id.as_str(),
            trace = trace.map(|trace| trace.id()),
        );
    }
}

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use rally_core::Error;
use serde_json::{Value, json};

use crate::{
    answer,
    app::App,
    docs,
    lanes::{Party, Work},
    metrics,
    openapi::told,
    problem::Problem,
    route::{Method, Operation, Page, Route, Schema},
};

/// The path under which a process says that it runs.
pub(crate) const HEALTH: &str = "/healthz";
/// The path under which a server says that it can do its work.
pub(crate) const READINESS: &str = "/readyz";

/// The path under which a server shows its metrics.
pub(crate) const METRICS: &str = "/metrics";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::open(Method::Get, HEALTH, async || healthy(), Operation::Page(&HEALTH_PAGE)),
        Route::open(Method::Get, READINESS, readiness, Operation::Page(&READINESS_PAGE)),
        Route::open(Method::Get, METRICS, metrics, Operation::Page(&METRICS_PAGE)),
        Route::open(Method::Get, "/openapi.json", document, Operation::Page(&DOCUMENT)),
        Route::open(Method::Get, "/docs", docs_page, Operation::Page(&DOCS)),
        Route::open(Method::Get, "/docs/guide", guide, Operation::Page(&GUIDE)),
    ]
}

/// The files of the page at `/docs`.
pub(crate) fn assets() -> Vec<Route> {
    vec![Route::open(Method::Get, "/docs/{file}", docs_file, Operation::Page(&DOCS_FILE))]
}

static HEALTH_PAGE: Page = Page {
    id: "checkHealth",
    summary: "Check that the process answers",
    description: "The answer is the same whatever the store does.",
    content_type: "application/json",
    schema: Some(&STATUS),
    example: || json!({ "status": "ok" }),
    failures: &[],
};

static READINESS_PAGE: Page = Page {
    id: "checkReadiness",
    summary: "Check that the store answers",
    description: "An answer stands for a second, so that probes cost the store little.",
    content_type: "application/json",
    schema: Some(&STATUS),
    example: || json!({ "status": "ready" }),
    failures: &[("503", "Unavailable")],
};

static METRICS_PAGE: Page = Page {
    id: "getMetrics",
    summary: "Get the metrics of the server",
    description: "Counters, gauges and histograms of all tenants together, in the text form of Prometheus. A server that is \
                  started with `--metrics-listen` shows them on that listener alone.",
    content_type: "text/plain",
    schema: None,
    example: || json!("rally_ready 1\n"),
    failures: &[],
};

static DOCUMENT: Page = Page {
    id: "getOpenApi",
    summary: "Get this document",
    description: "OpenAPI 3.1, as JSON.",
    content_type: "application/json",
    schema: None,
    example: || json!({ "openapi": "3.1.0", "info": { "title": "Rally" } }),
    failures: &[],
};

static DOCS: Page = Page {
    id: "getDocs",
    summary: "Get this document as a page",
    description: "A page on which operations can be tried out. It needs nothing from elsewhere.",
    content_type: "text/html",
    schema: None,
    example: || json!("<!DOCTYPE html>"),
    failures: &[],
};

static GUIDE: Page = Page {
    id: "getGuide",
    summary: "Get the rules of the API as a page",
    description: "What holds for all operations: paging, filters, dates, errors, retries, the feed.",
    content_type: "text/html",
    schema: None,
    example: || json!("<!DOCTYPE html>"),
    failures: &[],
};

static DOCS_FILE: Page = Page {
    id: "getDocsFile",
    summary: "Get a file of the page",
    description: "Scripts and styles.",
    content_type: "*/*",
    schema: None,
    example: || json!(""),
    failures: &[],
};

static STATUS: Schema = Schema { name: "Status", json: status_schema };

fn status_schema() -> Value {
    let status = told(json!({ "type": "string" }), "`ok`, or `ready`.", json!("ok"));
    json!({
        "type": "object",
        "description": "The state of the server.",
        "required": ["status"],
        "properties": { "status": status },
    })
}

/// The answer of a process that runs, whatever its store does.
pub(crate) fn healthy() -> Response {
    uncached(answer::json(StatusCode::OK, r#"{"status":"ok"}"#))
}

/// Asks the store whether it can answer.
async fn check_store(app: &App) -> Result<(), Error> {
    let asking = app.clone();
    let ask = async move {
        let engine = asking.engine().clone();
        asking.run(Work::Read, Party::Operator, move || engine.ready()).await
    };
    app.readiness().check(app.engine(), ask).await
}

async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let Some(counters) = app.config().metrics.counters() else { return Err(Problem::no_such_path()) };
    let is_ready = check_store(&app).await.is_ok();
    let mut page = metrics::Page::of(counters, is_ready);
    page.add_figures(&app.engine().figures());
    let deliveries = app.engine().deliveries();
    let look = app.run(Work::LongRead, Party::Operator, move || deliveries.figures());
    if let Some(figures) = app.outbox().figures(app.engine(), look).await {
        page.add_outbox(&figures, app.engine().clock().now());
    }
    let engine = app.engine().clone();
    if is_ready && let Ok(last) = app.run(Work::Read, Party::Operator, move || engine.last_backup()).await {
        page.add_backup(last);
    }
    let mut response = answer::json(StatusCode::OK, page.text()?);
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(uncached(response))
}

async fn readiness(State(app): State<App>) -> Result<Response, Problem> {
    check_store(&app).await?;
    Ok(uncached(answer::json(StatusCode::OK, r#"{"status":"ready"}"#)))
}

async fn document(State(app): State<App>) -> Response {
    answer::json(StatusCode::OK, app.document())
}

async fn docs_page() -> Response {
    docs::page()
}

async fn guide() -> Result<Response, Problem> {
    Ok(docs::guide()?)
}

async fn docs_file(uri: Uri) -> Result<Response, Problem> {
    let file = match uri.path().rsplit_once('/') {
        Some((_, name)) => docs::file(name)?,
        None => None,
    };
    file.ok_or_else(Problem::no_such_path)
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

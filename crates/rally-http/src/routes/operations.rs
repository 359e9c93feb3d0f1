use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::json;

use crate::{
    answer,
    app::App,
    docs,
    lanes::{Party, Work},
    problem::Problem,
    route::{Method, Operation, Page, Route, Schema},
};

/// The path under which a process says that it runs.
pub(crate) const HEALTH: &str = "/healthz";
/// The path under which a server says that it can do its work.
pub(crate) const READINESS: &str = "/readyz";

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::Get, HEALTH, async || healthy(), Operation::Page(&HEALTH_PAGE)),
        Route::new(Method::Get, READINESS, readiness, Operation::Page(&READINESS_PAGE)),
        Route::new(Method::Get, "/openapi.json", document, Operation::Page(&DOCUMENT)),
        Route::new(Method::Get, "/docs", docs_page, Operation::Page(&DOCS)),
    ]
}

/// The files of the page at `/docs`.
pub(crate) fn assets() -> Vec<Route> {
    vec![Route::new(Method::Get, "/docs/{file}", docs_file, Operation::Page(&DOCS_FILE))]
}

static HEALTH_PAGE: Page = Page {
    id: "checkHealth",
    summary: "Check that the process answers",
    content_type: "application/json",
    schema: Some(&STATUS),
    failures: &[],
};

static READINESS_PAGE: Page = Page {
    id: "checkReadiness",
    summary: "Check that the store answers; an answer stands for a second",
    content_type: "application/json",
    schema: Some(&STATUS),
    failures: &[("503", "Unavailable")],
};

static DOCUMENT: Page = Page {
    id: "getOpenApi",
    summary: "Get this document",
    content_type: "application/json",
    schema: None,
    failures: &[],
};

static DOCS: Page = Page {
    id: "getDocs",
    summary: "Get this document as a page",
    content_type: "text/html",
    schema: None,
    failures: &[],
};

static DOCS_FILE: Page = Page {
    id: "getDocsFile",
    summary: "Get a file of the page",
    content_type: "*/*",
    schema: None,
    failures: &[],
};

static STATUS: Schema = Schema {
    name: "Status",
    json: || json!({ "type": "object", "properties": { "status": { "type": "string" } } }),
};

/// The answer of a process that runs, whatever its store does.
pub(crate) fn healthy() -> Response {
    uncached(answer::json(StatusCode::OK, r#"{"status":"ok"}"#))
}

async fn readiness(State(app): State<App>) -> Result<Response, Problem> {
    let asking = app.clone();
    let ask = async move {
        let engine = asking.engine().clone();
        asking.run(Work::Read, Party::Operator, move || engine.ready()).await
    };
    app.readiness().check(app.engine(), ask).await?;
    Ok(uncached(answer::json(StatusCode::OK, r#"{"status":"ready"}"#)))
}

async fn document(State(app): State<App>) -> Response {
    answer::json(StatusCode::OK, app.document())
}

async fn docs_page() -> Result<Response, Problem> {
    Ok(docs::page()?)
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

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use rally_core::{Code, Error};

use crate::{
    answer,
    app::App,
    docs,
    problem::Problem,
    route::{Method, Operation, Route},
};

pub(crate) fn routes() -> Vec<Route> {
    let json = |id, summary| Operation::Operating { id, summary, content_type: "application/json" };
    let page = |id, summary| Operation::Operating { id, summary, content_type: "text/html" };
    vec![
        Route::new(Method::Get, "/healthz", health, json("checkHealth", "Whether the process answers")),
        Route::new(Method::Get, "/readyz", readiness, json("checkReadiness", "Whether the store answers")),
        Route::new(Method::Get, "/openapi.json", document, json("getOpenApi", "This document")),
        Route::new(Method::Get, "/docs", docs_page, page("getDocs", "This document, for people")),
    ]
}

/// What the page under `/docs` is made of.
pub(crate) fn assets() -> Vec<Route> {
    let file = Operation::Operating { id: "getDocsFile", summary: "A part of the page", content_type: "*/*" };
    vec![Route::new(Method::Get, "/docs/{file}", docs_file, file)]
}

async fn health() -> Response {
    uncached(answer::json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec()))
}

async fn readiness(State(app): State<App>) -> Result<Response, Problem> {
    let engine = app.engine().clone();
    app.read(move || engine.ready()).await?;
    Ok(uncached(answer::json(StatusCode::OK, br#"{"status":"ready"}"#.to_vec())))
}

async fn document(State(app): State<App>) -> Response {
    answer::json(StatusCode::OK, app.document().to_vec())
}

async fn docs_page() -> Result<Response, Problem> {
    docs::page().map_err(Problem)
}

async fn docs_file(uri: Uri) -> Result<Response, Problem> {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let file = docs::file(name)?;
    file.ok_or_else(|| Problem(Error::new(Code::NotFound, "there is nothing at this path")))
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{Operation, Route};
use crate::{answer, app::App, openapi, problem::Problem};

const DOCS: &str = include_str!("../openapi/docs.html");

pub(crate) fn routes() -> Vec<Route> {
    let operation = |id, summary, content_type| Operation::Operating { id, summary, content_type };
    vec![
        Route::new(
            Method::GET,
            "/healthz",
            health,
            operation("checkHealth", "Whether the process answers", "application/json"),
        ),
        Route::new(
            Method::GET,
            "/readyz",
            readiness,
            operation("checkReadiness", "Whether the store answers", "application/json"),
        ),
        Route::new(
            Method::GET,
            "/openapi.json",
            document,
            operation("getOpenApi", "This document", "application/json"),
        ),
        Route::new(
            Method::GET,
            "/docs",
            docs,
            operation("getDocs", "This document, to be read by people", "text/html"),
        ),
    ]
}

async fn health() -> Response {
    uncached(answer::json(StatusCode::OK, br#"{"status":"ok"}"#.to_vec()))
}

async fn readiness(State(app): State<App>) -> Result<Response, Problem> {
    let engine = app.engine().clone();
    app.run(move || engine.ready()).await?;
    Ok(uncached(answer::json(StatusCode::OK, br#"{"status":"ready"}"#.to_vec())))
}

async fn document() -> Response {
    answer::json(StatusCode::OK, openapi::document().to_vec())
}

async fn docs() -> Response {
    Html(DOCS).into_response()
}

fn uncached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

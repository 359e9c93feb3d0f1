use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};

use crate::{
    app::App,
    console,
    problem::Problem,
    route::{Method, Operation, Page, Route},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::open(Method::Get, "/console", page, Operation::Page(&CONSOLE)),
        Route::open(Method::Get, "/console/", async || console::to_page(), Operation::Page(&CONSOLE)),
        Route::open(Method::Get, "/console/about.json", about, Operation::Page(&CONSOLE)),
        Route::open(Method::Get, "/console/{file}", file, Operation::Page(&CONSOLE)),
    ]
}

static CONSOLE: Page = Page {
    id: "getConsole",
    summary: "Get the console",
    description: "A page to see and steer a tenant with, and its files.",
    content_type: "*/*",
    schema: None,
    example: || serde_json::json!(""),
    failures: &[],
};

async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    Ok(console::page(&headers)?)
}

async fn about(State(app): State<App>) -> Response {
    console::about(app.engine().config().test_keys)
}

async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let name = uri.path().rsplit_once('/').map_or("", |(_, name)| name);
    console::file(name, &headers)?.ok_or_else(Problem::no_such_path)
}

//! Swagger UI out of the program itself, so that reading the documentation needs no network.

use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use rally_core::Error;
use utoipa_swagger_ui::Config;

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page is at `/docs`, so the document is beside it, under whatever path a host has put both. Without a
    // validator no document is sent to one on the internet.
    Arc::new(Config::from("openapi.json").validator_url("none"))
});

/// The page itself.
pub(crate) fn page() -> Result<Response, Error> {
    let page = find("index.html")?.ok_or_else(|| Error::internal("Swagger UI has no page"))?;
    let html = String::from_utf8(page.bytes.into_owned()).map_err(Error::internal)?;
    // Its parts are named as beside it, and are below it.
    let html = html.replace("=\"./", "=\"docs/").replace("href=\"index.css\"", "href=\"docs/index.css\"");
    response(html.into_bytes(), "text/html; charset=utf-8")
}

/// A part of the page.
pub(crate) fn file(name: &str) -> Result<Option<Response>, Error> {
    match find(name)? {
        Some(file) => response(file.bytes.into_owned(), &file.content_type).map(Some),
        None => Ok(None),
    }
}

fn find(name: &str) -> Result<Option<utoipa_swagger_ui::SwaggerFile<'static>>, Error> {
    utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)).map_err(|error| Error::internal(error.to_string()))
}

fn response(body: Vec<u8>, content_type: &str) -> Result<Response, Error> {
    let mut response = Response::new(Body::from(body));
    let content_type = HeaderValue::from_str(content_type).map_err(Error::internal)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

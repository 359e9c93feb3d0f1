//! Swagger UI out of the program itself, so that reading the documentation needs no network. A file is unpacked at its
//! first request, and all answers share its bytes.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use parking_lot::RwLock;
use rally_core::Error;
use utoipa_swagger_ui::Config;

/// The file that the page is made of.
const INDEX: &str = "index.html";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The page is at `/docs`, so the document is beside it, under whatever path a host has put both. Without a
    // validator no document is sent to one on the internet.
    Arc::new(Config::from("openapi.json").validator_url("none"))
});

/// The files that were asked for, of which there are few, and the page itself under the empty name.
static UNPACKED: RwLock<BTreeMap<String, Unpacked>> = RwLock::new(BTreeMap::new());

#[derive(Clone)]
struct Unpacked {
    bytes: Bytes,
    content_type: HeaderValue,
}

/// The page itself.
pub(crate) fn page() -> Result<Response, Error> {
    let page = unpacked("", unpack_page)?;
    page.map(Unpacked::into_response).ok_or_else(|| Error::internal("Swagger UI has no page"))
}

/// A part of the page.
pub(crate) fn file(name: &str) -> Result<Option<Response>, Error> {
    if name.is_empty() {
        return Ok(None);
    }
    Ok(unpacked(name, || unpack(name))?.map(Unpacked::into_response))
}

fn unpacked(
    name: &str,
    unpack: impl FnOnce() -> Result<Option<Unpacked>, Error>,
) -> Result<Option<Unpacked>, Error> {
    if let Some(known) = UNPACKED.read().get(name) {
        return Ok(Some(known.clone()));
    }
    let Some(made) = unpack()? else { return Ok(None) };
    Ok(Some(UNPACKED.write().entry(name.to_owned()).or_insert(made).clone()))
}

fn unpack_page() -> Result<Option<Unpacked>, Error> {
    let Some(file) = unpack(INDEX)? else { return Ok(None) };
    let html = String::from_utf8(file.bytes.into()).map_err(Error::internal)?;
    // Its parts are named as beside it, and are below it.
    let html = html.replace("=\"./", "=\"docs/").replace("href=\"index.css\"", "href=\"docs/index.css\"");
    Ok(Some(Unpacked {
        bytes: html.into(),
        content_type: HeaderValue::from_static("text/html; charset=utf-8"),
    }))
}

fn unpack(name: &str) -> Result<Option<Unpacked>, Error> {
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG));
    let Some(file) = file.map_err(|error| Error::internal(error.to_string()))? else { return Ok(None) };
    let content_type = HeaderValue::from_str(&file.content_type).map_err(Error::internal)?;
    Ok(Some(Unpacked { bytes: file.bytes.into_owned().into(), content_type }))
}

impl Unpacked {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.bytes));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_the_bytes_of_a_file() {
        let bytes = || unpacked("swagger-ui.css", || unpack("swagger-ui.css")).unwrap().unwrap().bytes;
        let (first, second) = (bytes(), bytes());
        assert!(!first.is_empty());
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert!(file("nothing").unwrap().is_none() && file("").unwrap().is_none());
        assert!(!UNPACKED.read().contains_key("nothing"), "names that callers make up are not kept");
    }
}

//! Swagger UI out of the program itself, so that reading the documentation needs no network. A file is unpacked at its
//! first request, and all answers share its bytes.

use std::collections::BTreeMap;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use parking_lot::RwLock;
use rally_core::Error;
use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// The page itself, whose parts are below it.
const PAGE: &str = include_str!("docs/index.html");
/// The rules of the API, made of `GUIDE.md`.
const GUIDE: &str = include_str!("docs/guide.html");
/// The script that starts the page.
const INITIALIZER: &str = include_str!("docs/initializer.js");
/// The name of that script, under which the archive has one for another document.
const INITIALIZER_NAME: &str = "swagger-initializer.js";
/// Bytes of a file at most; the largest has 1.5 million.
const FILE_BYTES: u64 = 4 << 20;

/// The files that were asked for, of which there are few.
static UNPACKED: RwLock<BTreeMap<String, Unpacked>> = RwLock::new(BTreeMap::new());

#[derive(Clone)]
struct Unpacked {
    bytes: Bytes,
    content_type: HeaderValue,
}

/// The page itself.
pub(crate) fn page() -> Response {
    Unpacked::of_text(PAGE, "text/html; charset=utf-8").into_response()
}

/// The page with the rules of the API.
pub(crate) fn guide() -> Response {
    Unpacked::of_text(GUIDE, "text/html; charset=utf-8").into_response()
}

/// A part of the page.
pub(crate) fn file(name: &str) -> Result<Option<Response>, Error> {
    if name == INITIALIZER_NAME {
        return Ok(Some(Unpacked::of_text(INITIALIZER, content_type(name)).into_response()));
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

/// The file of the archive with a name; `None` for a name that no file of the page has.
fn unpack(name: &str) -> Result<Option<Unpacked>, Error> {
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED).map_err(damaged)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(damaged)? {
        if is_part(entry.file_path().as_ref(), name) {
            let bytes = inflate(&archive, &entry)?;
            let content_type = HeaderValue::from_static(content_type(name));
            return Ok(Some(Unpacked { bytes: bytes.into(), content_type }));
        }
    }
    Ok(None)
}

/// True if the path of a file in the archive is that of a part of the page: `swagger-ui-5.32.6/dist/swagger-ui.css`.
fn is_part(path: &[u8], name: &str) -> bool {
    let below = path.splitn(2, |byte| *byte == b'/').nth(1).and_then(|path| path.strip_prefix(b"dist/"));
    !name.is_empty() && below == Some(name.as_bytes())
}

fn inflate(
    archive: &ZipSliceArchive<&[u8]>,
    entry: &rawzip::ZipFileHeaderRecord<'_>,
) -> Result<Vec<u8>, Error> {
    let data = archive.get_entry(entry.wayfinder()).map_err(damaged)?.data();
    if entry.compression_method() == CompressionMethod::STORE {
        return Ok(data.to_vec());
    }
    let limit = entry.uncompressed_size_hint().min(FILE_BYTES);
    let limit = usize::try_from(limit).map_err(Error::internal)?;
    decompress_to_vec_with_limit(data, limit).map_err(damaged)
}

fn damaged(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("the archive of Swagger UI is damaged: {error}"))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "html")) => "text/html; charset=utf-8",
        Some((_, "png")) => "image/png",
        _ => "application/octet-stream",
    }
}

impl Unpacked {
    fn of_text(text: &'static str, content_type: &'static str) -> Self {
        Self {
            bytes: Bytes::from_static(text.as_bytes()),
            content_type: HeaderValue::from_static(content_type),
        }
    }

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
    use pulldown_cmark::{Options, Parser};

    use super::*;

    /// Rules in Markdown, for readers of the sources; what is served is made of them.
    const RULES: &str = include_str!("../GUIDE.md");

    /// The page of the rules.
    fn rendered() -> String {
        let mut body = String::new();
        pulldown_cmark::html::push_html(&mut body, Parser::new_ext(RULES, Options::ENABLE_TABLES));
        include_str!("docs/guide_frame.html").replace("<!-- the rules -->\n", &body)
    }

    #[test]
    fn the_page_of_the_rules_is_made_of_the_guide() {
        let page = rendered();
        if page != GUIDE && std::env::var_os("UPDATE_GUIDE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/guide.html");
            std::fs::write(path, &page).unwrap();
        }
        assert!(
            page == GUIDE,
            "the guide has changed; run this test with UPDATE_GUIDE=1, which writes the page"
        );
    }

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

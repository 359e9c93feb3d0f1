//! Swagger UI out of the program itself, so that reading the documentation needs no network. A file is unpacked at its
//! first request, and all answers share its bytes.

use std::sync::OnceLock;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rally_core::Error;

/// The page itself, whose parts are below it.
const PAGE: &str = include_str!("docs/index.html");
/// The rules of the API, made of `GUIDE.md`.
const GUIDE: &str = include_str!("docs/guide.html");
/// The script that starts the page.
const INITIALIZER: &str = include_str!("docs/initializer.js");
/// The name of that script.
const INITIALIZER_NAME: &str = "swagger-initializer.js";
/// Bytes of a file at most; the largest has 1.5 million.
const FILE_BYTES: usize = 4 << 20;

/// The parts of the page that are Swagger UI's. The build script takes them out of its archive.
static PARTS: [Part; 6] = [
    Part::new("favicon-16x16.png", include_bytes!(concat!(env!("OUT_DIR"), "/favicon-16x16.png"))),
    Part::new("favicon-32x32.png", include_bytes!(concat!(env!("OUT_DIR"), "/favicon-32x32.png"))),
    Part::new("index.css", include_bytes!(concat!(env!("OUT_DIR"), "/index.css"))),
    Part::new("swagger-ui-bundle.js", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js"))),
    Part::new(
        "swagger-ui-standalone-preset.js",
        include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-standalone-preset.js")),
    ),
    Part::new("swagger-ui.css", include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css"))),
];

/// A file of the page. All but images are deflated.
struct Part {
    name: &'static str,
    packed: &'static [u8],
    unpacked: OnceLock<Unpacked>,
}

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

/// A part of the page; `None` for a name that no part has.
pub(crate) fn file(name: &str) -> Result<Option<Response>, Error> {
    if name == INITIALIZER_NAME {
        return Ok(Some(Unpacked::of_text(INITIALIZER, content_type(name)).into_response()));
    }
    let Some(part) = PARTS.iter().find(|part| part.name == name) else { return Ok(None) };
    Ok(Some(part.unpacked()?.into_response()))
}

impl Part {
    const fn new(name: &'static str, packed: &'static [u8]) -> Self {
        Self { name, packed, unpacked: OnceLock::new() }
    }

    fn unpacked(&self) -> Result<Unpacked, Error> {
        if let Some(known) = self.unpacked.get() {
            return Ok(known.clone());
        }
        let bytes = if self.name.ends_with(".png") {
            Bytes::from_static(self.packed)
        } else {
            let inflated = decompress_to_vec_with_limit(self.packed, FILE_BYTES);
            inflated.map_err(|error| Error::internal(format!("{} is damaged: {error}", self.name)))?.into()
        };
        let content_type = HeaderValue::from_static(content_type(self.name));
        Ok(self.unpacked.get_or_init(|| Unpacked { bytes, content_type }).clone())
    }
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
        for part in &PARTS {
            let bytes = || part.unpacked().unwrap().bytes;
            let (first, second) = (bytes(), bytes());
            assert!(first.len() > 100, "{}", part.name);
            assert_eq!(first.as_ptr(), second.as_ptr());
        }
        assert!(file("nothing").unwrap().is_none() && file("").unwrap().is_none());
    }

    #[test]
    fn the_page_asks_for_no_part_that_there_is_not() {
        let asked = PAGE.split("\"docs/").skip(1).filter_map(|rest| rest.split('"').next());
        let asked: Vec<&str> = asked.filter(|name| *name != "guide").collect();
        assert_eq!(asked.len(), PARTS.len() + 1);
        for name in asked {
            assert!(file(name).unwrap().is_some(), "{name}");
        }
    }
}

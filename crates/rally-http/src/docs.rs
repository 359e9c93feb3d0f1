//! Swagger UI out of the program itself, so that reading the documentation needs no network.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};
use rally_core::Error;

use crate::packed::Packed;

/// A file of the page by its name, deflated or, if it is an image, as it is.
macro_rules! part {
    ($name:literal, $kept:expr) => {
        Part { name: $name, kept: $kept(include_bytes!(concat!(env!("OUT_DIR"), "/", $name))) }
    };
}

/// The page itself, whose parts are below it.
const PAGE: &str = include_str!("docs/index.html");
/// The rules of the API, made of `GUIDE.md`.
static GUIDE: Packed = Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/guide.html")));
/// The script that starts the page.
const INITIALIZER: &str = include_str!("docs/initializer.js");
/// The name of that script.
const INITIALIZER_NAME: &str = "swagger-initializer.js";

/// The parts of the page that are Swagger UI's. The build script takes them out of its archive.
static PARTS: [Part; 5] = [
    part!("favicon-16x16.png", Kept::Image),
    part!("favicon-32x32.png", Kept::Image),
    part!("index.css", Kept::deflated),
    part!("swagger-ui-bundle.js", Kept::deflated),
    part!("swagger-ui.css", Kept::deflated),
];

/// A file of the page.
struct Part {
    name: &'static str,
    kept: Kept,
}

/// The form that a file has within the program.
enum Kept {
    Image(&'static [u8]),
    Deflated(Packed),
}

/// The page itself.
pub(crate) fn page() -> Response {
    respond(Bytes::from_static(PAGE.as_bytes()), "text/html; charset=utf-8")
}

/// The page with the rules of the API.
///
/// # Errors
/// Those of [`Packed::bytes`].
pub(crate) fn guide() -> Result<Response, Error> {
    Ok(respond(GUIDE.bytes()?, "text/html; charset=utf-8"))
}

/// A part of the page; `None` for a name that no part has.
///
/// # Errors
/// Those of [`Packed::bytes`].
pub(crate) fn file(name: &str) -> Result<Option<Response>, Error> {
    if name == INITIALIZER_NAME {
        return Ok(Some(respond(Bytes::from_static(INITIALIZER.as_bytes()), content_type(name))));
    }
    let Some(part) = PARTS.iter().find(|part| part.name == name) else { return Ok(None) };
    Ok(Some(respond(part.kept.bytes()?, content_type(part.name))))
}

impl Kept {
    const fn deflated(bytes: &'static [u8]) -> Self {
        Self::Deflated(Packed::new(bytes))
    }

    fn bytes(&self) -> Result<Bytes, Error> {
        match self {
            Self::Image(bytes) => Ok(Bytes::from_static(bytes)),
            Self::Deflated(packed) => packed.bytes(),
        }
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

fn respond(bytes: Bytes, content_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
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
        let served = GUIDE.bytes().unwrap();
        if page.as_bytes() != served && std::env::var_os("UPDATE_GUIDE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/guide.html");
            std::fs::write(path, &page).unwrap();
        }
        assert!(
            page.as_bytes() == served,
            "the guide has changed; run this test with UPDATE_GUIDE=1, which writes the page"
        );
    }

    #[test]
    fn answers_share_the_bytes_of_a_file() {
        for part in &PARTS {
            let bytes = || part.kept.bytes().unwrap();
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

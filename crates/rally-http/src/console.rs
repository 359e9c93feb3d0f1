//! The console out of the program itself: a page of plain modules, which do all they do by the API.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::OnceLock,
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

use rally_core::Error;

use crate::{answer, conditional::has, packed::Packed};

/// The policy of the page: nothing but its own scripts and styles, and requests to the server that it came from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A file by its name.
macro_rules! file {
    ($name:literal) => {
        File {
            name: $name,
            text: Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/console/", $name))),
            tag: OnceLock::new(),
        }
    };
}

/// The page, whose parts are below it.
static PAGE: File = file!("console.html");

/// The parts of the page.
static PARTS: [File; 46] = [
    file!("api.js"),
    file!("api_keys.js"),
    file!("audit.js"),
    file!("board.js"),
    file!("card.js"),
    file!("clock.js"),
    file!("console.css"),
    file!("control.js"),
    file!("decimal.js"),
    file!("deliveries.js"),
    file!("dialog.js"),
    file!("element.js"),
    file!("export.js"),
    file!("faults.js"),
    file!("feed.js"),
    file!("field.js"),
    file!("form.js"),
    file!("grid.js"),
    file!("icon.svg"),
    file!("import.js"),
    file!("inbox.js"),
    file!("json.js"),
    file!("keys.js"),
    file!("kinds.js"),
    file!("live.js"),
    file!("main.js"),
    file!("names.js"),
    file!("notice.js"),
    file!("overview.js"),
    file!("paging.js"),
    file!("picker.js"),
    file!("pipelines.js"),
    file!("qualification.js"),
    file!("record.js"),
    file!("records.js"),
    file!("requests.js"),
    file!("router.js"),
    file!("settings.js"),
    file!("shell.js"),
    file!("sign_in.js"),
    file!("table.js"),
    file!("time.js"),
    file!("timeline.js"),
    file!("users.js"),
    file!("webhook.js"),
    file!("webhooks.js"),
];

/// A file of the console.
struct File {
    name: &'static str,
    text: Packed,
    /// The tag of the text, which browsers ask with whether they still have them.
    tag: OnceLock<HeaderValue>,
}

/// The page itself.
///
/// # Errors
/// Those of [`Packed::bytes`].
pub(crate) fn page(asked: &HeaderMap) -> Result<Response, Error> {
    let mut response = PAGE.answer(asked)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    Ok(response)
}

/// The way to the page for those who ask for it with a slash at the end.
pub(crate) fn to_page() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    // Without the path before it, which a proxy may have cut off.
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("../console"));
    response
}

/// The page's facts about the server. One with keys for tests may have a control plane.
pub(crate) fn about(has_test_keys: bool) -> Response {
    let about = serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "mayBeFake": has_test_keys });
    let mut response = answer::json(StatusCode::OK, about.to_string());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A part of the page; `None` for a name that no part has.
///
/// # Errors
/// Those of [`Packed::bytes`].
pub(crate) fn file(name: &str, asked: &HeaderMap) -> Result<Option<Response>, Error> {
    PARTS.iter().find(|part| part.name == name).map(|part| part.answer(asked)).transpose()
}

impl File {
    /// The file, or 304 if the browser has it already.
    fn answer(&self, asked: &HeaderMap) -> Result<Response, Error> {
        let tag = self.tag();
        let mut response = if has(asked, &tag) {
            let mut unchanged = Response::new(Body::empty());
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            unchanged
        } else {
            Response::new(Body::from(self.text.bytes()?))
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::ETAG, tag);
        Ok(response)
    }

    fn tag(&self) -> HeaderValue {
        let tag = self.tag.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.text.deflated().hash(&mut hasher);
            // Digits and quotes are a header's value, so the empty one never is.
            HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish()))
                .unwrap_or(HeaderValue::from_static("\"\""))
        });
        tag.clone()
    }

    fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Bytes of the whole console at most.
    const MOST: usize = 150_000;

    fn folder() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/console"))
    }

    fn all() -> impl Iterator<Item = &'static File> {
        PARTS.iter().chain([&PAGE])
    }

    fn text(file: &File) -> String {
        String::from_utf8(file.text.bytes().unwrap().to_vec()).unwrap()
    }

    fn source(file: &File) -> String {
        fs::read_to_string(folder().join(file.name)).unwrap()
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let mut there: Vec<String> = fs::read_dir(folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut served: Vec<String> = all().map(|file| file.name.to_owned()).collect();
        there.sort();
        served.sort();
        assert_eq!(there, served);
    }

    #[test]
    fn the_whole_console_is_small() {
        let bytes: usize = all().map(|file| text(file).len()).sum();
        assert!(bytes <= MOST, "{bytes}");
    }

    #[test]
    fn every_module_is_a_page_of_text_and_loaded_with_the_page() {
        for file in &PARTS {
            let lines = source(file).lines().count();
            assert!(lines <= 500, "{} has {lines} lines", file.name);
            assert!(text(&PAGE).contains(&format!("\"console/{}\"", file.name)), "{}", file.name);
        }
    }

    #[test]
    fn no_file_names_another_place_or_makes_code_of_text() {
        let forbidden = [
            "http://",
            "https://",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "eval(",
            "parseFloat",
            "JSON.parse(",
            " style=\"",
        ];
        for file in all() {
            for (number, line) in source(file).lines().enumerate() {
                // What names the vocabulary of SVG is no address.
                let line = line.replace("http://www.w3.org/2000/svg", "");
                let found = forbidden.iter().find(|text| line.contains(*text));
                // Texts have no numbers in them, and the parser reads them one by one.
                let is_text = file.name == "json.js" && line.contains("JSON.parse(text.slice(");
                assert!(is_text || found.is_none(), "{}:{}: {line}", file.name, number + 1);
            }
        }
    }

    #[test]
    fn what_is_taken_out_of_a_file_is_no_part_of_its_code() {
        for file in all().filter(|file| file.name.ends_with(".js")) {
            let (source, served) = (source(file), text(file));
            assert!(served.len() < source.len() && !served.contains("/** "), "{}", file.name);
            let exports = source.lines().filter_map(|line| line.strip_prefix("export "));
            let names = exports.filter_map(|rest| rest.split([' ', '(', '{']).find(|word| !is_keyword(word)));
            for name in names {
                assert!(served.contains(name), "{}: {name}", file.name);
            }
        }
    }

    fn is_keyword(word: &str) -> bool {
        matches!(word, "" | "async" | "function" | "const" | "class")
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let first = page(&HeaderMap::new()).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let mut asked = HeaderMap::new();
        asked.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = page(&asked).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[header::CONTENT_SECURITY_POLICY], POLICY);
        let tags: std::collections::BTreeSet<String> =
            all().map(|file| format!("{:?}", file.tag())).collect();
        assert_eq!(tags.len(), PARTS.len() + 1);
    }
}

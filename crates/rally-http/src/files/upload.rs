use std::io::BufReader;

use axum::http::header;
use rally_core::{Code, Error, Scope};
use tempfile::SpooledTempFile;

use super::{form, format::WORKBOOK, spool::Spool};
use crate::{
    app::App,
    body::{self, Incoming, Terms},
    budget::{Holder, Permit},
    call::Call,
    header_list::{split, unquoted},
    limits,
    problem::{Failure, Problem},
};

/// A file that has arrived.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) file: BufReader<SpooledTempFile>,
    /// The charset that the sender has named; `None` for UTF-8, which many name of any file.
    pub(crate) charset: Option<String>,
    /// The count of its bytes on the disk.
    pub(crate) permit: Permit,
}

/// The form in which a file is sent.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// It is the body.
    Plain,
    /// It is a part of a form, between boundaries.
    Form(String),
}

/// Types of bodies that are a file. A body without a type is told by its first bytes, as all are.
const PLAIN: [&str; 3] = ["text/csv", "text/tab-separated-values", WORKBOOK];

/// Receives the file in the body of a request, of a caller with this scope.
///
/// # Errors
/// [`Failure::UnsupportedMediaType`], [`Failure::PayloadTooLarge`], [`Failure::Busy`] when there is no room for it, and
/// [`Code::Validation`] when it does not come whole, or as no form should.
pub(crate) async fn receive(app: &App, call: &mut Call, scope: Scope) -> Result<Upload, Problem> {
    let body = call.take_body(scope)?;
    body::check_coding(&call.headers)?;
    let kind = content_type(call)?;
    let sent = sent(&kind)?;
    let options = &app.config().files;
    let holder = Holder::Tenant(call.session.tenant().id);
    let terms = Terms {
        budget: app.uploads(),
        config: app.config(),
        holder,
        limit: options.body_bytes,
        timeout: options.body_timeout,
        incomplete: Code::Validation,
    };
    let _memory = app.budget().take(holder, limits::FILE_MEMORY)?;
    let mut incoming = Incoming::begin(&call.headers, body, &terms)?;
    let mut spool = Spool::new(options.temporary_folder.as_deref());
    let boundary = match sent {
        Sent::Form(boundary) => boundary,
        Sent::Plain => {
            while let Some(bytes) = incoming.next().await? {
                spool = spool.write(&bytes).await?;
            }
            let file = spool.finish().await?;
            return Ok(Upload { file, charset: charset(&kind), permit: incoming.into_permit() });
        }
    };
    let form = form::read(incoming, &boundary, spool).await?;
    let permit = app.uploads().take_anyway(holder, form.length);
    let charset = form.content_type.as_deref().and_then(charset);
    Ok(Upload { file: form.spool.finish().await?, charset, permit })
}

fn content_type(call: &Call) -> Result<String, Problem> {
    match call.headers.get(header::CONTENT_TYPE).map(|kind| kind.to_str()) {
        None => Ok(String::new()),
        Some(Ok(kind)) => Ok(kind.to_owned()),
        Some(Err(_)) => Err(unsupported()),
    }
}

fn sent(kind: &str) -> Result<Sent, Problem> {
    let essence = split(kind, ';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty() || PLAIN.contains(&essence.as_str()) {
        return Ok(Sent::Plain);
    }
    if essence != "multipart/form-data" {
        return Err(unsupported());
    }
    match multer::parse_boundary(kind) {
        Ok(boundary) => Ok(Sent::Form(boundary)),
        Err(_) => Err(Error::new(
            Code::Validation,
            "the Content-Type of a form names the boundary between its parts: multipart/form-data; boundary=…",
        )
        .into()),
    }
}

fn unsupported() -> Problem {
    let detail = "send the file as text/csv, as application/vnd.openxmlformats-officedocument.spreadsheetml.sheet, or as \
                  the part file of multipart/form-data";
    Problem::new(Failure::UnsupportedMediaType, detail)
}

/// The charset that a type names.
fn charset(kind: &str) -> Option<String> {
    let named = split(kind, ';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("charset") { Some(unquoted(value).into_owned()) } else { None }
    })?;
    let is_usual = ["utf-8", "utf8", "us-ascii", ""].contains(&named.to_ascii_lowercase().as_str());
    if is_usual { None } else { Some(named) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_a_body_or_the_part_of_a_form() {
        for (kind, expected) in [
            ("", Some(Sent::Plain)),
            ("text/csv", Some(Sent::Plain)),
            ("Text/CSV; charset=utf-8; header=present", Some(Sent::Plain)),
            (WORKBOOK, Some(Sent::Plain)),
            ("multipart/form-data; boundary=x", Some(Sent::Form("x".to_owned()))),
            ("multipart/form-data; boundary=\"x y\"", Some(Sent::Form("x y".to_owned()))),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=x", None),
            ("application/json", None),
            ("application/x-www-form-urlencoded", None),
            ("application/vnd.ms-excel", None),
        ] {
            assert_eq!(sent(kind).ok(), expected, "{kind}");
        }
    }

    #[test]
    fn a_charset_counts_unless_it_is_the_one_that_is_always_named() {
        for (kind, expected) in [
            ("text/csv", None),
            ("text/csv; charset=UTF-8", None),
            ("text/csv; charset=\"utf-8\"", None),
            ("text/csv; header=present; Charset=ISO-8859-15", Some("ISO-8859-15")),
            ("text/csv; charset=\"utf-16le\"", Some("utf-16le")),
            ("text/csv; charset=", None),
        ] {
            assert_eq!(charset(kind).as_deref(), expected, "{kind}");
        }
    }
}

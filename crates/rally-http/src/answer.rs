//! Responses made of the engine's results.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use rally_core::{
    ApiKey, Bulk, Deleted, Error, Page, WriteOutcome, Written,
    schema::{Fields, MintedApiKey, Resource, Row},
};

use crate::{
    call::Call,
    conditional::{etag, has},
    prefer, problem,
};

const X_TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Bytes of the JSON of a record, on the large side: a body that fits at once is never moved.
const RECORD_BYTES: usize = 900;

/// Headers of most responses with a body, those of the middleware among them.
const HEADERS: usize = 12;

/// A response with this JSON.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// One record, or 304 if the caller already has this version.
pub(crate) fn record<R: Resource>(call: &Call, row: &Row<R>, fields: &Fields) -> Result<Response, Error> {
    let tag = etag(row)?;
    let mut response =
        if has(&call.headers, &tag) { not_modified() } else { json(StatusCode::OK, object(row, fields)?) };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// One record with every member, whatever version the caller has.
pub(crate) fn whole<R: Resource>(call: &Call, status: StatusCode, row: &Row<R>) -> Result<Response, Error> {
    Ok(json(status, object(row, call.model::<R>().whole())?))
}

/// A page of records.
pub(crate) fn page<R: Resource>(page: &Page<Row<R>>, fields: &Fields) -> Result<Response, Error> {
    let mut response = list(&page.records, RECORD_BYTES, |row, out| row.write_json(fields, out))?;
    write_total(&mut response, page.total);
    Ok(response)
}

/// Tells the length of the whole list, if it was asked for.
pub(crate) fn write_total(response: &mut Response, total: Option<u64>) {
    if let Some(total) = total {
        response.headers_mut().insert(X_TOTAL_COUNT, HeaderValue::from(total));
    }
}

/// A list of items, each of about so many bytes of JSON.
pub(crate) fn list<T>(
    items: &[T],
    item_bytes: usize,
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), Error>,
) -> Result<Response, Error> {
    let mut body = Vec::with_capacity(items.len() * item_bytes + 2);
    body.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        write(item, &mut body)?;
    }
    body.push(b']');
    Ok(json(StatusCode::OK, body))
}

/// The record that a write has created or updated.
pub(crate) fn written<R: Resource>(call: &Call, written: &Written<Row<R>>) -> Result<Response, Error> {
    let is_new = written.outcome == WriteOutcome::Created;
    let mut response = if prefer::wants_minimal(&call.headers) {
        let mut response = empty(StatusCode::NO_CONTENT);
        prefer::write_minimal(response.headers_mut());
        response
    } else {
        let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
        json(status, object(&written.record, call.model::<R>().whole())?)
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(&written.record)?);
    if is_new {
        let path = call.path_of(written.record.id());
        headers.insert(header::LOCATION, HeaderValue::try_from(path).map_err(Error::internal)?);
    }
    write_replayed(headers, written.replayed);
    Ok(response)
}

/// An API key that was just created, with the key itself. `Prefer: return=minimal` is ignored, as no later answer has
/// the key.
pub(crate) fn minted(call: &Call, made: &MintedApiKey) -> Result<Response, Error> {
    let mut body = object(&made.written.record, call.model::<ApiKey>().whole())?;
    if let Some(key) = &made.key {
        body.pop();
        body.extend_from_slice(format!(",\"key\":\"{key}\"}}").as_bytes());
    }
    let mut response = json(StatusCode::CREATED, body);
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag(&made.written.record)?);
    let path = call.path_of(made.written.record.id());
    headers.insert(header::LOCATION, HeaderValue::try_from(path).map_err(Error::internal)?);
    write_replayed(headers, made.written.replayed);
    Ok(response)
}

/// The answer to an act on a record, which makes or changes another: that one.
pub(crate) fn acted<R: Resource>(call: &Call, written: &Written<Row<R>>) -> Result<Response, Error> {
    let mut response = whole(call, StatusCode::OK, &written.record)?;
    write_replayed(response.headers_mut(), written.replayed);
    Ok(response)
}

/// The answer to a deletion.
pub(crate) fn deleted<R>(deleted: &Deleted<R>) -> Response {
    let body = format!("{{\"id\":\"{}\",\"deleted\":true}}", deleted.id);
    let mut response = json(StatusCode::OK, body.into_bytes());
    write_replayed(response.headers_mut(), deleted.replayed);
    response
}

/// The result of each item of a bulk request.
pub(crate) fn bulk<R>(bulk: &Bulk<R>) -> Response {
    let failed = bulk.items.iter().filter(|item| item.is_err()).count();
    let created = bulk.items.len() - failed;
    let mut body = Vec::with_capacity(bulk.items.len() * 80 + failed * 300 + 50);
    body.extend_from_slice(format!("{{\"created\":{created},\"failed\":{failed},\"results\":[").as_bytes());
    for (index, item) in bulk.items.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let status = match item {
            Ok(_) => StatusCode::CREATED,
            Err(error) => problem::status(error),
        };
        let opening = format!("{comma}{{\"index\":{index},\"status\":{},", status.as_u16());
        body.extend_from_slice(opening.as_bytes());
        match item {
            Ok(id) => body.extend_from_slice(format!("\"id\":\"{id}\"").as_bytes()),
            Err(error) => {
                body.extend_from_slice(b"\"error\":");
                body.extend_from_slice(&problem::item(error));
            }
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    let mut response = json(if failed == 0 { StatusCode::CREATED } else { StatusCode::OK }, body);
    write_replayed(response.headers_mut(), bulk.replayed);
    response
}

/// Names other pages of a list (RFC 8288), each by its relation and its query, as paths of this server.
pub(crate) fn write_links(
    response: &mut Response,
    path: &str,
    links: &[(&str, String)],
) -> Result<(), Error> {
    let links = links.iter().map(|(relation, query)| format!("<{path}?{query}>; rel=\"{relation}\""));
    let links = links.collect::<Vec<_>>().join(", ");
    if !links.is_empty() {
        let links = HeaderValue::try_from(links).map_err(Error::internal)?;
        response.headers_mut().insert(header::LINK, links);
    }
    Ok(())
}

/// Keeps an answer with a credential in it out of every cache.
pub(crate) fn forbid_storing(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

fn object<R: Resource>(row: &Row<R>, fields: &Fields) -> Result<Vec<u8>, Error> {
    let mut body = Vec::with_capacity(RECORD_BYTES);
    row.write_json(fields, &mut body)?;
    Ok(body)
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Without a length, as that would be the length of the record (RFC 9110, section 8.6), which is not 0.
fn not_modified() -> Response {
    let mut response = Response::new(Body::from_stream(stream::empty::<Result<Bytes, Infallible>>()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// Marks the stored answer to an earlier request.
pub(crate) fn write_replayed(headers: &mut HeaderMap, replayed: bool) {
    if replayed {
        headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
}

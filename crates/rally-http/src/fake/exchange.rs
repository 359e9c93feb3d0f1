//! One request of a tenant: the fault that happens to it, and its entry in the journal.

use std::{future::pending, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use rally_core::{Code, Error};
use tokio::time::sleep;
use tower::ServiceExt;

use super::{
    faults::{FaultAction, FaultPoint, Seen, Struck, slowed, truncated},
    journal::{RequestMade, curl, remembered},
    routes,
    shared::Shared,
    world::World,
};
use crate::{
    listener::Connection,
    problem::{Failure, Problem},
    stopping::Stopping,
};

const X_RALLY_FAULT: HeaderName = HeaderName::from_static("x-rally-fault");

/// Characters of a credential that the journal shows: those of a key that it is told from others by.
const SHOWN_CREDENTIAL: usize = 12;

/// A request as it is noted.
struct Noting<'a> {
    fake: &'a Shared,
    world: &'a World,
    begun: Instant,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Arc<Mutex<Vec<u8>>>,
    route: Option<&'static str>,
}

/// Asks the API for a tenant, unless a fault comes between.
pub(super) async fn exchange(fake: &Shared, world: &World, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let (body, beginning) = remembered(body);
    let connection: Option<Connection> = parts.extensions.get().cloned();
    let noting = Noting {
        fake,
        world,
        begun: Instant::now(),
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        headers: parts.headers.clone(),
        body: beginning,
        route: routes::name_of(parts.method.as_str(), parts.uri.path()),
    };
    let seen = Seen {
        method: Some(noting.method.as_str()),
        route: noting.route,
        credential: credential(&noting.headers),
        event: None,
    };
    let struck = world.faults.strike(&seen);
    let request = Request::from_parts(parts, body);
    let Some(struck) = struck else {
        let response = ask(fake, world, request).await;
        noting.note(Some(&response), None);
        return response;
    };
    noting.suffer(&struck, request, connection).await
}

/// Asks the router of the API, which answers by the tenant's app.
async fn ask(fake: &Shared, world: &World, mut request: Request) -> Response {
    let (app, replaced) = world.answering();
    let stopping: Stopping = request.extensions_mut().remove().unwrap_or_default();
    request.extensions_mut().insert(stopping.or_of_tenant(replaced));
    app.answering(fake.api.clone().oneshot(request)).await.into_response()
}

/// The credential of a request, as far as faults tell one from another.
fn credential(headers: &HeaderMap) -> Option<&str> {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok());
    key.or_else(|| headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ').map(|(_, token)| token))
}

impl Noting<'_> {
    /// Answers a request that a fault happens to.
    async fn suffer(self, struck: &Struck, request: Request, connection: Option<Connection>) -> Response {
        if struck.point == FaultPoint::Before {
            if let FaultAction::Delay { by } = struck.action {
                sleep(by).await;
            } else {
                return self.replace(struck, connection).await;
            }
        }
        let response = ask(self.fake, self.world, request).await;
        let mut response = match (struck.point, &struck.action) {
            (FaultPoint::Before, _) => response,
            (FaultPoint::AfterCommit, FaultAction::Delay { by }) => {
                sleep(*by).await;
                response
            }
            (FaultPoint::AfterCommit, _) => return self.replace(struck, connection).await,
            (FaultPoint::Wire, action) => {
                cut_on_the_wire(action, connection);
                response
            }
            (_, FaultAction::Truncate { at }) => response.map(|body| truncated(body, *at, connection)),
            (_, FaultAction::Slow { bytes, pause }) => response.map(|body| slowed(body, *bytes, *pause)),
            _ => response,
        };
        name(&mut response, struck);
        self.note(Some(&response), Some(struck));
        response
    }

    /// The answer that a fault gives in place of another, if it gives any.
    async fn replace(self, struck: &Struck, connection: Option<Connection>) -> Response {
        match struck.action {
            FaultAction::Status { status, retry_after } => {
                let mut response = self.problem(status);
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                name(&mut response, struck);
                self.note(Some(&response), Some(struck));
                response
            }
            _ => {
                self.note(None, Some(struck));
                let is_reset = matches!(struck.action, FaultAction::Reset { .. });
                match connection {
                    Some(connection) if is_reset => connection.reset(),
                    Some(connection) => connection.close(),
                    // A request in process has no connection that could be cut.
                    None => return broken(),
                }
                pending().await
            }
        }
    }

    fn problem(&self, status: u16) -> Response {
        const WHY: &str = "a fault of the fake";
        let code = match status {
            400 => Code::Validation,
            401 => Code::Unauthorized,
            403 => Code::Forbidden,
            404 => Code::NotFound,
            500 => Code::Internal,
            _ => Code::Unavailable,
        };
        let problem = match status {
            429 => Problem::new(Failure::RateLimited, WHY),
            _ => Error::new(code, WHY).into(),
        };
        let id = self.fake.lobby.request_ids().of(&self.headers);
        let mut response = problem.clone().into_response();
        response.extensions_mut().remove::<Problem>();
        problem.render(self.uri.path(), &id, &mut response);
        if status == 429 {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
        }
        response.headers_mut().insert(crate::request_id::X_REQUEST_ID, id.into_header());
        response
    }

    fn note(&self, response: Option<&Response>, struck: Option<&Struck>) {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let url = format!("{}{path}", self.fake.options.url);
        let credential = credential(&self.headers);
        self.world.journal.note(RequestMade {
            number: 0,
            at: self.world.now(),
            method: self.method.as_str().to_owned(),
            route: self.route,
            path: path.to_owned(),
            status: response.map(|response| response.status().as_u16()),
            fault: struck.map(|struck| struck.id.clone()),
            duration_micros: u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX),
            credential: credential.map(|text| text.chars().take(SHOWN_CREDENTIAL).collect()),
            curl: curl(self.method.as_str(), &url, &self.headers, &self.body.lock()),
        });
    }
}

fn cut_on_the_wire(action: &FaultAction, connection: Option<Connection>) {
    let Some(connection) = connection else { return };
    match action {
        FaultAction::Reset { at } => connection.cut_after(*at, true),
        FaultAction::Truncate { at } => connection.cut_after(*at, false),
        _ => {}
    }
}

/// Names the fault that has touched a response.
fn name(response: &mut Response, struck: &Struck) {
    if let Ok(id) = HeaderValue::try_from(&struck.id) {
        response.headers_mut().insert(X_RALLY_FAULT, id);
    }
}

fn broken() -> Response {
    let ended =
        futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("a fault ends the connection"))]);
    Response::new(Body::from_stream(ended))
}

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::future::RouteFuture,
};
use futures_util::future::{Either, Ready, ready};
use parking_lot::RwLock;
use rally_core::{Code, Error};
use tokio::sync::watch;
use tower::Service;

use crate::{
    problem::Problem,
    request_id::{RequestIds, X_REQUEST_ID},
    routes::{self, HEALTH, READINESS},
    stopping::Stopping,
};

/// A server from its start to its end: it answers before its engine is there, and says when it is about to end.
///
/// While it starts, `/healthz` answers and everything else is 503, with the reason under `/readyz`. From
/// [`begin_serving`](Lifecycle::begin_serving) on, a router answers. From [`begin_stopping`](Lifecycle::begin_stopping)
/// on, it still does, but `/readyz` is 503, so that a load balancer sends its requests elsewhere.
///
/// ```
/// use rally_core::{Engine, store::MemoryStore};
/// use rally_http::{Config, Lifecycle};
///
/// let lifecycle = Lifecycle::new();
/// lifecycle.report("the store is being recovered after a crash, 40 % is done");
/// lifecycle.begin_serving(rally_http::router(Engine::new(MemoryStore::new()), Config::default()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    router: OnceLock<Router>,
    /// The reason why the server is not ready; empty if it is as ready as its store.
    reason: RwLock<String>,
    request_ids: RequestIds,
    is_stopping: watch::Sender<bool>,
}

impl Lifecycle {
    /// A server that starts.
    #[must_use]
    pub fn new() -> Self {
        let starting = Self::default();
        starting.report("the server is starting");
        starting
    }

    /// Tells `/readyz` why the server does not answer yet.
    pub fn report(&self, reason: impl Into<String>) {
        *self.0.reason.write() = reason.into();
    }

    /// Answers requests by a router from now on. A second router is ignored.
    pub fn begin_serving(&self, router: Router) {
        drop(self.0.router.set(router));
        self.report("");
    }

    /// Answers `/readyz` with 503 from now on, and requests that wait for a change at once.
    pub fn begin_stopping(&self) {
        self.0.is_stopping.send_replace(true);
        self.report("the server is stopping");
    }

    fn is_ready(&self) -> bool {
        self.0.reason.read().is_empty()
    }

    /// The answer of a server that is not ready.
    fn answer(&self, request: &Request) -> Response {
        if request.uri().path() == HEALTH {
            return routes::healthy();
        }
        let id = self.0.request_ids.of(request.headers());
        let problem = Problem::from(Error::new(Code::Unavailable, self.0.reason.read().clone()));
        let mut response = StatusCode::SERVICE_UNAVAILABLE.into_response();
        problem.render(request.uri().path(), &id, &mut response);
        response.headers_mut().insert(X_REQUEST_ID, id.into_header());
        response
    }
}

/// A server that has begun to serve.
impl From<Router> for Lifecycle {
    fn from(router: Router) -> Self {
        let serving = Self::default();
        serving.begin_serving(router);
        serving
    }
}

impl Service<Request> for Lifecycle {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        request.extensions_mut().insert(Stopping::of_server(self.0.is_stopping.subscribe()));
        match self.0.router.get() {
            Some(router) if request.uri().path() != READINESS || self.is_ready() => {
                Either::Right(router.clone().call(request))
            }
            _ => Either::Left(ready(Ok(self.answer(&request)))),
        }
    }
}

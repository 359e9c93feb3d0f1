use std::{convert::Infallible, net::SocketAddr, pin::Pin, sync::Arc};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, Version, header},
};
use hyper::body::{Body as _, Incoming};
use tower::ServiceExt;

use super::{
    activity::{Activity, Exchange},
    answer_body::AnswerBody,
    options::ServeOptions,
    request_body::{RequestBody, Unread},
};
use crate::{forwarded::Secured, lifecycle::Lifecycle};

/// The connection that a request has come by.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Activity>);

impl Connection {
    /// Ends it at once, in order.
    pub(crate) fn close(&self) {
        self.0.evict();
    }

    /// Ends it at once, by a reset.
    pub(crate) fn reset(&self) {
        self.0.reset();
        self.0.evict();
    }

    /// Ends it when so many bytes of the answer have been sent.
    pub(crate) fn cut_after(&self, bytes: usize, by_reset: bool) {
        self.0.cut_after(bytes, by_reset);
    }
}

/// Answers the requests of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Exchanges {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) peer: SocketAddr,
    pub(crate) is_secured: bool,
    pub(crate) activity: Arc<Activity>,
    pub(crate) options: Arc<ServeOptions>,
}

impl hyper::service::Service<Request<Incoming>> for Exchanges {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let exchange = Exchange::begin(&self.activity);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(Connection(Arc::clone(&self.activity)));
        if self.is_secured {
            request.extensions_mut().insert(Secured);
        }
        let lifecycle = self.lifecycle.clone();
        if request.version() == Version::HTTP_2 {
            return Box::pin(async move {
                let response = lifecycle.oneshot(request.map(Body::new)).await?;
                Ok(response.map(|body| AnswerBody::of_many(body, exchange)))
            });
        }
        let options = Arc::clone(&self.options);
        Box::pin(async move {
            let response = answer(lifecycle, request, &options).await?;
            Ok(response.map(|body| AnswerBody::alone(body, exchange)))
        })
    }
}

/// Answers a request in HTTP/1, where the rest of a body that was not read stands before the next request.
async fn answer(
    lifecycle: Lifecycle,
    request: Request<Incoming>,
    options: &ServeOptions,
) -> Result<Response<Body>, Infallible> {
    if request.body().is_end_stream() {
        return lifecycle.oneshot(request.map(Body::new)).await;
    }
    let is_expecting = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let (body, unread) = RequestBody::new(body);
    let mut response = lifecycle.oneshot(Request::from_parts(parts, Body::new(body))).await?;
    if !drop_rest(unread, is_expecting, options) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// Drops the rest of a body while the answer goes out. True if the connection may be used again thereafter.
fn drop_rest(unread: Unread, is_expecting: bool, options: &ServeOptions) -> bool {
    let Some(left) = unread.take() else { return true };
    // To read from a caller who waits to be told to send would tell it so, after the answer.
    if (is_expecting && !left.is_begun) || left.is_longer_than(options.unread_bytes) {
        return false;
    }
    tokio::spawn(left.drain(options.unread_bytes, options.linger));
    true
}

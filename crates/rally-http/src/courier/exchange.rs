use std::{pin::pin, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, Request, Response, header},
};
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rally_core::{Answered, WebhookUrl};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

use super::{
    bounded::{Bounded, Left},
    failure::{SendError, Step, chain},
    message::WebhookRequest,
    options::CourierOptions,
    retry_after::retry_after,
};

/// Bytes that frame an answer's body, as a multiple of the body's own: a chunk of one byte is six.
const FRAMING: usize = 6;

/// The end of all steps of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(super) at: Instant,
    pub(super) after: Duration,
}

impl Deadline {
    pub(crate) fn after(after: Duration) -> Self {
        Self { at: Instant::now() + after, after }
    }

    /// Does a step, unless the time is over before it ends.
    pub(crate) async fn within<T>(
        &self,
        step: Step,
        work: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let late = SendError::TimedOut { step, after: self.after };
        timeout_at(self.at, work).await.unwrap_or(Err(late))
    }
}

/// The request as it is sent.
pub(super) fn request(url: &WebhookUrl, sent: WebhookRequest) -> Result<Request<Full<Bytes>>, SendError> {
    let mut request = Request::post(url.path_and_query())
        .header(header::HOST, url.authority())
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("Rally/", env!("CARGO_PKG_VERSION")))
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close")
        .body(Full::new(sent.body))
        .map_err(|error| SendError::Url(format!("is none that a request can name: {error}")))?;
    for (name, value) in sent.headers {
        let value = HeaderValue::try_from(value).map_err(|error| SendError::Exchange(chain(&error)))?;
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(request)
}

/// Sends a request over a connection, which ends with it, and reads the beginning of the answer.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    deadline: Deadline,
    options: &CourierOptions,
) -> Result<Answered, SendError> {
    let left = Left::new(options.answer_head_bytes);
    let stream = TokioIo::new(Bounded::new(stream, left.clone()));
    let mut client = http1::Builder::new();
    client.max_headers(options.answer_headers).max_buf_size(options.answer_head_bytes.max(MIN_BUFFER));
    let broken = |error: hyper::Error| SendError::Exchange(chain(&error));
    let (mut sender, connection) = client.handshake(stream).await.map_err(broken)?;
    let asking = pin!(async move {
        let answering = async { sender.send_request(request).await.map_err(broken) };
        let response = deadline.within(Step::Answer, answering).await?;
        left.add(options.answer_body_bytes * FRAMING);
        let reading = read(response, options.answer_body_bytes, &left);
        deadline.within(Step::Body, reading).await
    });
    match select(asking, pin!(connection)).await {
        Either::Left((answer, _)) => answer,
        // What the connection has failed of, the answer tells.
        Either::Right((_, asking)) => asking.await,
    }
}

/// The least buffer that hyper takes.
const MIN_BUFFER: usize = 8_192;

/// Reads at most so many bytes of the body.
async fn read(response: Response<Incoming>, body_bytes: usize, left: &Left) -> Result<Answered, SendError> {
    let (head, mut body) = response.into_parts();
    let mut kept = Vec::new();
    while kept.len() < body_bytes {
        match body.frame().await {
            None => break,
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                kept.extend_from_slice(data.get(..body_bytes - kept.len()).unwrap_or(&data));
            }
            Some(Err(_)) if left.is_none() => break,
            Some(Err(error)) => return Err(SendError::Exchange(chain(&error))),
        }
    }
    Ok(Answered { status: head.status.as_u16(), retry_after: retry_after(&head.headers), body: kept })
}

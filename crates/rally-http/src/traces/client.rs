use std::{fmt, pin::Pin, sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    http::{HeaderValue, Request, Response, header},
};
use http_body_util::Full;
use opentelemetry_http::{HttpClient, HttpError};
use parking_lot::Mutex;
use rally_core::RetryAfter;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::courier::{
    CourierOptions, Deadline, SendError, Step, chain, exchange, secure_client, server_name,
};

/// The last reason for which nothing could be sent, which the exporter does not tell.
pub(super) type Reason = Arc<Mutex<Option<String>>>;

/// Sends to the collector, over a connection for each request. Answers are bounded as those of receivers of webhooks are.
pub(super) struct Client {
    url: Url,
    timeout: Duration,
    tls: OnceCell<TlsConnector>,
    failed: Reason,
}

impl Client {
    pub(super) fn new(url: Url, timeout: Duration, failed: Reason) -> Self {
        Self { url, timeout, tls: OnceCell::new(), failed }
    }

    async fn post(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let deadline = Deadline::after(self.timeout);
        let request = self.request(request)?;
        let (host, port) = (self.url.host_str(), self.url.port_or_known_default());
        let (Some(host), Some(port)) = (host, port) else { return Err(SendError::NoAddress) };
        // An IPv6 address has brackets in a URL, and none here.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let connecting = async {
            TcpStream::connect((host, port)).await.map_err(|error| SendError::Connect(chain(&error)))
        };
        let stream = deadline.within(Step::Connect, connecting).await?;
        let options = CourierOptions::default();
        let answered = if self.url.scheme() == "https" {
            let stream = deadline.within(Step::Tls, self.secure(stream)).await?;
            exchange(stream, request, deadline, &options).await?
        } else {
            exchange(stream, request, deadline, &options).await?
        };
        let mut response = Response::new(Bytes::from(answered.body));
        *response.status_mut() = answered.status.try_into().map_err(|_| broken("has no status"))?;
        if let Some(RetryAfter::Seconds(seconds)) = answered.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }

    /// The request as it goes over the connection.
    fn request(&self, request: Request<Bytes>) -> Result<Request<Full<Bytes>>, SendError> {
        let (mut head, body) = request.into_parts();
        let unfit = |_| broken("cannot be asked for");
        head.uri = self.url.path().parse().map_err(|_| broken("cannot be asked for"))?;
        let host = HeaderValue::try_from(self.url.authority()).map_err(unfit)?;
        head.headers.insert(header::HOST, host);
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(Request::from_parts(head, Full::new(body)))
    }

    async fn secure(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
        let host: Host<&str> = self.url.host().ok_or(SendError::NoAddress)?;
        let name = server_name(&host).map_err(SendError::Tls)?;
        let tls = self.tls.get_or_try_init(read_roots).await.map_err(SendError::Tls)?;
        tls.connect(name, stream).await.map_err(|error| SendError::Tls(chain(&error)))
    }
}

/// Reads the root certificates of the system, on a thread that may wait for the disk.
async fn read_roots() -> Result<TlsConnector, String> {
    let read = spawn_blocking(|| secure_client(&[])).await;
    read.unwrap_or_else(|panicked| Err(panicked.to_string()))
}

fn broken(phrase: &str) -> SendError {
    SendError::Exchange(format!("the collector {phrase}"))
}

impl HttpClient for Client {
    fn send_bytes<'c, 'sending>(
        &'c self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'c: 'sending,
        Self: 'sending,
    {
        Box::pin(async move {
            let sent = self.post(request).await;
            match &sent {
                Ok(response) if response.status().is_success() => {}
                Ok(response) => *self.failed.lock() = Some(format!("it answers {}", response.status())),
                Err(failure) => *self.failed.lock() = Some(failure.to_string()),
            }
            sent.map_err(HttpError::from)
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

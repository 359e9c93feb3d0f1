mod server;

use std::{error::Error, fmt, io, time::Duration};

use axum::{
    body::Bytes,
    http::{Method, Request, Response, StatusCode, header, request::Builder},
};
use http_body_util::{BodyExt, Full, Limited, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use self::server::Server;
pub(crate) use self::server::{RootsArguments, ServerUrl};
use crate::{arguments::ServerArguments, failure::Failure};

/// The longest time that a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time that it may take to answer whether it is ready.
const HEALTH_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 8 << 20;

/// A body of any kind that is sent: connections are compiled anew for each type of body.
type SentBody = UnsyncBoxBody<Bytes, io::Error>;

/// A client of a server's API, for commands that a running server carries out.
#[derive(Clone)]
pub(crate) struct Client {
    server: Server,
    key: String,
}

/// The caller that a key belongs to.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Caller {
    tenant_slug: String,
}

/// The body in which a server tells of a request that it has refused.
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

impl Client {
    /// A client whose key opens the tenant that the operator has named.
    pub(crate) async fn open(arguments: &ServerArguments) -> Result<Self, Failure> {
        let Some(key) = arguments.api_key.clone() else {
            return Err(Failure::new("name an API key of the scope admin with --api-key or RALLY_API_KEY"));
        };
        let client = Self { server: Server::new(arguments.server.clone(), &arguments.roots)?, key };
        let Caller { tenant_slug: slug } = client.call(Method::GET, "/auth/me", None).await?;
        if slug != arguments.tenant {
            let named = &arguments.tenant;
            return Err(Failure::new(format!("the API key is one of the tenant {slug:?}, not of {named:?}")));
        }
        Ok(client)
    }

    /// A request that the caller completes.
    pub(crate) fn begin(&self, method: Method, path: &str) -> Builder {
        Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, self.server.authority())
            .header("X-Api-Key", &self.key)
            .header(header::CONNECTION, "close")
    }

    /// Sends a request whose answer takes as long as it takes, and answers its body if it tells of success.
    pub(crate) async fn stream<B>(&self, request: Request<B>) -> Result<Incoming, Failure>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let answer = self.exchange(request.map(sent)).await.map_err(|reason| self.silent(&reason))?;
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            return Ok(body);
        }
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.silent(&error.to_string()))?;
        Err(refused(head.status, &body.to_bytes()))
    }

    fn silent(&self, reason: &str) -> Failure {
        Failure::new(format!("the server {} does not answer: {reason}", self.server))
    }

    /// Sends a request, and reads the answer if it tells of success.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let request = self.request(method, path, body)?;
        let answered = timeout(PATIENCE, self.send(request)).await;
        let (status, body) = answered
            .unwrap_or_else(|_| Err("it takes too long to answer".to_owned()))
            .map_err(|reason| self.silent(&reason))?;
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failure::new(format!("the server {} answers otherwise: {error}", self.server)))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = self.begin(method, path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::from(body));
        request.map_err(|_| Failure::new("the API key holds characters that no key has"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let (head, body) = self.exchange(request.map(sent)).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?;
        Ok((head.status, body.to_bytes()))
    }

    async fn exchange(&self, request: Request<SentBody>) -> Result<Response<Incoming>, String> {
        let text = |error: &dyn fmt::Display| error.to_string();
        let stream = self.server.connect().await?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        // It ends with the answer, whose failure tells more than its own.
        tokio::spawn(async move { drop(connection.await) });
        sender.send_request(request).await.map_err(|error| text(&error))
    }
}

fn sent<B>(body: B) -> SentBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body.map_err(io::Error::other).boxed_unsync()
}

/// Asks a server whether it is ready.
pub(crate) async fn check_ready(server: &ServerUrl, roots: &RootsArguments) -> Result<(), Failure> {
    let asking = Client { server: Server::new(server.clone(), roots)?, key: String::new() };
    let request = Request::get("/readyz").header(header::HOST, asking.server.authority());
    let request = request.body(Full::default()).map_err(|error| Failure::new(error.to_string()))?;
    match timeout(HEALTH_PATIENCE, asking.send(request)).await {
        Ok(Ok((status, _))) if status.is_success() => Ok(()),
        Ok(Ok((status, body))) => Err(refused(status, &body)),
        Ok(Err(reason)) => Err(Failure::new(format!("the server {server} does not answer: {reason}"))),
        Err(_) => Err(Failure::new(format!("the server {server} takes too long to answer"))),
    }
}

/// The failure of a request that the server has refused.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice(body) {
        Ok(Problem { detail }) => Failure::new(detail),
        Err(_) => Failure::new(format!("the server answers {status}")),
    }
}

//! A client that keeps its connection, and one that writes bytes as they are.

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::attack::Stop;

/// Time that an answer may take.
const ANSWER: Duration = Duration::from_secs(70);

/// Time that a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A caller with at most one connection, which is made when it is needed.
pub(crate) struct Client {
    address: SocketAddr,
    source: Ipv4Addr,
    /// Headers that each request has.
    headers: Vec<(&'static str, String)>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), body: None }
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self { method: "DELETE", path: path.into(), body: None }
    }

    pub(crate) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self { method: "POST", path: path.into(), body: Some(body.to_string()) }
    }

    pub(crate) fn put(path: impl Into<String>, body: &Value) -> Self {
        Self { method: "PUT", ..Self::post(path, body) }
    }

    pub(crate) fn patch(path: impl Into<String>, body: &Value) -> Self {
        Self { method: "PATCH", ..Self::post(path, body) }
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, source: Ipv4Addr::LOCALHOST, headers: Vec::new(), sender: None }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("x-api-key", key)
    }

    /// Connects from another address of this machine.
    pub(crate) fn from(mut self, source: Ipv4Addr) -> Self {
        self.source = source;
        self
    }

    /// The answer to a request, whatever its status.
    pub(crate) async fn ask(&mut self, ask: Ask) -> Result<Answer, Stop> {
        let had_one = self.sender.as_ref().is_some_and(SendRequest::is_ready);
        match self.attempt(&ask).await {
            // A server may have closed a connection that was kept, before the request.
            Err(_) if had_one && ask.method == "GET" => self.attempt(&ask).await,
            answer => answer,
        }
    }

    /// The answer to a request that must succeed.
    pub(crate) async fn done(&mut self, ask: Ask) -> Result<Value, Stop> {
        let told = format!("{} {}", ask.method, ask.path);
        let answer = self.ask(ask).await?;
        if !answer.status.is_success() {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(Stop::failed(format!("{told}: {} {body}", answer.status)));
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    /// The status of the answer to a request, 0 if there is no answer.
    pub(crate) async fn status(&mut self, ask: Ask) -> u16 {
        self.ask(ask).await.map_or(0, |answer| answer.status.as_u16())
    }

    async fn attempt(&mut self, ask: &Ask) -> Result<Answer, Stop> {
        let mut sender = match self.sender.take().filter(SendRequest::is_ready) {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        let mut request = Request::builder().method(ask.method).uri(&ask.path);
        if !self.headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if ask.body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Bytes::from(ask.body.clone().unwrap_or_default());
        let request = request.body(Full::new(body))?;
        let answer = async {
            sender.ready().await?;
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Answer { status: head.status, headers: head.headers, body })
        };
        let answer = timeout(ANSWER, answer).await??;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Stop> {
        let stream = connect(self.address, self.source).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value, Stop> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A connection from an address of this machine.
pub(crate) async fn connect(to: SocketAddr, source: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if source != Ipv4Addr::LOCALHOST {
        socket.bind(SocketAddr::from((source, 0)))?;
    }
    in_time(CONNECT, socket.connect(to)).await
}

/// The answer to bytes, all of which are written before any is read; empty if there is none.
pub(crate) async fn answer_to_bytes(to: SocketAddr, source: Ipv4Addr, bytes: &[u8]) -> io::Result<String> {
    let mut stream = connect(to, source).await?;
    // A server that has answered may take no more of them; the answer may have come all the same.
    let _ = in_time(CONNECT, stream.write_all(bytes)).await;
    Ok(read_answer(&mut stream).await)
}

/// The beginning of an answer; empty if there is none.
pub(crate) async fn read_answer(stream: &mut TcpStream) -> String {
    let mut answer = [0; 2048];
    let count = in_time(CONNECT, stream.read(&mut answer)).await.unwrap_or(0);
    String::from_utf8_lossy(answer.get(..count).unwrap_or_default()).into_owned()
}

/// The status in the first line of an answer, 0 if there is none.
pub(crate) fn status_of(answer: &str) -> u16 {
    let status = answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    status.and_then(|status| status.parse().ok()).unwrap_or(0)
}

pub(crate) async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

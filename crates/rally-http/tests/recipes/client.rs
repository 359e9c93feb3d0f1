//! The HTTP client of the programs under test: a request by a connection of its own.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use rally_http::testing::FakeTenant;
use serde_json::Value;

/// A client of one tenant.
#[derive(Clone)]
pub(crate) struct Crm {
    pub(crate) url: String,
    /// The header that says who calls, with its line's end.
    pub(crate) credential: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Crm {
    pub(crate) fn of(tenant: &FakeTenant) -> Self {
        Self { url: tenant.url().to_owned(), credential: format!("X-Api-Key: {}\r\n", tenant.api_key()) }
    }

    /// Sends a request; an error if the connection ends before the whole answer has come.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.url.trim_start_matches("http://"))?;
        let head = format!("{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        let length = body.len();
        write!(stream, "{head}{}{headers}Content-Length: {length}\r\n\r\n{body}", self.credential)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Answer::read(&answer).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Answer {
    fn read(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let answer =
            Self { status, head: head.to_owned(), body: serde_json::from_str(body).unwrap_or_default() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        if length.is_none_or(|length: usize| length == body.len()) { Some(answer) } else { None }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

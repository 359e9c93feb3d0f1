use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::Value;

/// One request, sent on a connection of its own.
pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    /// An API key or a token.
    pub(crate) key: &'r str,
    /// `Idempotency-Key`, if not empty.
    pub(crate) once: &'r str,
    pub(crate) body: &'r str,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    /// The body as JSON; `null` if it is none.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Request<'_> {
    pub(crate) fn get<'r>(path: &'r str, key: &'r str) -> Request<'r> {
        Request { method: "GET", path, key, once: "", body: "" }
    }

    /// The answer; `None` if the connection breaks before all of it is there.
    pub(crate) fn send(&self, address: &str) -> Option<Answer> {
        self.send_with(address, "")
    }

    /// The same with more lines in its head, each with its end.
    pub(crate) fn send_with(&self, address: &str, lines: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        stream.write_all(self.text(address, lines).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let (head, text) = (head.to_owned(), body.to_owned());
        let answer = Answer { status, head, body: serde_json::from_str(body).unwrap_or(Value::Null), text };
        let length = answer.header("Content-Length");
        (length.is_empty() || length == body.len().to_string()).then_some(answer)
    }

    fn text(&self, address: &str, lines: &str) -> String {
        let Self { method, path, key, once, body } = self;
        let length = body.len();
        let once = if once.is_empty() { String::new() } else { format!("Idempotency-Key: {once}\r\n") };
        // A token has dots, and a key has none.
        let credential = if key.contains('.') {
            format!("Authorization: Bearer {key}")
        } else {
            format!("X-Api-Key: {key}")
        };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{credential}\r\n{once}{lines}\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    }
}

impl Answer {
    /// A header's value, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|line| line.0.eq_ignore_ascii_case(name)).map_or("", |line| line.1)
    }
}

/// Sends a request on a connection of its own; `None` if the connection breaks.
pub(crate) fn send(address: &str, method: &str, path: &str, key: &str, body: &str) -> Option<(u16, Value)> {
    let answer = Request { method, path, key, once: "", body }.send(address)?;
    Some((answer.status, answer.body))
}

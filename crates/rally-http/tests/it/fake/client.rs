//! A small client of a fake, over connections of its own.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rally_http::testing::{Fake, FakeTenant};
use serde_json::Value;

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads the bytes of an answer.
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends a request with some headers, each with its line's end.
pub(crate) fn send(url: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    Answer::read(&speak(url, method, path, headers, body))
}

/// [`send`] that answers all bytes that came, however the connection has ended.
pub(crate) fn speak(url: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    let host = if headers.contains("Host: ") { "" } else { "Host: localhost\r\n" };
    let head = format!("{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    // The server may have closed the connection before all of it was sent.
    let _sent = stream.write_all(format!("{head}{length}\r\n{body}").as_bytes());
    let mut bytes = Vec::new();
    let _ended = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks the control plane.
pub(crate) fn control(fake: &Fake, method: &str, path: &str, body: &str) -> Answer {
    send(fake.url(), method, &format!("/_fake{path}"), "", body)
}

/// Asks the API as a tenant's administrator.
pub(crate) fn api(tenant: &FakeTenant, method: &str, path: &str, body: &str) -> Answer {
    with_key(tenant, tenant.api_key(), method, path, body)
}

/// Asks the API with a key.
pub(crate) fn with_key(tenant: &FakeTenant, key: &str, method: &str, path: &str, body: &str) -> Answer {
    send(tenant.url(), method, &format!("/api/v1{path}"), &format!("X-Api-Key: {key}\r\n"), body)
}

/// The body of a contact.
pub(crate) fn contact(name: &str) -> String {
    format!(r#"{{"firstName":"{name}","lastName":"Test","email":"{name}@x.example"}}"#)
}

/// The number of a tenant's contacts.
pub(crate) fn contacts(tenant: &FakeTenant) -> usize {
    api(tenant, "GET", "/contacts", "").is(200).json().as_array().unwrap().len()
}

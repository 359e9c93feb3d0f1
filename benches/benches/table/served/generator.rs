//! A generator of load that takes as little of the machine as it can: its requests are made ahead, and of an answer it
//! reads the length alone.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, Instant},
};

use rally_benches::fixture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::LocalSet,
};

use super::server::Server;

/// The object of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    One,
    List,
    Three,
    Create,
}

/// Connections at once.
const CONNECTIONS: usize = 16;

/// Answers a second.
pub(super) fn throughput(server: &Server, asked: Asked, time: Duration) -> f64 {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answers = Rc::new(Cell::new(0_u32));
    let local = LocalSet::new();
    let began = Instant::now();
    for _ in 0..CONNECTIONS {
        let (answers, requests) = (Rc::clone(&answers), server.requests(asked));
        let address = server.address;
        local.spawn_local(async move {
            let mut connection = Connection::to(address).await;
            let mut requests = requests;
            while began.elapsed() < time {
                connection.exchange(&requests()).await;
                answers.set(answers.get() + 1);
            }
        });
    }
    runtime.block_on(local);
    f64::from(answers.get()) / began.elapsed().as_secs_f64()
}

/// The bytes of a request. `key` is a credential, if the server asks for one.
pub(super) fn request(method: &str, path: &str, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let content = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
    };
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: {key}\r\n{content}\r\n{body}");
    request.into_bytes()
}

/// A body that creates a contact; each is another one.
pub(super) fn draft(number: u64) -> String {
    fixture::draft((1 << 45) + number)
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn to(address: std::net::SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, read: vec![0; 256 << 10] }
    }

    /// Sends a request and reads its answer to the end.
    async fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("a request that is sent");
        let mut have = 0;
        let end = loop {
            let space = self.read.get_mut(have..).expect("an answer fits");
            let more = self.stream.read(space).await.expect("an answer");
            assert!(more > 0, "the server has closed the connection");
            have += more;
            if let Some(end) = self.end_of_answer(have) {
                break end;
            }
        };
        while have < end {
            let space = self.read.get_mut(..end - have).expect("an answer fits");
            have += self.stream.read_exact(space).await.expect("the rest of an answer");
        }
    }

    /// Bytes of the whole answer, when its head is among the first `have`.
    fn end_of_answer(&self, have: usize) -> Option<usize> {
        let mut rest = self.read.get(..have)?;
        let (mut head, mut length) = (0, 0);
        loop {
            let line_end = rest.iter().position(|byte| *byte == b'\n')? + 1;
            let (line, after) = rest.split_at(line_end);
            head += line_end;
            rest = after;
            if head == line_end {
                assert_eq!(line.get(9), Some(&b'2'), "{}", String::from_utf8_lossy(line));
            } else if line.len() == 2 {
                return Some(head + length);
            } else if let Some((name, value)) = line.split_at_checked(16)
                && name.eq_ignore_ascii_case(b"content-length: ")
            {
                length = std::str::from_utf8(value).ok()?.trim().parse().expect("a length");
            }
        }
    }
}

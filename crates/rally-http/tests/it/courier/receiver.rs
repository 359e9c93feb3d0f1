use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The manner in which a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// With these bytes.
    Answer(Vec<u8>),
    /// With these bytes, and then the last of them again and again, as long as the connection takes them.
    Endless(Vec<u8>, Vec<u8>),
    /// With these bytes, and then not at all.
    Hang(Vec<u8>),
    /// By resetting the connection.
    Reset,
}

/// A request as it was received.
#[derive(Clone, Debug, Default)]
pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A receiver of webhooks on this machine, which keeps what it gets.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    kept: Arc<Kept>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Kept {
    requests: Mutex<Vec<Received>>,
}

impl Manner {
    /// With a status and headers, and no body.
    pub(crate) fn status(line: &str, headers: &str) -> Self {
        Self::Answer(format!("HTTP/1.1 {line}\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes())
    }

    pub(crate) fn ok() -> Self {
        Self::status("200 OK", "")
    }

    async fn answer(self, stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Option<()> {
        match self {
            Self::Answer(bytes) => stream.write_all(&bytes).await.ok(),
            Self::Endless(bytes, more) => {
                stream.write_all(&bytes).await.ok()?;
                while stream.write_all(&more).await.is_ok() {}
                None
            }
            Self::Hang(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                // The sender alone ends this.
                while stream.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                None
            }
            Self::Reset => None,
        }
    }
}

impl Received {
    /// The value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }

    /// Reads a request with a length.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let mut received = Self { head: String::from_utf8(head).ok()?, body: Vec::new() };
        received.body.resize(received.header("content-length").parse().ok()?, 0);
        stream.read_exact(&mut received.body).await.ok()?;
        Some(received)
    }
}

impl Receiver {
    /// A receiver that answers in these manners, one request after the other, and goes on in the last.
    pub(crate) async fn start(manners: impl IntoIterator<Item = Manner>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, kept) = (listener.local_addr().unwrap(), Arc::new(Kept::default()));
        let manners = Arc::new(Mutex::new(manners.into_iter().collect::<Vec<_>>()));
        let keeping = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&manners), Arc::clone(&keeping)));
            }
        });
        Self { address, kept, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.kept.requests.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, manners: Arc<Mutex<Vec<Manner>>>, kept: Arc<Kept>) {
    let Some(received) = Received::read(&mut stream).await else { return };
    kept.requests.lock().unwrap().push(received);
    let manner = {
        let mut manners = manners.lock().unwrap();
        if manners.len() > 1 { manners.remove(0) } else { manners[0].clone() }
    };
    if matches!(manner, Manner::Reset) {
        stream.set_zero_linger().unwrap();
    }
    manner.answer(&mut stream).await;
}

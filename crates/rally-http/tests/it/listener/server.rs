use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rally_http::{ServeOptions, router};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::support::{Api, Setting};

pub(crate) const CONTACTS: &str = "/api/v1/contacts";

/// A time that no test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(3_600);

/// A time that is over soon.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// The longest time that anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An API on a port.
pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// Options of a server that is in no hurry.
pub(crate) fn patient() -> ServeOptions {
    ServeOptions {
        head_timeout: LONG,
        idle_timeout: LONG,
        write_timeout: LONG,
        ping_interval: LONG,
        linger: PATIENCE,
        ..ServeOptions::default()
    }
}

impl Server {
    pub(crate) fn new(options: ServeOptions) -> Self {
        Self::with(Setting::default(), options)
    }

    pub(crate) fn with(setting: Setting, options: ServeOptions) -> Self {
        let http = setting.http.clone();
        let api = Api::with(setting);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = router(api.engine.clone(), http);
        let serving = runtime.spawn(rally_http::serve(listener, router, options, async {
            let _ = stopped.await;
        }));
        Self { api, address, runtime, stop: Some(stop), serving }
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client(stream)
    }

    /// The head of a request with the admin's key, with these lines beside it.
    pub(crate) fn head(&self, line: &str, more: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n{more}\r\n", self.api.admin)
    }

    /// The answer to `GET` on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> String {
        let mut client = self.connect();
        client.send(self.head(&format!("GET {path}"), "Connection: close\r\n"));
        client.rest()
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Returns once the server has stopped.
    pub(crate) fn wait(&mut self) {
        self.runtime.block_on(&mut self.serving).unwrap().unwrap();
    }
}

/// A connection of a caller who does as the test says.
pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// All that comes until the other side closes the connection in order.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// One answer, up to the length that it declares; empty if the connection is closed.
    pub(crate) fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while length(&answer).is_none_or(|length| answer.len() < length) {
            let mut byte = [0];
            if self.0.read(&mut byte).unwrap() == 0 {
                assert!(answer.is_empty(), "cut off: {}", String::from_utf8_lossy(&answer));
                break;
            }
            answer.push(byte[0]);
        }
        String::from_utf8(answer).unwrap()
    }

    /// Returns once the other side has closed the connection, in order or not.
    pub(crate) fn wait_for_end(&mut self) {
        let mut byte = [0];
        loop {
            match self.0.read(&mut byte) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
                    return;
                }
            }
        }
    }
}

/// The length of an answer whose head is whole.
fn length(answer: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(answer);
    let (head, _) = text.split_once("\r\n\r\n")?;
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some(head.len() + 4 + line.map_or(0, |length| length.parse::<usize>().unwrap()))
}

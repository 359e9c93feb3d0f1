use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

/// The longest time that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A receiver of webhooks, which keeps what it gets as long as the test runs.
#[derive(Clone)]
pub(crate) struct Receiver {
    url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    received: Vec<Received>,
    /// True while requests are read and not answered.
    is_holding: bool,
    answer: &'static str,
}

/// An event that has come.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) event: Value,
}

impl Received {
    /// The value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The number of its change in the feed.
    pub(crate) fn sequence(&self) -> u64 {
        self.event["sequence"].as_u64().unwrap()
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut received = Self { headers, body: Vec::new(), event: Value::Null };
        received.body.resize(received.header("content-length").parse().ok()?, 0);
        reader.read_exact(&mut received.body).ok()?;
        received.event = serde_json::from_slice(&received.body).ok()?;
        Some(received)
    }
}

impl Receiver {
    /// A receiver that answers 204.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = State { received: Vec::new(), is_holding: false, answer: "204 No Content" };
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            state: Arc::new((Mutex::new(state), Condvar::new())),
        };
        let receiving = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let receiving = receiving.clone();
                thread::spawn(move || receiving.receive(stream));
            }
        });
        receiver
    }

    fn receive(&self, mut stream: TcpStream) {
        let Some(received) = Received::read(&stream) else { return };
        let (state, changed) = &*self.state;
        let mut state = state.lock().unwrap();
        state.received.push(received);
        changed.notify_all();
        let state = changed.wait_while(state, |state| state.is_holding).unwrap();
        let answer = format!("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", state.answer);
        drop(state);
        // Who has sent it may be gone.
        let _ = stream.write_all(answer.as_bytes());
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.0.lock().unwrap());
        self.state.1.notify_all();
    }

    /// Lets requests wait for their answer from now on.
    pub(crate) fn hold(&self) {
        self.change(|state| state.is_holding = true);
    }

    /// Answers the requests that wait, and those that come.
    pub(crate) fn release(&self) {
        self.change(|state| state.is_holding = false);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state.0.lock().unwrap().received.clone()
    }

    /// Waits until what has come is enough.
    #[track_caller]
    pub(crate) fn until(&self, is_enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let (state, changed) = &*self.state;
        let waiting =
            changed.wait_timeout_while(state.lock().unwrap(), PATIENCE, |state| !is_enough(&state.received));
        let (state, waited) = waiting.unwrap();
        assert!(!waited.timed_out(), "{} events have come, and that is not enough", state.received.len());
        state.received.clone()
    }

    /// Waits until an event of each of these changes has come.
    #[track_caller]
    pub(crate) fn until_all(&self, sequences: &BTreeSet<u64>) -> Vec<Received> {
        self.until(|received| {
            let come: BTreeSet<u64> = received.iter().map(Received::sequence).collect();
            come.is_superset(sequences)
        })
    }
}

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    time::Instant,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use rally_core::CourierLimits;
use rally_http::{CourierOptions, Delivering, HttpCourier, deliver};
use serde_json::Value;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::store::Opened;

/// A receiver on this machine, on threads of its own, which notes when each change's event has come.
pub(crate) struct Receiver {
    port: u16,
    arrivals: Arc<Arrivals>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Arrivals {
    seen: Mutex<Seen>,
    more: Condvar,
}

#[derive(Default)]
struct Seen {
    /// The first arrival of an event of each change.
    by_sequence: HashMap<u64, Instant>,
    all: usize,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let arrivals = Arc::new(Arrivals::default());
        let router = Router::new()
            .route("/hook", post(arrive))
            .route("/hole", post(async || std::future::pending::<StatusCode>().await))
            .with_state(Arc::clone(&arrivals));
        runtime.spawn(async { axum::serve(listener, router).await });
        Self { port, arrivals, _runtime: runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Waits for the event of a change, and answers when it came.
    pub(crate) fn arrival(&self, sequence: u64) -> Instant {
        let seen = self.wait(|seen| seen.by_sequence.contains_key(&sequence));
        seen.by_sequence.get(&sequence).copied().expect("it has come")
    }

    /// Waits until so many events have come.
    pub(crate) fn wait_for(&self, events: usize) {
        drop(self.wait(|seen| seen.all >= events));
    }

    fn wait(&self, is_enough: impl Fn(&Seen) -> bool) -> MutexGuard<'_, Seen> {
        let seen = self.arrivals.seen.lock().expect("no panic");
        self.arrivals.more.wait_while(seen, |seen| !is_enough(seen)).expect("no panic")
    }
}

async fn arrive(State(arrivals): State<Arc<Arrivals>>, body: Bytes) -> StatusCode {
    let now = Instant::now();
    let event: Value = serde_json::from_slice(&body).expect("an event is JSON");
    let sequence = event.get("sequence").and_then(serde_json::Value::as_u64).expect("an event has a number");
    let mut seen = arrivals.seen.lock().expect("no panic");
    seen.by_sequence.entry(sequence).or_insert(now);
    seen.all += 1;
    drop(seen);
    arrivals.more.notify_all();
    StatusCode::NO_CONTENT
}

/// A courier on threads of its own.
pub(crate) struct Running {
    delivering: Option<Delivering>,
    runtime: Runtime,
}

impl Running {
    pub(crate) fn start(opened: &Opened) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let options = CourierOptions { reach: opened.engine.config().reach, ..CourierOptions::default() };
        let (engine, courier) = (opened.engine.clone(), HttpCourier::new(options));
        let delivering = runtime.block_on(async { deliver(engine, courier, CourierLimits::default()) });
        Self { delivering: Some(delivering.expect("a thread")), runtime }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(delivering) = self.delivering.take() {
            self.runtime.block_on(delivering.stop(std::time::Duration::ZERO));
        }
    }
}

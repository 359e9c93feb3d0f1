use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    activity::{Activity, Due, Reason},
    exchange::Exchanges,
    options::ServeOptions,
    socket::Socket,
    transport::Transport,
};
use crate::lifecycle::Lifecycle;

/// Bytes of a request's headers, and those of a body that are read ahead of whoever reads it.
const READ_BUFFER: usize = 64 << 10;

/// Bytes of bodies that a peer may send ahead on one connection of HTTP/2.
const WINDOW: u32 = 128 << 10;

/// Bytes that are copied of one answer on a connection of HTTP/2 before its reader has room for them.
const SEND_BUFFER: usize = 64 << 10;

/// What all connections have in common.
#[derive(Debug)]
pub(crate) struct Server {
    builder: Builder<TokioExecutor>,
    lifecycle: Lifecycle,
    options: Arc<ServeOptions>,
}

impl Server {
    pub(crate) fn new(lifecycle: Lifecycle, options: ServeOptions) -> Arc<Self> {
        let mut builder = Builder::new(TokioExecutor::new());
        // Headers have a time-out of our own, as hyper's counts from the end of the request before.
        builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(READ_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(options.max_streams)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(options.ping_interval)
            .keep_alive_timeout(options.ping_timeout);
        Arc::new(Self { builder, lifecycle, options: Arc::new(options) })
    }

    /// Makes a connection secure, if it is to be; `None` if that fails, is late, or the connection has to make room.
    async fn secure(&self, stream: TcpStream, activity: &Activity) -> Option<Transport> {
        let Some(tls) = &self.options.tls else { return Some(Transport::Plain(stream)) };
        let handshake = timeout(self.options.head_timeout, tls.acceptor().accept(stream));
        tokio::select! {
            () = activity.evicted() => None,
            secured = handshake => match secured {
                Ok(Ok(stream)) => Some(Transport::Secured(Box::new(stream))),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a connection was not made secure");
                    None
                }
                Err(_) => None,
            },
        }
    }

    /// Serves a connection until either side ends it, or it is late, or it has to make room.
    pub(crate) async fn attend(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        activity: Arc<Activity>,
        mut draining: watch::Receiver<bool>,
    ) {
        let Some(stream) = self.secure(stream, &activity).await else { return };
        let is_secured = stream.is_secured();
        let socket = Socket::new(stream, Arc::clone(&activity), self.options.linger);
        let service = Exchanges {
            lifecycle: self.lifecycle.clone(),
            peer,
            is_secured,
            activity: Arc::clone(&activity),
            options: Arc::clone(&self.options),
        };
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(socket), service));
        let mut drained = pin!(async move {
            // An error here means that the server is gone, and this connection with it.
            drop(draining.wait_for(|is_draining| *is_draining).await);
        });
        let mut evicted = pin!(activity.evicted());
        let mut watch = Watch::new(Arc::clone(&activity), Arc::clone(&self.options));
        let mut is_draining = false;
        loop {
            tokio::select! {
                biased;
                () = &mut drained, if !is_draining => {
                    is_draining = true;
                    watch.begin_to_close();
                    connection.as_mut().graceful_shutdown();
                }
                () = &mut evicted => return,
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, error, "a connection broke");
                    }
                    return;
                }
                // Behind the connection, as what it has just done moves its time-outs.
                reason = watch.late() => match reason {
                    Reason::Request if watch.begin_to_close() => connection.as_mut().graceful_shutdown(),
                    Reason::Head | Reason::Request | Reason::Nothing => return,
                    Reason::Reading => {
                        activity.reset();
                        return;
                    }
                },
            }
        }
    }
}

/// The time-outs of one connection, kept by one timer.
struct Watch {
    activity: Arc<Activity>,
    options: Arc<ServeOptions>,
    alarm: Pin<Box<Sleep>>,
    /// The instant at which the connection was told to end.
    told_at: Option<Instant>,
}

impl Watch {
    fn new(activity: Arc<Activity>, options: Arc<ServeOptions>) -> Self {
        let alarm = Box::pin(sleep_until(activity.due(&options).at));
        Self { activity, options, alarm, told_at: None }
    }

    /// True at the first time, from which on there is little time left to close the connection in order.
    fn begin_to_close(&mut self) -> bool {
        let is_first = self.told_at.is_none();
        self.told_at.get_or_insert_with(Instant::now);
        is_first
    }

    /// Returns once the connection is late.
    async fn late(&mut self) -> Reason {
        poll_fn(|cx| self.poll_late(cx)).await
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Reason> {
        loop {
            let due = self.due();
            if due.at < self.alarm.deadline() {
                self.alarm.as_mut().reset(due.at);
            }
            ready!(self.alarm.as_mut().poll(cx));
            if due.at <= Instant::now() {
                return Poll::Ready(due.reason);
            }
            self.alarm.as_mut().reset(due.at);
        }
    }

    fn due(&self) -> Due {
        let due = self.activity.due(&self.options);
        match (self.told_at, self.activity.idle_since()) {
            // Twice the time for which its socket lingers.
            (Some(told_at), Some(idle_since)) => {
                Due { at: told_at.max(idle_since) + self.options.linger * 2, reason: Reason::Request }
            }
            _ => due,
        }
    }
}

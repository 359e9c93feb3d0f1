use std::time::Duration;

use ipnet::IpNet;

use super::tls::TlsFiles;
use crate::{limits, metrics::Metrics};

/// Options of a server: what its connections may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeOptions {
    /// Connections at once; fewer where the process may have fewer descriptors open. When all are taken, the one that is
    /// idle for longest makes room; when none is idle, a new one is closed.
    pub max_connections: usize,
    /// Connections at once of one source address, which is the 64-bit network for IPv6. Room is made as for all.
    pub max_connections_per_source: usize,
    /// Networks of proxies to which that limit does not apply, as their connections are those of many clients. The router
    /// has [such a list](crate::Config::trusted_proxies) of its own.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests at once on one connection of HTTP/2.
    pub max_streams: u32,
    /// The longest time from the opening of a connection, or from the first byte of a later request, to the end of the
    /// request's headers.
    pub head_timeout: Duration,
    /// The longest time that a connection stays open without a request.
    pub idle_timeout: Duration,
    /// The longest time that an answer waits for its reader to take more of it; then the connection is reset.
    pub write_timeout: Duration,
    /// The time without a sign of life after which a peer that speaks HTTP/2 is asked for one.
    pub ping_interval: Duration,
    /// The longest time that such a peer may take to give it.
    pub ping_timeout: Duration,
    /// Bytes of a body that nobody wants which are read so that the connection can be used again.
    pub unread_bytes: usize,
    /// The time for which the bytes of a caller who still sends are read and dropped, before and after the connection's
    /// writing side is closed: closing it sooner would take the answer away from the caller.
    pub linger: Duration,
    /// The certificate by which connections are made secure; they are plain without one.
    pub tls: Option<TlsFiles>,
    /// The counts of connections; [`Metrics::off`] by default.
    pub metrics: Metrics,
    /// The time that running requests have after the shutdown has begun.
    pub grace: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            max_connections: limits::CONNECTIONS,
            max_connections_per_source: limits::CONNECTIONS_PER_SOURCE,
            trusted_proxies: Vec::new(),
            max_streams: limits::STREAMS,
            head_timeout: limits::HEAD_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            write_timeout: limits::WRITE_TIMEOUT,
            ping_interval: limits::PING_INTERVAL,
            ping_timeout: limits::PING_TIMEOUT,
            unread_bytes: limits::UNREAD_BYTES,
            linger: limits::LINGER,
            tls: None,
            metrics: Metrics::off(),
            grace: limits::GRACE,
        }
    }
}

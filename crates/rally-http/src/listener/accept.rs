use std::{future::Future, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinError, JoinSet},
};

use super::{
    activity::Activity, connection::Server, descriptors, options::ServeOptions, places::Places, tls::TlsFiles,
};
use crate::{
    caller::neighbourhood,
    forwarded::is_trusted,
    lifecycle::Lifecycle,
    metrics::{Metrics, Refusal},
};

/// The time until the next try after the system had no connection to give.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves a router, or a server that has none yet, on a listener until `shutdown` is done. Then it accepts no connection,
/// gives running requests time to end, and returns.
///
/// ```no_run
/// use rally_core::{Engine, store::MemoryStore};
/// use rally_http::{Config, ServeOptions};
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// let router = rally_http::router(Engine::new(MemoryStore::new()), Config::default());
/// let options = ServeOptions { max_connections_per_source: 2_000, ..ServeOptions::default() };
/// rally_http::serve(listener, router, options, std::future::pending()).await
/// # }
/// ```
///
/// Requests carry the address that they come from as axum's `ConnectInfo<SocketAddr>`.
///
/// # Errors
/// None at present: a listener that fails is tried again.
pub async fn serve(
    listener: TcpListener,
    service: impl Into<Lifecycle>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (grace, metrics) = (options.grace, options.metrics.clone());
    let lifecycle = service.into();
    let _watching = options.tls.as_ref().map(TlsFiles::watch);
    let mut acceptor = Acceptor::new(lifecycle.clone(), options);
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => acceptor.take_in(stream, peer).await,
                Err(error) => acceptor.recover(&error).await,
            },
            Some(ended) = acceptor.connections.join_next() => note_end(ended),
        }
    }
    drop(listener);
    lifecycle.begin_stopping();
    metrics.begin_stopping();
    acceptor.drain(grace).await;
    Ok(())
}

/// The connections of one server. They end with it.
struct Acceptor {
    server: Arc<Server>,
    trusted_proxies: Vec<IpNet>,
    places: Arc<Places>,
    metrics: Metrics,
    draining: watch::Sender<bool>,
    connections: JoinSet<()>,
}

impl Acceptor {
    fn new(lifecycle: Lifecycle, options: ServeOptions) -> Self {
        let most = descriptors::affordable(options.max_connections);
        Self {
            places: Places::new(most, options.max_connections_per_source),
            trusted_proxies: options.trusted_proxies.clone(),
            metrics: options.metrics.clone(),
            server: Server::new(lifecycle, options),
            draining: watch::Sender::new(false),
            connections: JoinSet::new(),
        }
    }

    async fn take_in(&mut self, stream: TcpStream, peer: SocketAddr) {
        let activity = Activity::begin();
        let source =
            if is_trusted(peer.ip(), &self.trusted_proxies) { None } else { Some(neighbourhood(peer.ip())) };
        let (place, leaving) = match self.places.take(source, &activity) {
            Ok(taken) => taken,
            Err(refusal) => {
                tracing::debug!(%peer, "a connection is refused, as all are taken and busy");
                return self.metrics.note_refused_connection(refusal);
            }
        };
        // Until then its socket is open, and the next connection would have one more.
        if let Some(leaving) = leaving {
            leaving.left().await;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
        let (server, draining) = (Arc::clone(&self.server), self.draining.subscribe());
        let counted = self.metrics.open_connection();
        self.connections.spawn(async move {
            server.attend(stream, peer, activity, draining).await;
            drop((place, counted));
        });
    }

    /// Goes on after the listener had no connection to give: at once if one was only gone before it was accepted.
    async fn recover(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        self.metrics.note_refused_connection(Refusal::System);
        tracing::error!(%error, "no connection can be accepted; is the limit of descriptors too low?");
        if let Some(leaving) = self.places.make_room() {
            leaving.left().await;
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Has every connection end with the requests that it has, within a time.
    async fn drain(mut self, grace: Duration) {
        self.draining.send_replace(true);
        let ending = async {
            while let Some(ended) = self.connections.join_next().await {
                note_end(ended);
            }
        };
        if tokio::time::timeout(grace, ending).await.is_err() {
            tracing::warn!(open = self.connections.len(), "connections are closed before they have ended");
        }
    }
}

fn note_end(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection has ended by a panic");
    }
}

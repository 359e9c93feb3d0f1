use std::{future::Future, io, net::SocketAddr, time::Duration};

use axum::{ServiceExt, extract::Request, serve::ListenerExt};
use rally_core::Engine;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{config::Config, lifecycle::Lifecycle, router::router};

/// The time that running requests have after the shutdown has begun.
const GRACE: Duration = Duration::from_secs(10);

/// Serves an engine on a listener until `shutdown` is done. Then it accepts no connection, gives running requests up to
/// ten seconds, and returns.
///
/// # Errors
/// An I/O error if the listener fails.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let lifecycle = Lifecycle::new();
    lifecycle.begin_serving(router(engine, config));
    serve_lifecycle(listener, lifecycle, shutdown).await
}

/// [`serve`], which answers before there is an engine, as far as the lifecycle has come.
///
/// # Errors
/// An I/O error if the listener fails.
pub async fn serve_lifecycle(
    listener: TcpListener,
    lifecycle: Lifecycle,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let stopping = lifecycle.clone();
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(lifecycle);
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with Nagle's algorithm");
        }
    });
    let (begun, has_begun) = oneshot::channel();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        stopping.begin_stopping();
        // Nobody listens when serving has ended by itself.
        let _ = begun.send(());
    });
    let overdue = async {
        // An error here means that the sender is gone, which it is only once serving has ended.
        drop(has_begun.await);
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = serving => result,
        () = overdue => Ok(()),
    }
}

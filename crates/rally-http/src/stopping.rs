use std::future::pending;

use tokio::sync::watch;

/// The coming end of a server, for requests that only wait. It stands among the extensions of each request.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(pub(crate) watch::Receiver<bool>);

impl Stopping {
    /// Waits until the server begins to stop.
    pub(crate) async fn begun(&mut self) {
        if self.0.wait_for(|is_stopping| *is_stopping).await.is_err() {
            // Without the one who tells of an end there is none.
            pending::<()>().await;
        }
    }
}
